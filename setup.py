"""The engine, and nothing else; all other metadata is in pyproject.toml."""

from glob import glob

from pybind11.setup_helpers import ParallelCompile, Pybind11Extension, build_ext
from setuptools import setup

# GCC and Clang. No -march and no fast-math: kernels are chosen at run time, and their arithmetic is what is written.
FLAGS = ["-O3", "-ffp-contract=off", "-fvisibility=hidden"]

ParallelCompile("WAVEHAX_BUILD_JOBS").install()  # as many compilers as cores, unless the environment says how many

setup(
    ext_modules=[
        Pybind11Extension(
            "wavehax._engine",
            sorted(glob("csrc/*.cpp") + glob("csrc/kernels/*.cpp")),
            depends=sorted(glob("csrc/**/*.h", recursive=True)),
            include_dirs=["csrc"],
            extra_compile_args=FLAGS,
            cxx_std=17,
        )
    ],
    cmdclass={"build_ext": build_ext},
)

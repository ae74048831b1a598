"""The compiled modules, and nothing else; all other metadata is in pyproject.toml."""

from glob import glob

from pybind11.setup_helpers import ParallelCompile, Pybind11Extension, build_ext
from setuptools import setup

# GCC and Clang. No -march and no fast-math: kernels are chosen at run time, and their arithmetic is what is written.
FLAGS = ["-O3", "-pthread", "-ffp-contract=off", "-fvisibility=hidden"]

ParallelCompile("WAVEHAX_BUILD_JOBS").install()  # as many compilers as cores, unless the environment says how many


def extension(name: str, *patterns: str) -> Pybind11Extension:
    return Pybind11Extension(
        name,
        sorted(path for pattern in patterns for path in glob(pattern)),
        depends=sorted(glob("csrc/**/*.h", recursive=True)),
        include_dirs=["csrc"],
        extra_compile_args=FLAGS,
        extra_link_args=["-pthread"],
        cxx_std=17,
    )


setup(
    ext_modules=[
        extension("wavehax._engine", "csrc/*.cpp", "csrc/kernels/*.cpp"),
        extension("wavehax._training", "csrc/isa.cpp", "csrc/training/*.cpp"),
    ],
    cmdclass={"build_ext": build_ext},
)

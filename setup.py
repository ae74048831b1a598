"""The compiled modules, and nothing else; all other metadata is in pyproject.toml."""

import sys
from glob import glob

from pybind11.setup_helpers import ParallelCompile, Pybind11Extension, build_ext
from setuptools import setup

# GCC and Clang. No -march and no fast-math: kernels are chosen at run time, and their arithmetic is
# what is written.
FLAGS = ["-O3", "-pthread", "-ffp-contract=off", "-fvisibility=hidden"]
LINK_FLAGS = ["-pthread"]
if sys.platform == "win32":  # the same for clang-cl
    FLAGS, LINK_FLAGS = ["/O2", "/clang:-O3", "/clang:-ffp-contract=off"], []

ENGINE = [f"csrc/{folder}/*.cpp" for folder in ("kernels", "signal", "model", "voice")]

# as many compilers as cores, unless the environment says how many
ParallelCompile("WAVEHAX_BUILD_JOBS").install()


class BuildExtensions(build_ext):
    """On Windows with LLVM's compiler and linker: Microsoft's has no vector extensions."""

    def build_extensions(self) -> None:
        if self.compiler.compiler_type == "msvc":
            self.compiler.initialize()  # finds Microsoft's headers and libraries
            self.compiler.cc, self.compiler.linker = "clang-cl.exe", "lld-link.exe"
        super().build_extensions()


def extension(name: str, *patterns: str) -> Pybind11Extension:
    return Pybind11Extension(
        name,
        sorted(path for pattern in patterns for path in glob(pattern)),
        depends=sorted(glob("csrc/**/*.h", recursive=True)),
        include_dirs=["csrc"],
        extra_compile_args=FLAGS,
        extra_link_args=LINK_FLAGS,
        cxx_std=17,
    )


setup(
    ext_modules=[
        extension("wavehax._engine", "csrc/bindings.cpp", *ENGINE),
        extension("wavehax.nn._training", "csrc/kernels/isa.cpp", "csrc/training/*.cpp"),
    ],
    cmdclass={"build_ext": BuildExtensions},
)

"""Only kernels use instructions beyond the baseline, which would crash older processors."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from wavehax import _engine

KERNELS = Path(__file__).parents[2] / "csrc" / "kernels"
ISAS = ("avx2", "avx512", "avx512bf16", "amx")

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64" or not all(map(shutil.which, ("nm", "objdump"))),
    reason="needs x86-64 and binutils",
)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    folder = tmp_path_factory.mktemp("objects")
    paths = {isa: folder / f"{isa}.o" for isa in ISAS}
    for isa, path in paths.items():
        flags = ["-std=c++17", "-O2", "-ffp-contract=off", "-w", "-c"]
        subprocess.run([compiler, *flags, str(KERNELS / f"{isa}.cpp"), "-o", str(path)], check=True)
    return paths


def functions_beyond_the_baseline(path: Path) -> set[str]:
    """Return the mangled names of functions with an instruction on tiles, or in VEX or EVEX
    encoding, whose names begin with v."""
    text = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", path], check=True, capture_output=True, text=True
    )
    names, current = set(), ""
    for line in text.stdout.splitlines():
        if header := re.match(r"[0-9a-f]+ <(.+)>:", line):
            current = header[1]
        elif re.match(
            r"\s+[0-9a-f]+:\s+(v(?!err|erw|mcall|mlaunch|mresume|mxo)|tile|tdp|ldtile|sttile)", line
        ):
            names.add(current)
    return names


@pytest.mark.parametrize("compiled", ISAS)
@pytest.mark.slow
def test_kernels_of_an_instruction_set_are_seen_by_no_other_file(
    objects: dict[str, Path], compiled: str
) -> None:
    listing = subprocess.run(
        ["nm", "--defined-only", objects[compiled]], check=True, capture_output=True, text=True
    ).stdout
    kinds = {name: kind for _, kind, name in (line.split() for line in listing.splitlines())}
    exported = {name for name, kind in kinds.items() if not kind.islower() or kind in "uvw"}
    assert exported == {f"_ZN7wavehax{len(compiled) + 8}{compiled}_kernelsEv"}
    assert not exported & functions_beyond_the_baseline(objects[compiled])


def test_the_compiled_engine_uses_no_newer_instruction_elsewhere() -> None:
    names = functions_beyond_the_baseline(Path(_engine.__file__))
    if names <= {""} or not any("wavehax" in name for name in names):
        pytest.skip("the symbols were stripped")
    vectors = ("body.h", "projections.h", "blocks.h", "waves.h")
    paths = [KERNELS / name for name in (*vectors, "amx.cpp", "planes.h")]
    paths += [*KERNELS.glob("tile_*.h"), *KERNELS.glob("pair_*.h")]
    bodies = "".join(path.read_text() for path in paths)
    kernels = re.findall(
        r"^(?:static )?(?:inline )?(?:const )?[\w:]+\*? (\w+)\(", bodies, re.MULTILINE
    )
    own = re.compile(
        rf"_ZN7wavehax12_GLOBAL__N_1L?({'|'.join(f'{len(kernel)}{kernel}' for kernel in kernels)})"
    )
    assert {name for name in names if not own.match(name)} == set()

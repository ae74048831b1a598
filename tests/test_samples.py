"""The page of samples and the script that makes its sounds and pictures."""

from __future__ import annotations

import importlib.util
import re
import struct
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from wavehax.cli import main
from wavehax.files.sound import read_audio, write_audio
from wavehax.models.locate import shipped_models

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_samples", DOCS / "make_samples.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_what_its_folder_holds_for_every_shipped_model(script):
    ways = [f"-{model}{way}" for model in shipped_models() for way in ("", "-octave")]
    expected = {
        f"samples/{name}{way}.{kind}"
        for name in script.RECORDINGS
        for way in ["", *ways]
        for kind in ("flac", "png")
    } | {f"samples/{script.SPEAKER}-{name}.ogg" for name in script.OTHER_SPEAKERS}
    assert (
        set(re.findall(r'src="([^"]+)"', (DOCS / "samples.md").read_text(encoding="utf-8")))
        == expected
    )
    assert {path.relative_to(DOCS).as_posix() for path in (DOCS / "samples").iterdir()} == expected


def test_the_files_of_the_page_stay_small():
    sizes = {path: path.stat().st_size for path in (DOCS / "samples").iterdir()}
    assert sum(sizes.values()) < 1e6 * len(shipped_models())
    assert max(size for path, size in sizes.items() if path.suffix == ".png") < 60e3


@pytest.mark.slow
def test_the_script_makes_what_resynth_makes_and_pictures_of_one_size(
    script, tmp_path, monkeypatch
):
    pytest.importorskip("pyworld", reason="needs the extra [f0]")
    wave, rate = read_audio(DOCS / "samples" / "kathleen.flac")
    write_audio(tmp_path / "short.flac", wave[rate : 2 * rate], rate)
    monkeypatch.setattr(script, "RECORDINGS", ("short",))
    monkeypatch.setattr(script, "SPEAKER", "short")
    monkeypatch.setattr(script, "shipped_models", lambda: ["vocos-24k"])
    script.make_samples(tmp_path)

    for name, options in (("short-vocos-24k", []), ("short-vocos-24k-octave", ["--f0-scale", "2"])):
        assert (
            main(
                [
                    "resynth",
                    str(tmp_path / "short.flac"),
                    "-o",
                    str(tmp_path / "same.flac"),
                    "--force",
                    *options,
                ]
            )
            == 0
        )
        np.testing.assert_array_equal(
            read_audio(tmp_path / f"{name}.flac")[0], read_audio(tmp_path / "same.flac")[0]
        )
    voices = [read_audio(path)[0] for path in sorted(tmp_path.glob("short-*.ogg"))]
    assert len(voices) == len(script.OTHER_SPEAKERS)
    assert all(len(voice) == len(read_audio(tmp_path / "same.flac")[0]) for voice in voices)
    pictures = sorted(tmp_path.glob("*.png"))
    assert len(pictures) == 3
    assert len({struct.unpack(">II", path.read_bytes()[16:24]) for path in pictures}) == 1


def test_a_missing_recording_leaves_the_folder_as_it_was(script, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"flemishguy\.flac"):
        script.make_samples(tmp_path)
    assert not list(tmp_path.iterdir())

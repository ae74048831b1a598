"""Fuzz target: damaged sound files, through `wavehax resynth` and `features`."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile
from command_line import run_command
from mutations import damaged
from tiny_models import tiny_model, with_f0

from wavehax.checkpoint import save_model

_TYPES = (
    ("WAV", "PCM_16"),
    ("WAV", "FLOAT"),
    ("WAV", "IMA_ADPCM"),
    ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"),
    ("AIFF", "PCM_24"),
)


class Sounds:
    """Short sounds of several types, rates and channels, damaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        save_model(folder / "m.safetensors", with_f0(tiny_model("tiny_wavehax_frame")))
        rng, self.contents = np.random.default_rng(0), []
        for kind, subtype in _TYPES:
            for rate, channels, length in ((24000, 1, 3000), (44100, 2, 2000), (8000, 1, 500)):
                file = io.BytesIO()
                soundfile.write(
                    file, 0.1 * rng.standard_normal((length, channels)), rate, subtype, format=kind
                )
                self.contents.append(file.getvalue())

    def __call__(self, rng: np.random.Generator) -> str:
        (self.folder / "a.wav").write_bytes(
            damaged(rng, self.contents[rng.integers(len(self.contents))])
        )
        words = ["resynth", "a.wav", "-o", "out.wav", "--f0", "mel", "--model", "m.safetensors"]
        code, _, _ = run_command(words, self.folder)
        output = self.folder / "out.wav"
        assert output.exists() == (code == 0)
        output.unlink(missing_ok=True)
        return "vocoded" if code == 0 else "refused"

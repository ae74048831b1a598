"""Fuzz target: raw frames on standard input, cut anywhere, of any values, in pieces of any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from command_line import run_command
from mutations import damaged
from tiny_models import tiny_model, with_f0

import wavehax
from wavehax.checkpoint import save_model
from wavehax.files.sound import pcm16

_BANDS = 10


class Pipes:
    """`wavehax vocode - -o -`: the samples of the frames, or one line, after samples of the frames
    before it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        save_model(folder / "m.safetensors", with_f0(tiny_model("tiny_wavehax_frame")))
        self.voc = wavehax.load(folder / "m.safetensors")

    def __call__(self, rng: np.random.Generator) -> str:
        f0_given = rng.random() < 0.7
        frames = rng.standard_normal((int(rng.integers(0, 40)), _BANDS + f0_given)).astype("<f4")
        if f0_given:
            frames[:, _BANDS] = rng.choice([0, 50, 100, 440], len(frames))
        content = frames.tobytes()
        content = content if rng.random() < 0.2 else damaged(rng, content)
        options = [] if f0_given else ["--f0", str(rng.choice(["mel", "100"]))]
        options += (
            ["--stream", str(rng.choice([1, 3, 50, 10**12, 10**30]))] if rng.random() < 0.5 else []
        )
        code, out, _ = run_command(
            ["vocode", "-", "-o", "-", "--model", "m.safetensors", *options], self.folder, content
        )
        width = _BANDS + f0_given
        given = np.frombuffer(content, "<f4", len(content) // (4 * width) * width).reshape(
            -1, width
        )
        expected = self._expected(given, options)
        assert (code == 0) == (
            expected is not None and len(given) > 0 and len(content) % (4 * width) == 0
        ), code
        if expected is not None:
            assert expected.startswith(out) if code else out == expected
        return "vocoded" if code == 0 else "refused"

    def _expected(self, frames: np.ndarray, options: list[str]) -> bytes | None:
        f0 = frames[:, _BANDS] if frames.shape[1] > _BANDS else None
        if "100" in options:
            f0 = np.full(len(frames), 100.0)
        try:
            wave = self.voc(frames[:, :_BANDS].T, f0)
        except ValueError:
            return None
        return pcm16(wave) if np.isfinite(wave).all() else None

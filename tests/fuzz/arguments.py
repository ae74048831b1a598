"""Fuzz target: command lines of real and made-up commands, flags and values."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from command_line import run_command
from tiny_models import tiny_model, with_f0

from wavehax.checkpoint import save_model

_COMMANDS = (
    "vocode", "vocode", "vocode", "resynth", "features", "info", "bench", "import-official",
    "train", "train-f0", "package", "average", "evaluate", "export", "", "vocod", "--version",
    "--help", "-o",
)  # fmt: skip
_FLAGS = (
    "-o", "--output", "--model", "--f0", "--f0-scale", "--seed", "--stream", "--threads", "--isa",
    "--precision", "--jobs", "--force", "--features", "--config", "--stats", "--data", "--steps",
    "--card", "--json", "--repeats", "--weights", "--help", "--f", "--", "-", "-x", "--model=",
    "--seed=3", "--formant-scale",
)  # fmt: skip
_VALUES = (
    "m.safetensors", "a.npz", "a.npy", "a.wav", "out.wav", "out/", "out.npz", "out.safetensors",
    "x.yaml", "x.json", ".", "..", "/proc", "", "\t", "-", "*", "**/*.np?", "[", "missing.npy",
    "a.npz/b", "/dev/null", "/proc/self/mem", "é\udcff", "a" * 5000, "\x1b[2J", "new\nline", "0",
    "-1", "1", "2", "64", "1e9", "1e400", "nan", "inf", "0x10", "\u0661", "1_0", "9" * 30,
    "9" * 5000, "18446744073709551616", "mel", "auto", "portable", "bf16", "vocos-24k",
    "wavehax-24k", "max_steps=1", "a=b=c", "data.x=[", "onnx",
)  # fmt: skip


class Arguments:
    """Command lines of words in any order.

    Some words make sense, so that the later ones are read too. `bench` gets only nonsense."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.kept = folder / "work", folder / "kept"
        self.kept.mkdir()
        save_model(self.kept / "m.safetensors", with_f0(tiny_model("tiny_wavehax_frame")))
        mel = np.random.default_rng(0).standard_normal((10, 40)).astype(np.float32)
        np.savez(self.kept / "a.npz", mel=mel, f0=np.full(40, 100, np.float32))
        np.save(self.kept / "a.npy", mel)
        shutil.copy(Path(__file__).parents[1] / "data" / "recording.wav", self.kept / "a.wav")
        (self.kept / "x.yaml").write_text(
            "generator: {_target_: wavehax.generators.WavehaxGenerator}\n"
        )
        (self.kept / "x.json").write_text("[1, 2]")

    def __call__(self, rng: np.random.Generator) -> str:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.kept, self.folder)
        words = self._sensible(rng) if rng.random() < 0.5 else [str(rng.choice(_COMMANDS))]
        for _ in range(rng.integers(0, 5)):
            words.insert(int(rng.integers(len(words) + 1)), _word(rng))
        if "bench" in words:
            words += ["--seconds", "nan"]
        code, _, _ = run_command(words, self.folder, rng.bytes(int(rng.integers(0, 500))))
        return f"{words[0] if words[0] in _COMMANDS[:14] else 'other'} {code}"

    def _sensible(self, rng: np.random.Generator) -> list[str]:
        lines = (
            "vocode a.npz",
            "vocode a.npy --f0 100",
            "vocode -",
            "info",
            "resynth a.wav --f0 100",
            "features a.wav",
            "average m.safetensors m.safetensors --weights 1 0",
        )
        words = lines[rng.integers(len(lines))].split()
        output = {"features": "out.npz", "info": "", "average": "out.safetensors"}.get(
            words[0], "out.wav"
        )
        words += ["-o", str(rng.choice([output, "out/", "-"]))] if output else ["m.safetensors"]
        words += (
            ["--model", "m.safetensors"] if words[0] in ("vocode", "resynth", "features") else []
        )
        return words


def _word(rng: np.random.Generator) -> str:
    words = _FLAGS if rng.random() < 0.5 else _VALUES
    return words[rng.integers(len(words))]

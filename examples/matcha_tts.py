"""Matcha-TTS with our vocoder in the place of HiFi-GAN.

    pip install matcha-tts
    python examples/matcha_tts.py matcha_ljspeech.ckpt "What is to be said." -o out.wav [--model
    MODEL]

Their mel: `synthesise()["mel"]`, [B, 80, T], is HiFi-GAN's, denormalised: 22.05 kHz, hop 256, n_fft
1024, 80 Slaney bands 0-8 kHz, natural log of max(magnitude, 1e-5), our preset `hifigan-22k`. A
model that was trained on it (`features: hifigan-22k` in a recipe) takes it as it is. The default
one takes `vocos-24k`, into which it is converted: nearly, and above 8 kHz, of which it knows
nothing, with the level of its last band.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import wavehax
from wavehax.config import FEATURES
from wavehax.errors import optional_module
from wavehax.files.sound import write_audio
from wavehax.mel.convert import convert

THEIRS = FEATURES["hifigan-22k"]


def waves(output: Mapping[str, Any], voc: wavehax.Vocoder) -> list[np.ndarray]:
    """The waves of what `MatchaTTS.synthesise` gives: float32 [N] at the rate of `voc` for each
    text of the batch."""
    result = []
    for mel, frames in zip(output["mel"], output["mel_lengths"], strict=True):
        mel = mel[:, : int(frames)].float().cpu().numpy()  # a batch is padded to its longest text
        result.append(voc(convert(mel, THEIRS, voc.features)))
    return result


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Text to speech: Matcha-TTS, then our vocoder.")
    parser.add_argument("checkpoint", type=Path, help="of Matcha-TTS")
    parser.add_argument("text", help="what is to be said")
    parser.add_argument("-o", "--output", type=Path, required=True, help="sound file")
    parser.add_argument("--model", help="what wavehax.load takes; it must predict F0")
    arguments = parser.parse_args(argv)
    matcha = optional_module("matcha.cli", "this example", "matcha-tts")
    tts = matcha.load_matcha("custom_model", arguments.checkpoint, "cpu")
    text = matcha.process_text(0, arguments.text, "cpu")
    output = tts.synthesise(text["x"], text["x_lengths"], n_timesteps=10)
    voc = wavehax.load(arguments.model)
    write_audio(arguments.output, waves(output, voc)[0], voc.sample_rate)


if __name__ == "__main__":
    main()

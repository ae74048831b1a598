"""Speak with Matcha-TTS, using this vocoder in place of HiFi-GAN.

    pip install matcha-tts
    python examples/matcha_tts.py matcha_ljspeech.ckpt "What to say." -o out.wav

The mel of Matcha-TTS, `synthesise()["mel"]`, [B, 80, T], is that of HiFi-GAN, not normalised: 22.05
kHz, hop 256, n_fft 1024, 80 Slaney bands 0-8 kHz, natural log of max(magnitude, 1e-5). This is the
preset `hifigan-22k`.

A model that was trained on this preset (`features: hifigan-22k` in a recipe) takes the mel as it
is; name it with --model. For the default model the mel is converted to `vocos-24k`. The conversion
is approximate. Above 8 kHz, where the mel ends, it holds the level of the last band.
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
    """One wave for each text of a batch: float32 [N], at the rate of `voc`.

    `output` is the value that `MatchaTTS.synthesise` returned.
    """
    result = []
    for mel, frames in zip(output["mel"], output["mel_lengths"], strict=True):
        mel = mel[:, : int(frames)].float().cpu().numpy()  # a batch is padded to its longest text
        result.append(voc(convert(mel, THEIRS, voc.features)))
    return result


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Text to speech: Matcha-TTS, then wavehax.")
    parser.add_argument("checkpoint", type=Path, help="checkpoint of Matcha-TTS")
    parser.add_argument("text", help="text to say")
    parser.add_argument("-o", "--output", type=Path, required=True, help="sound file")
    parser.add_argument("--model", help="as in wavehax.load; it must predict F0")
    arguments = parser.parse_args(argv)
    matcha = optional_module("matcha.cli", "this example", "matcha-tts")
    tts = matcha.load_matcha("custom_model", arguments.checkpoint, "cpu")
    text = matcha.process_text(0, arguments.text, "cpu")
    output = tts.synthesise(text["x"], text["x_lengths"], n_timesteps=10)
    voc = wavehax.load(arguments.model)
    write_audio(arguments.output, waves(output, voc)[0], voc.sample_rate)


if __name__ == "__main__":
    main()

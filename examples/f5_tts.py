"""Speak with F5-TTS, using this vocoder in place of Vocos.

    pip install f5-tts
    python examples/f5_tts.py reference.wav "What the reference says." "What to say." -o out.wav

The mel of F5-TTS (`mel_spec_type` "vocos") is 24 kHz, hop 256, n_fft 1024, 100 HTK bands 0-12 kHz,
centred frames, natural log of max(magnitude, 1e-5). This is the preset `vocos-24k` except for a
higher floor, which the model accepts as well.

The sampler of F5-TTS returns [B, T, 100]. F5-TTS calls `vocoder.decode` with [B, 100, T], and
expects [B, (T - 1) * 256].
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from wavehax.compat import Vocos
from wavehax.errors import optional_module
from wavehax.files.sound import write_audio


def speak(tts: Any, reference: Path, reference_text: str, text: str) -> tuple[np.ndarray, int]:
    """Say `text` in the voice of the reference: returns samples [N] and their rate in Hz.

    `tts` is an `f5_tts.api.F5TTS`. ValueError if its mel is not that of Vocos.
    """
    if tts.mel_spec_type != "vocos":
        raise ValueError(
            f"mel_spec_type is {tts.mel_spec_type!r}: expected a model of the mel 'vocos'"
        )
    tts.vocoder = Vocos.from_pretrained()
    wave, rate, _ = tts.infer(ref_file=str(reference), ref_text=reference_text, gen_text=text)
    return wave, rate


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Text to speech: F5-TTS, then wavehax.")
    parser.add_argument("reference", type=Path, help="recording of the voice, up to 12 s")
    parser.add_argument("reference_text", help="text that the reference says")
    parser.add_argument("text", help="text to say")
    parser.add_argument("-o", "--output", type=Path, required=True, help="sound file")
    arguments = parser.parse_args(argv)
    tts = optional_module("f5_tts.api", "this example", "f5-tts").F5TTS()
    wave, rate = speak(tts, arguments.reference, arguments.reference_text, arguments.text)
    write_audio(arguments.output, wave, rate)


if __name__ == "__main__":
    main()

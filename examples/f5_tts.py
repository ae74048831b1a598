"""F5-TTS with our vocoder in the place of Vocos.

    pip install f5-tts
    python examples/f5_tts.py reference.wav "What the reference says." "What is to be said." -o
    out.wav

Their mel: `mel_spec_type` "vocos" is 24 kHz, hop 256, n_fft 1024, 100 HTK bands 0-12 kHz, centred
frames, natural log of max(magnitude, 1e-5): our preset `vocos-24k` but for a higher floor, which is
within what our model knows. Their sampler gives [B, T, 100]; they call `vocoder.decode` with [B,
100, T], and get [B, (T - 1) * 256].
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
    """What `tts`, an `f5_tts.api.F5TTS`, says in the voice of the reference: samples [N] and their
    rate in Hz."""
    if tts.mel_spec_type != "vocos":
        raise ValueError(
            f"mel_spec_type is {tts.mel_spec_type!r}: expected a model of the mel 'vocos'"
        )
    tts.vocoder = Vocos.from_pretrained()
    wave, rate, _ = tts.infer(ref_file=str(reference), ref_text=reference_text, gen_text=text)
    return wave, rate


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Text to speech: F5-TTS, then our vocoder.")
    parser.add_argument("reference", type=Path, help="recording of the voice, up to 12 s")
    parser.add_argument("reference_text", help="what it says")
    parser.add_argument("text", help="what is to be said")
    parser.add_argument("-o", "--output", type=Path, required=True, help="sound file")
    arguments = parser.parse_args(argv)
    tts = optional_module("f5_tts.api", "this example", "f5-tts").F5TTS()
    wave, rate = speak(tts, arguments.reference, arguments.reference_text, arguments.text)
    write_audio(arguments.output, wave, rate)


if __name__ == "__main__":
    main()

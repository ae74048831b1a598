"""Makes the sounds and pictures of docs/samples.md, beside the recordings in docs/samples.

    python docs/make_samples.py

For every shipped MODEL a RECORDING.flac becomes RECORDING-MODEL.flac, and with F0 doubled
RECORDING-MODEL-octave.flac. Each has a picture of the same name. The default model makes
SPEAKER-NAME.ogg for each NAME of OTHER_SPEAKERS besides, in Opus, to be small. All are what
`wavehax resynth` makes, with seed 0 in fp32. Files of an earlier call are replaced. On one machine
the same models give the same bytes, but for the .ogg. Needs the extra [f0].
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

import wavehax
from wavehax.errors import exit_code
from wavehax.evaluate.pictures import png, spectrogram
from wavehax.features import f0_from_audio, log_mel
from wavehax.files.outputs import replacing
from wavehax.files.resample import resample
from wavehax.files.sound import read_audio, write_audio
from wavehax.models.locate import shipped_models

SAMPLES = Path(__file__).parent / "samples"
RECORDINGS = ("flemishguy", "kathleen", "nathalie")
SPEAKER = "kathleen"
OTHER_SPEAKERS = {
    "larger": {"formant_scale": 0.85},
    "smaller": {"formant_scale": 1.18},
    "larger-lower": {"formant_scale": 0.85, "f0_scale": 0.6},
    "smaller-higher": {"formant_scale": 1.18, "f0_scale": 1.4},
}

_PICTURE_RATE = 44100  # Hz of what every picture shows, so that all have one axis: up to 22.05 kHz
_COLUMNS_PER_PIXEL = 2  # of which the louder is shown
_RANGE_DB = 80.0  # from the loudest point of the recording down to black
_OPUS_LEVEL = 0.9  # of 0 to 1 in libsndfile: about 32 kbit/s
_SHADES = 16  # of a picture, 5.3 dB each


def make_samples(folder: Path) -> None:
    """Write all sounds and pictures into the folder that holds the recordings.

    Args:
        folder: holds the .flac of each of RECORDINGS.

    Raises:
        FileNotFoundError, ValueError, ModelError: a recording or a model is missing, or is none.
        ModuleNotFoundError: pyworld is missing.
    """
    for recording in RECORDINGS:
        path = folder / f"{recording}.flac"
        wave, rate = read_audio(path)
        shown = _levels(wave, rate)
        _write_picture(path, shown, shown.max())
        for name, sound, sample_rate in _sounds(path):
            output = folder / f"{recording}-{name}.flac"
            write_audio(output, sound, sample_rate, overwrite=True)
            _write_picture(output, _levels(sound, sample_rate), shown.max())
    _write_other_speakers(folder)


def _sounds(path: Path) -> Iterator[tuple[str, np.ndarray, int]]:
    """Name, wave and sample rate of each sound that is made from one recording, as long as the
    recording."""
    for name in shipped_models():
        voc = wavehax.load(name)
        wave, rate = read_audio(path, voc.sample_rate)
        mel, f0 = log_mel(wave, voc.features), f0_from_audio(wave, voc.features)
        yield name, voc(mel, f0)[: len(wave)], rate
        yield f"{name}-octave", voc(mel, f0, f0_scale=2.0)[: len(wave)], rate


def _write_other_speakers(folder: Path) -> None:
    voc = wavehax.load()
    wave, rate = read_audio(folder / f"{SPEAKER}.flac", voc.sample_rate)
    mel, f0 = log_mel(wave, voc.features), f0_from_audio(wave, voc.features)
    for name, scales in OTHER_SPEAKERS.items():
        sound = voc(mel, f0, **scales)[: len(wave)]
        with replacing(folder / f"{SPEAKER}-{name}.ogg", overwrite=True) as temporary:
            options = {"format": "OGG", "subtype": "OPUS", "compression_level": _OPUS_LEVEL}
            soundfile.write(temporary, sound, rate, **options)


def _levels(wave: np.ndarray, rate: int) -> np.ndarray:
    """A spectrogram in dB [height, width]; the width depends on the length in seconds alone."""
    level = spectrogram(resample(wave, rate, _PICTURE_RATE), _PICTURE_RATE)
    width = level.shape[1] // _COLUMNS_PER_PIXEL
    return (
        level[:, : width * _COLUMNS_PER_PIXEL]
        .reshape(len(level), width, _COLUMNS_PER_PIXEL)
        .max(axis=2)
    )


def _write_picture(sound: Path, level: np.ndarray, top_db: float) -> None:
    shade = np.clip(np.rint((_SHADES - 1) * (1 + (level - top_db) / _RANGE_DB)), 0, _SHADES - 1)
    with replacing(sound.with_suffix(".png"), overwrite=True) as temporary:
        temporary.write_bytes(png((shade * (255 // (_SHADES - 1))).astype(np.uint8)))


def main() -> int:
    """Read the arguments and write; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.parse_args()
    return exit_code(lambda: make_samples(SAMPLES))


if __name__ == "__main__":
    sys.exit(main())

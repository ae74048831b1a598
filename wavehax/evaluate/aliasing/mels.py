"""Makes the mels that measure.py gives to a vocoder.

- `neutral_mel` is the mel of the prior's harmonics, which fall by 6 dB an octave above 500 Hz. Mel
  and F0 agree. There may be noise 40 dB below. Every recording has some, and without it the bands
  between the harmonics of 1.5 kHz lie nine standard deviations below their mean in speech, where no
  model was trained.
- `sung_mel` is the same with noise, and with the envelope of a frame of a recording in place of the
  slope.
- `held_mel` of the mean of the training data has no harmonics, and asks for noise where harmonics
  lie far apart.
- `held_mel` of a frame of a recording holds, below 2 kHz, the harmonics of another F0.

The first two carry the tone. Vocoders that know F0 through the mel alone are asked for the tone by
these only. They are compared by them, as every model gets the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from wavehax.config import PRIOR_RMS
from wavehax.config.written import written
from wavehax.evaluate.aliasing.subjects import Subject, Synthesiser, in_step
from wavehax.files.sound import read_audio
from wavehax.mel.features import (
    analysis_window,
    log_mel,
    mel_filterbank,
    mel_frequencies,
    natural_mel,
)
from wavehax.mel.harmonics import flatten_harmonics

MelOf = Callable[[np.ndarray], np.ndarray]
"""A function from F0 [T] in Hz to a mel [n_mels, T], as the definition of the model writes it."""
VOICE_NOISE = 0.001
"""Standard deviation of the noise in a voice that has some: 40 dB below its harmonics."""

_TILT_HZ = 500.0  # above this, harmonics fall by 6 dB an octave
_VOICE_HZ = 300.0  # harmonics of this F0 are smoothed out of an envelope, and those of any lower
_RMS = PRIOR_RMS["pcph"]  # RMS of the harmonics (docs/design.md#prior)


def neutral_mel(voc: Synthesiser, noise: float = 0.0) -> MelOf:
    """The mel of a voice without formants that has the F0 asked for.

    `noise` is the standard deviation of noise that is added before the slope to the harmonics,
    whose power is 0.01.
    """
    return _tone_mel(voc, lambda frequency: 1 / (1 + 1j * frequency / _TILT_HZ), noise)


def sung_mel(voc: Synthesiser, frame: np.ndarray) -> MelOf:
    """The mel of a voice that has the F0 asked for, the envelope of a frame, and noise.

    `frame` is a natural mel [n_mels]. The noise is 40 dB below the harmonics.
    """
    features = voc.features
    bank = mel_filterbank(features)
    smooth = flatten_harmonics(frame[:, None], np.array([_VOICE_HZ]), features)[:, 0]
    # The prior is white and has power _RMS ** 2, so the magnitude of its STFT is _RMS times the
    # square root of the window's energy.
    level = (
        smooth
        - np.log(bank.sum(axis=1)) / features.power
        - np.log(_RMS * np.sqrt(np.square(analysis_window(features)).sum()))
    )
    centres = mel_frequencies(features)[1:-1]
    return _tone_mel(
        voc, lambda frequency: np.exp(np.interp(frequency, centres, level)), VOICE_NOISE
    )


def _tone_mel(voc: Synthesiser, gain: Callable[[np.ndarray], np.ndarray], noise: float) -> MelOf:
    def of(f0: np.ndarray) -> np.ndarray:
        prior = voc.prior(f0)
        prior = prior + noise * np.random.default_rng(1).standard_normal(len(prior))
        frequency = np.fft.rfftfreq(len(prior), 1 / voc.sample_rate)
        wave = np.fft.irfft(np.fft.rfft(prior) * gain(frequency), len(prior))
        return log_mel(in_step(wave, voc, len(f0)), voc.features)[:, : len(f0)]

    return of


def held_mel(voc: Synthesiser, frame: np.ndarray) -> MelOf:
    """A mel that repeats one frame, a natural mel [n_mels], whatever the F0."""
    held = written(frame[:, None].astype(np.float32), voc.features)
    return lambda f0: np.repeat(held, len(f0), axis=1)


def mels_of(subject: Subject, speech: Sequence[Path]) -> dict[str, MelOf]:
    """The mels for a model by name.

    All models get those that carry the tone. A model with a harmonic prior also gets the others.

    Args:
        subject: the model.
        speech: recordings; the loudest frame of each is used.
    """
    voc = subject.voc
    frames = {path.name: _loudest(path, voc) for path in speech}
    mels = {
        "neutral": neutral_mel(voc),
        "with noise": neutral_mel(voc, VOICE_NOISE),
    }
    mels |= {f"{name} sung": sung_mel(voc, frame) for name, frame in frames.items()}
    if subject.prior == "pcph":
        mels |= {
            name: held_mel(voc, frame)
            for name, frame in {"mean": subject.mean_mel, **frames}.items()
        }
    return mels


def _loudest(path: Path, voc: Synthesiser) -> np.ndarray:
    mel = natural_mel(read_audio(path, voc.sample_rate)[0], voc.features)
    return mel[:, np.exp(2 * mel).sum(axis=0).argmax()]

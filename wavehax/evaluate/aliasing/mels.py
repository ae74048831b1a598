"""The mels that `measure` gives to a vocoder.

- `neutral_mel`: of the prior's harmonics, falling by 6 dB an octave above 500 Hz: mel and F0 agree.
  Perhaps with noise 40 dB below: every recording has some, and without it the bands between the
  harmonics of 1.5 kHz lie nine standard deviations below their mean in speech, where no model was
  trained;
- `sung_mel`: the same, with noise and the envelope of a frame of a recording in place of that
  slope;
- `held_mel` of the mean of the training data: it has no harmonics, and asks for noise where these
  lie far apart;
- `held_mel` of frames of recordings: below 2 kHz these hold the harmonics of another F0.

The first two carry the tone. They alone ask for it from vocoders that hear of F0 through the mel,
and are what these are compared by: every model gets the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from wavehax.config import PRIOR_RMS
from wavehax.evaluate.aliasing.subjects import Subject, Synthesiser, in_step
from wavehax.files.sound import read_audio
from wavehax.mel.features import hann_window, log_mel, mel_filterbank, mel_frequencies
from wavehax.mel.harmonics import flatten_harmonics

MelOf = Callable[[np.ndarray], np.ndarray]
"""F0 [T] in Hz to mel [n_mels, T]."""
VOICE_NOISE = 0.001
"""Standard deviation of the noise in the voice that a mel is of, where it has some: 40 dB below its
harmonics."""

_TILT_HZ = 500.0
_VOICE_HZ = 300.0  # F0 of voices whose harmonics are smoothed away, and of lower ones
_RMS = PRIOR_RMS["pcph"]  # of the harmonics (docs/design.md#prior)


def neutral_mel(voc: Synthesiser, noise: float = 0.0) -> MelOf:
    """The mel of a voice without formants that has the F0 asked for.

    `noise` is the standard deviation of what is added to the harmonics, of power 0.01, before the
    slope.
    """
    return _tone_mel(voc, lambda frequency: 1 / (1 + 1j * frequency / _TILT_HZ), noise)


def sung_mel(voc: Synthesiser, frame: np.ndarray) -> MelOf:
    """The mel of a voice with the envelope of `frame` [n_mels], a log-mel, the F0 asked for and
    noise 40 dB below."""
    features = voc.features
    bank = mel_filterbank(features)
    smooth = flatten_harmonics(frame[:, None], np.array([_VOICE_HZ]), features)[:, 0]
    # The prior is white, of power _RMS ** 2: its STFT's magnitude is _RMS * sqrt(energy of the
    # window).
    level = (
        smooth
        - np.log(bank.sum(axis=1))
        - np.log(_RMS * np.sqrt(np.square(hann_window(features.n_fft)).sum()))
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


def held_mel(frame: np.ndarray) -> MelOf:
    """One frame [n_mels], whatever the F0."""
    return lambda f0: np.repeat(frame[:, None].astype(np.float32), len(f0), axis=1)


def mels_of(subject: Subject, speech: Sequence[Path]) -> dict[str, MelOf]:
    """Those that carry the tone; and, for a model that hears F0 otherwise, those that do not."""
    voc = subject.voc
    frames = {path.name: _loudest(path, voc) for path in speech}
    mels = {
        "neutral": neutral_mel(voc),
        "with noise": neutral_mel(voc, VOICE_NOISE),
    }
    mels |= {f"{name} sung": sung_mel(voc, frame) for name, frame in frames.items()}
    if subject.prior == "pcph":
        mels |= {
            name: held_mel(frame) for name, frame in {"mean": subject.mean_mel, **frames}.items()
        }
    return mels


def _loudest(path: Path, voc: Synthesiser) -> np.ndarray:
    mel = log_mel(read_audio(path, voc.sample_rate)[0], voc.features)
    return mel[:, np.exp(2 * mel).sum(axis=0).argmax()]

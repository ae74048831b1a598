"""Voices whose F0 is known exactly, from which a predictor of F0 learns (recipes/f0).

No method finds the F0 of a recording exactly. WORLD Harvest differs from itself by 32 cents and in
4 % of its voicing decisions when a recording begins 0.3 ms later. A voice that is synthesised has
the F0 it was made with. Here recordings are analysed and made again with a random contour, by WORLD
(Morise et al., IEICE 2016) or by a model of ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wavehax.config import FeatureConfig
from wavehax.data.contours import random_contour
from wavehax.files.sound import nearest_int16
from wavehax.mel.features import natural_mel
from wavehax.mel.harmonics import flatten_harmonics
from wavehax.mel.world import Voice, analyse
from wavehax.vocoder import Vocoder

_FORMANT_SCALE = 0.2  # standard deviation of the natural log of the factor of the envelope's axis
_FORMANT_RANGE = (0.75, 1.6)
# A voice an octave higher has formants a fifth of an octave higher, about as women have over men.
_FORMANTS_FOLLOW = 0.2
_TILT_SHARE, _TILT_DB = 0.4, (-9.0, 3.0)  # an octave above 300 Hz: falsetto has few harmonics
_TILT_FROM_HZ = 300.0
_BREATHY_SHARE, _BREATH = 0.3, (0.05, 0.5)  # how much of what is periodic becomes noise
_NOISY_SHARE, _NOISE_DB = 0.35, (-45.0, -8.0)  # relative to the voice
_PINK_SHARE = 0.5  # of the noises; the others are white
_ROOM_SHARE, _ROOM_SECONDS = 0.25, (0.1, 0.6)  # time in which a room's sound falls by 60 dB
_ROOM_DB = (-18.0, -4.0)  # energy of the room's sound relative to the direct sound
_PEAK = 0.9  # what is louder is scaled down to it


@dataclass(frozen=True)
class Source:
    """A recording that voices of known F0 are made from."""

    audio: np.ndarray  # float [T * hop_length]
    mel: np.ndarray  # natural mel [n_mels, T]
    f0: np.ndarray  # [T] in Hz, as measured, 0 where unvoiced


def voice_of(audio: np.ndarray, f0: np.ndarray, features: FeatureConfig) -> Voice:
    """What WORLD finds in a recording [N] with the F0 [T] in Hz, voiced only beyond doubt.

    Raises:
        ModuleNotFoundError: pyworld is not installed (extra `f0`).
    """
    return analyse(audio, f0, features.sample_rate, features.hop_length, doubt=True)


def below_full_scale(wave: np.ndarray) -> np.ndarray:
    """A wave float32 [N], scaled to a peak of 0.9 where it is louder."""
    return (wave * min(1.0, _PEAK / max(float(np.abs(wave).max()), 1e-9))).astype(np.float32)


def known_voice(
    source: Source, features: FeatureConfig, rng: np.random.Generator, model: Vocoder | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Make a voice of a random contour, in a room and with noise now and then.

    Args:
        source: the recording.
        features: the definition of frames, and of the model's mel.
        rng: draws the contour and the disturbances.
        model: makes the voice; None: WORLD does.

    Returns:
        audio float32 [T * hop_length] within [-0.9, 0.9], and its F0 float32 [T] in Hz, 0 where
        unvoiced.

    Raises:
        ModuleNotFoundError: pyworld is not installed (extra `f0`).
    """
    voice = voice_of(source.audio, source.f0, features)
    contour = random_contour(voice.f0, features.sample_rate / features.hop_length, rng)
    if model is None:
        clean = _another(voice, contour, rng).sound(contour)
    else:
        mel = flatten_harmonics(source.mel, source.f0, features)
        seed = int(rng.integers(1 << 32))
        clean = model.synthesise(mel, contour.astype(np.float32), seed=seed)
    wave = _with_noise(_in_room(clean, features.sample_rate, rng), rng)
    return below_full_scale(wave), contour.astype(np.float32)


def _another(voice: Voice, contour: np.ndarray, rng: np.random.Generator) -> Voice:
    """Draw other formants, spectral tilt and breath for a voice that gets another contour."""
    envelope, noise = voice.envelope, voice.noise
    voiced = contour > 0
    factor = np.median(contour[voiced]) / np.median(voice.f0[voiced]) if voiced.any() else 1.0
    scale = factor**_FORMANTS_FOLLOW * np.exp(_FORMANT_SCALE * rng.standard_normal())
    bins = np.arange(envelope.shape[1])
    at = np.minimum(bins / np.clip(scale, *_FORMANT_RANGE), bins[-1])
    before = np.minimum(at.astype(int), bins[-1] - 1)
    part = at - before
    envelope = envelope[:, before] ** (1 - part) * envelope[:, before + 1] ** part
    if rng.random() < _TILT_SHARE:
        frequencies = bins * voice.sample_rate / 2 / bins[-1]
        octaves = np.log2(np.maximum(frequencies, _TILT_FROM_HZ) / _TILT_FROM_HZ)
        envelope = envelope * 10 ** (rng.uniform(*_TILT_DB) / 10 * octaves)
    if rng.random() < _BREATHY_SHARE:
        noise = noise + rng.uniform(*_BREATH) * (1 - noise)
    return replace(
        voice, envelope=np.ascontiguousarray(envelope), noise=np.ascontiguousarray(noise)
    )


def _in_room(wave: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Add the reverberation of a room to a share of the waves: noise that decays exponentially."""
    if rng.random() >= _ROOM_SHARE:
        return wave
    seconds = rng.uniform(*_ROOM_SECONDS)
    count = round(seconds * rate)
    response = rng.standard_normal(count) * 10 ** (-3 * np.arange(count) / count)
    response *= 10 ** (rng.uniform(*_ROOM_DB) / 20) / np.linalg.norm(response)
    response[0] = 1.0
    size = 1 << (len(wave) + count).bit_length()
    spectrum = np.fft.rfft(wave, size) * np.fft.rfft(response, size)
    return np.fft.irfft(spectrum, size)[: len(wave)]


def _with_noise(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add white or pink noise to a share of the waves."""
    if rng.random() >= _NOISY_SHARE:
        return wave
    noise = rng.standard_normal(len(wave))
    if rng.random() < _PINK_SHARE:
        spectrum = np.fft.rfft(noise) / np.sqrt(np.maximum(1, np.arange(len(noise) // 2 + 1)))
        noise = np.fft.irfft(spectrum, len(noise))
        noise /= noise.std()
    return wave + noise * (wave.std() * 10 ** (rng.uniform(*_NOISE_DB) / 20))


def known_arrays(
    source: Source, features: FeatureConfig, rng: np.random.Generator, model: Vocoder | None
) -> dict[str, np.ndarray]:
    """The arrays of a voice of known F0, as `wavehax.data.arrays` takes them."""
    wave, f0 = known_voice(source, features, rng, model)
    return _arrays(wave, f0, features)


def recorded_arrays(source: Source, features: FeatureConfig) -> dict[str, np.ndarray]:
    """The arrays of the recording itself, with its F0 where WORLD finds a voice."""
    return _arrays(source.audio, voice_of(source.audio, source.f0, features).f0, features)


def _arrays(wave: np.ndarray, f0: np.ndarray, features: FeatureConfig) -> dict[str, np.ndarray]:
    samples = nearest_int16(wave)
    mel = natural_mel(samples / np.float32(32768), features)[:, : len(f0)].T
    return {"audio": samples, "mel": mel, "f0": f0.astype(np.float32)}

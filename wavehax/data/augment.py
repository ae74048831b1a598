"""Changes of recordings: speed, and an offset, rumble or hum that are added or left out."""

from __future__ import annotations

import numpy as np

from wavehax.config import FeatureConfig
from wavehax.mel.features import natural_mel

_DISTURBANCE = (3e-4, 0.1)  # least and greatest RMS of a disturbance, full scale being 1
_RUMBLE_HZ = 60.0  # the highest frequency at which rumble ends
# Share of a margin over which the signal fades in or out, since resampling takes it to be periodic.
_FADE = 0.25
_PASSED_HZ = (30.0, 55.0)  # nothing passes below, all passes above; the lowest voices have 60 Hz


def margin_frames(features: FeatureConfig) -> int:
    """Frames needed on either side of a segment, so that no mel window in it sees the fade.

    They last two windows.
    """
    return -(-2 * features.n_fft // features.hop_length)


def resample_segment(
    audio: np.ndarray,
    frames: int,
    features: FeatureConfig,
    disturb: np.random.Generator | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Play a piece of a recording at another speed, by which it resembles another voice.

    Pitch and formants move together. The spectrum of the whole piece is cut or filled with zeros,
    which is band-limited interpolation without any transition band. The ends of the piece, where it
    would wrap around, are faded and lie in the margin.

    Args:
        audio: [M], speed * (frames + 2 * margin_frames) * hop_length samples of the recording.
        frames: frames of the result.
        features: the definition of the mel.
        disturb: draws the `disturbance` that the mel shows; None: it shows none.

    Returns:
        float32 audio [frames * hop_length] and log-mel [n_mels, frames], the middle of the piece.
    """
    hop, margin = features.hop_length, margin_frames(features)
    count = (frames + 2 * margin) * hop
    fade = round(_FADE * margin * len(audio) / (frames + 2 * margin))
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(fade) / fade)
    audio = audio.astype(np.float32)
    audio[:fade] *= ramp
    audio[len(audio) - fade :] *= ramp[::-1]
    spectrum = np.fft.rfft(audio)[: count // 2 + 1] * np.float32(count / len(audio))
    resampled = np.fft.irfft(spectrum, count).astype(np.float32)
    inside = slice(margin * hop, (margin + frames) * hop)
    seen = resampled
    if disturb:
        seen = resampled + disturbance(count, features.sample_rate, disturb)
    return resampled[inside], natural_mel(seen, features)[:, margin : margin + frames]


def disturbance(count: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Draw an offset, rumble below 60 Hz or mains hum, float64 [count].

    Its RMS is drawn from 0.0003 to 0.1 of full scale, uniformly on a logarithmic scale. An offset
    of 0.0003 begins to be heard in the output of a model that was trained without any.
    """
    level = np.exp(rng.uniform(*np.log(_DISTURBANCE)))
    kind = rng.integers(3)
    if kind == 0:
        return np.full(count, level * rng.choice([-1.0, 1.0]))
    if kind == 1:
        spectrum = np.fft.rfft(rng.standard_normal(count))
        spectrum[round(rng.uniform(15, _RUMBLE_HZ) * count / sample_rate) :] = 0
        noise = np.fft.irfft(spectrum, count)
        return level * noise / max(np.sqrt(np.mean(noise**2)), 1e-12)
    cycles = rng.choice([50.0, 60.0]) * np.arange(count) / sample_rate + rng.random()
    return level * np.sqrt(2) * np.sin(2 * np.pi * cycles)


def resample_f0(f0: np.ndarray, at: np.ndarray, speed: float) -> np.ndarray:
    """F0 in Hz of a contour that is played `speed` times as fast, float32 [T].

    Between two voiced frames it is interpolated. Elsewhere it is that of the nearer frame.

    Args:
        f0: the contour in Hz, 0 where unvoiced.
        at: [T], frames of the contour, which may be fractions.
        speed: multiplies F0.
    """
    at = np.clip(at, 0, len(f0) - 1)
    before = np.minimum(at.astype(int), len(f0) - 2)
    left, right, fraction = f0[before], f0[before + 1], at - before
    nearest = np.where(fraction < 0.5, left, right)
    between = (1 - fraction) * left + fraction * right
    return (speed * np.where((left > 0) & (right > 0), between, nearest)).astype(np.float32)


def fill_unvoiced(f0: np.ndarray) -> np.ndarray:
    """A contour that never reaches 0, as singing editors give it, float32 [T].

    Through unvoiced frames F0 is interpolated, linearly over the logarithm. Before the first voiced
    frame and after the last one it is held.

    Args:
        f0: the contour in Hz, 0 where unvoiced. Without a voiced frame it stays as it is.
    """
    voiced = np.flatnonzero(f0 > 0)
    if not len(voiced):
        return f0.astype(np.float32)
    filled = np.exp(np.interp(np.arange(len(f0)), voiced, np.log(f0[voiced])))
    return np.where(f0 > 0, f0, filled).astype(np.float32)


def high_passed(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """Remove frequencies below any voice: nothing passes below 30 Hz, everything above 55 Hz.

    Phases are unchanged.

    Args:
        audio: [N].
        sample_rate: Hz.

    Returns:
        float64 [N].
    """
    size = 2 * len(audio)  # zeros after the recording keep its ends from meeting
    spectrum = np.fft.rfft(audio, size)
    frequencies = np.arange(len(spectrum)) * sample_rate / size
    low, high = _PASSED_HZ
    rising = np.clip((frequencies - low) / (high - low), 0, 1)
    gain = 0.5 - 0.5 * np.cos(np.pi * rising)
    return np.fft.irfft(spectrum * gain, size)[: len(audio)]

"""A mel without the harmonics of its voice."""

from __future__ import annotations

import numpy as np
import pytest

from wavehax.config import FEATURES
from wavehax.mel.features import log_mel, mel_frequencies
from wavehax.mel.harmonics import flatten_harmonics

FEATURES_24K = FEATURES["vocos-24k"]


def vowel(pitch: float) -> np.ndarray:
    """The mel [100, 60] of harmonics up to 11.5 kHz under one formant at 1.5 kHz."""
    time = np.arange(24000) / 24000
    wave = sum(
        np.sin(2 * np.pi * k * pitch * time + k * k)
        * np.sqrt(pitch)
        / (50 + 50 * ((k * pitch - 1500) / 800) ** 2)
        for k in range(1, int(11500 / pitch))
    )
    return log_mel(wave.astype(np.float32), FEATURES_24K)[:, 15:75]


def ripple(mel: np.ndarray, pitch: float) -> float:
    """Mean difference of neighbouring bands between the second and the sixteenth harmonic."""
    centres = mel_frequencies(FEATURES_24K)[1:-1]
    inside = (centres > 2 * pitch) & (centres < 16 * pitch) & (centres < 3000)
    return float(np.abs(np.diff(mel[inside], axis=0)).mean())


@pytest.mark.parametrize("pitch", [110.0, 200.0, 350.0, 700.0])
def test_harmonics_are_gone_and_the_level_is_as_it_was(pitch: float) -> None:
    mel = vowel(pitch)
    flat = flatten_harmonics(mel, np.full(60, pitch, np.float32), FEATURES_24K)
    assert flat.shape == mel.shape and flat.dtype == np.float32
    assert ripple(flat, pitch) < 0.5 * ripple(mel, pitch)
    assert abs(np.log(np.exp(2 * flat).sum() / np.exp(2 * mel).sum())) < 0.3


@pytest.mark.parametrize("factor", [0.71, 1.41])
def test_voices_of_one_envelope_and_two_pitches_become_alike(factor: float) -> None:
    pitches = (200.0, 200.0 * factor)
    mels = [vowel(pitch) for pitch in pitches]
    flat = [
        flatten_harmonics(m, np.full(60, p, np.float32), FEATURES_24K)
        for m, p in zip(mels, pitches, strict=True)
    ]
    above = mel_frequencies(FEATURES_24K)[1:-1] > 400
    before, after = (np.abs(pair[0] - pair[1])[above].mean() for pair in (mels, flat))
    assert after < 0.35 * before


def test_unvoiced_frames_stay_and_every_frame_is_by_itself() -> None:
    rng = np.random.default_rng(0)
    mel = rng.normal(-4, 1, (100, 12)).astype(np.float32)
    f0 = np.where(np.arange(12) % 3, rng.uniform(30, 3000, 12), 0).astype(np.float32)
    flat = flatten_harmonics(mel, f0, FEATURES_24K)
    np.testing.assert_array_equal(flat[:, ::3], mel[:, ::3])
    for t in range(12):
        alone = flatten_harmonics(mel[:, t : t + 1], f0[t : t + 1], FEATURES_24K)
        np.testing.assert_array_equal(alone[:, 0], flat[:, t])


def test_lists_and_tensors_are_flattened_as_arrays_and_other_lengths_are_refused() -> None:
    mel = np.random.default_rng(0).normal(-4, 1, (100, 12)).astype(np.float32)
    f0 = np.full(12, 200.0)
    flat = flatten_harmonics(mel, f0, FEATURES_24K)
    np.testing.assert_array_equal(flatten_harmonics(mel.tolist(), f0.tolist(), FEATURES_24K), flat)
    for count in (7, 15):
        with pytest.raises(ValueError, match=f"f0 has {count} frames and mel has 12"):
            flatten_harmonics(mel, np.full(count, 200.0), FEATURES_24K)
    with pytest.raises(ValueError, match="f0 is nan in frame 3"):
        flatten_harmonics(mel, np.where(np.arange(12) == 3, np.nan, f0), FEATURES_24K)
    with pytest.raises(ValueError, match=r"mel has shape \[12, 100\]: expected \[100, T\]"):
        flatten_harmonics(mel.T, f0, FEATURES_24K)
    torch = pytest.importorskip("torch")
    tensors = torch.from_numpy(mel), torch.from_numpy(f0)
    np.testing.assert_array_equal(flatten_harmonics(*tensors, FEATURES_24K), flat)

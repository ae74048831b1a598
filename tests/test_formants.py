"""Formants that move in a mel, and in the voice that is made of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import wavehax
from wavehax.config import FEATURES
from wavehax.files.sound import read_audio
from wavehax.mel.features import f0_from_audio, log_mel, mel_frequencies
from wavehax.mel.formants import move_formants
from wavehax.mel.harmonics import flatten_harmonics

FEATURES_24K = FEATURES["vocos-24k"]
RECORDING = Path(__file__).parent / "data" / "recording.wav"
SCALES = (0.5, 0.85, 1.18, 2.0)


def vowel(pitch: float, scale: float = 1.0) -> np.ndarray:
    """A second of harmonics under three formants, which are those of an adult times `scale`."""
    time = np.arange(24000) / 24000
    wave = np.zeros(len(time))
    for k in range(1, int(11900 / pitch)):
        level = sum(
            gain / (1 + ((k * pitch / scale - peak) / 200) ** 2)
            for peak, gain in ((600, 1.0), (1500, 0.6), (2600, 0.4))
        )
        wave += level * np.sin(2 * np.pi * k * pitch * time + k * k)
    return 0.1 * wave / np.sqrt(scale)


def mel_of(wave: np.ndarray) -> np.ndarray:
    return log_mel(wave.astype(np.float32), FEATURES_24K)[:, 15:75]


@pytest.mark.parametrize("scale", [0.7, 0.85, 1.18, 1.4])
@pytest.mark.parametrize("pitch", [100.0, 160.0])
def test_a_moved_mel_is_that_of_a_voice_with_moved_formants(pitch: float, scale: float) -> None:
    f0 = np.full(60, pitch, np.float32)
    flat, wanted = (
        flatten_harmonics(mel_of(vowel(pitch, by)), f0, FEATURES_24K) for by in (1.0, scale)
    )
    moved = move_formants(flat, f0, scale, FEATURES_24K)
    assert moved.shape == flat.shape and moved.dtype == np.float32
    centres = mel_frequencies(FEATURES_24K)[1:-1]
    voice = (centres > 250) & (centres < 4000)
    before, after = (np.abs(mel - wanted)[voice].mean() for mel in (flat, moved))
    assert after < 0.15 < before  # of the natural logarithm: 1.3 dB


@pytest.mark.parametrize("scale", SCALES)
def test_the_peak_of_an_envelope_moves_by_the_scale(scale: float) -> None:
    edges = mel_frequencies(FEATURES_24K)
    centres, width = edges[1:-1], edges[2:] - edges[:-2]
    mel = (-((np.log(centres / 1500)) ** 2) * 5 + np.log(width))[:, None].astype(np.float32)
    moved = move_formants(mel, np.zeros(1, np.float32), scale, FEATURES_24K)[:, 0]
    peak = centres[np.argmax(moved - np.log(width))]
    assert abs(np.log2(peak / (1500 * scale))) < 0.07  # a band


@pytest.mark.parametrize("name", ["wavehax-24k", "vocos-24k", "nsf-hifigan-44k"])
@pytest.mark.parametrize("scale", SCALES)
def test_the_whole_axis_is_kept_in_its_order(name: str, scale: float) -> None:
    features = FEATURES[name]
    edges = mel_frequencies(features)
    widths = edges[2:] - edges[:-2]
    unit = 0 if features.mel_norm == "slaney" else np.log(widths)  # the mel of a flat spectrum
    mel = np.linspace(-4, 0, features.n_mels) + unit
    moved = move_formants(mel[:, None], np.zeros(1, np.float32), scale, features)[:, 0] - unit
    assert (np.diff(moved) > -1e-5).all()
    assert np.ptp(moved) > 3.7  # the lowest band is near the axis's end, the highest stays


@pytest.mark.parametrize("scale", [0.5, 1.1, 2.0])
def test_a_few_bands_wider_than_the_knee_move_by_the_scale(scale: float) -> None:
    few = dataclasses.replace(FEATURES["wavehax-24k"], n_mels=3)  # filters of unit area
    centres = mel_frequencies(few)[1:-1]
    assert centres[-1] < 0.8 * few.f_max
    mel = np.array([[-1.0], [0.5], [-2.0]])
    moved = move_formants(mel, np.zeros(1, np.float32), scale, few)[:, 0]
    expected = np.interp(centres / scale, centres, mel[:, 0])
    np.testing.assert_allclose(np.diff(moved), np.diff(expected), atol=1e-5)


def test_silence_stays_and_every_frame_is_by_itself() -> None:
    rng = np.random.default_rng(0)
    mel = rng.normal(-4, 1, (100, 12)).astype(np.float32)
    mel[:, ::4] = -100
    f0 = np.where(np.arange(12) % 3, rng.uniform(30, 3000, 12), 0).astype(np.float32)
    moved = move_formants(mel, f0, 1.3, FEATURES_24K)
    assert (moved[:, ::4] == np.float32(np.log(FEATURES_24K.log_floor))).all()
    for t in range(12):
        alone = move_formants(mel[:, t : t + 1], f0[t : t + 1], 1.3, FEATURES_24K)
        np.testing.assert_array_equal(alone[:, 0], moved[:, t])


def test_values_that_are_no_logarithms_give_no_warning() -> None:
    mel = np.full((100, 2), 3e38, np.float32)
    mel[50:] = -3e38
    move_formants(mel, np.array([0, 200], np.float32), 1.5, FEATURES_24K)


def spectrum_scale(before: np.ndarray, after: np.ndarray, hz: np.ndarray) -> float:
    """The factor of frequency at which log spectra [F, T] match best between 300 and 4000 Hz."""
    wanted = np.geomspace(300, 4000, 200)
    factors = np.geomspace(0.4, 2.5, 221)
    target = [np.interp(wanted, hz, frame) for frame in before.T]
    scores = [
        np.mean(
            [
                np.corrcoef(frame, np.interp(wanted * factor, hz, other))[0, 1]
                for frame, other in zip(target, after.T, strict=True)
            ]
        )
        for factor in factors
    ]
    return float(factors[np.argmax(scores)])


@pytest.mark.parametrize("scale", [0.7, 0.85, 1.18, 1.4])
@pytest.mark.slow
def test_a_recording_keeps_pitch_and_level_and_its_formants_move(scale: float) -> None:
    pyworld = pytest.importorskip("pyworld", reason="needs the extra [f0]")
    voc = wavehax.load("vocos-24k")
    wave, rate = read_audio(RECORDING, voc.sample_rate)
    mel, f0 = log_mel(wave, voc.features), f0_from_audio(wave, voc.features)
    plain, made = voc(mel, f0), voc(mel, f0, formant_scale=scale)
    assert abs(10 * np.log10(np.mean(made**2) / np.mean(plain**2))) < 1  # dB
    found = f0_from_audio(made, voc.features)[: len(f0)]
    both = (f0 > 0) & (found[: len(f0)] > 0)
    assert both.sum() > 0.8 * (f0 > 0).sum()
    assert abs(1200 * np.median(np.log2(found[both] / f0[both]))) < 10  # cents
    time = np.arange(len(f0)) * voc.hop_length / rate
    before, after = (
        np.log(pyworld.cheaptrick(w.astype(np.float64), f0.astype(np.float64), time, rate)).T
        for w in (plain, made)
    )
    hz = np.linspace(0, rate / 2, len(before))
    assert abs(spectrum_scale(before[:, both], after[:, both], hz) / scale - 1) < 0.06


def test_f0_with_other_frames_than_the_mel_is_refused_and_not_read_beyond_its_end() -> None:
    mel = np.random.default_rng(0).normal(-4, 1, (100, 12)).astype(np.float32)
    for count in (7, 15):
        with pytest.raises(ValueError, match=f"f0 has {count} frames and mel has 12"):
            move_formants(mel, np.full(count, 200.0), 1.2, FEATURES["vocos-24k"])

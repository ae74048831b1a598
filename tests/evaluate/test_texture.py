"""Folded power, repeated noise and contrast of harmonics, on signals whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from evaluate_signals import RATE

pytest.importorskip("scipy", reason="needs the extra [eval]")

from wavehax.evaluate.contrast import harmonic_contrast
from wavehax.evaluate.folding import POSITIONS, fold_depth
from wavehax.evaluate.frames import voicing
from wavehax.evaluate.texture import FOLD_BANDS, noise_correlation, texture

HOP = 256
SECONDS = 2


def noise(seed: int, seconds: float = SECONDS) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(round(seconds * RATE))


def contour(f0: float, samples: int) -> np.ndarray:
    return np.full(1 + samples // HOP, f0, np.float32)


def everywhere(wave: np.ndarray) -> np.ndarray:
    return np.ones(len(wave), bool)


@pytest.mark.parametrize("band", FOLD_BANDS)
def test_noise_has_no_fold_depth_on_average_however_short(band: tuple[float, float]) -> None:
    waves = [noise(seed, seconds=0.5) for seed in range(60)]
    depths = [fold_depth(wave, RATE, HOP, band, everywhere(wave)) for wave in waves]
    assert abs(np.mean(depths)) < 3 * np.std(depths) / np.sqrt(len(depths))
    assert np.std(depths) < 2


@pytest.mark.parametrize("hop", [256, 235.2, 512])
def test_clicks_every_hop_are_as_deep_as_their_energy_says(hop: float) -> None:
    """A click of height a lies in one position of 16, in which noise of variance 1 has the energy
    hop / 16 itself."""
    wave, height = noise(0, seconds=8), 12.0
    # the middle of the fifth
    places = np.rint(hop * (np.arange(int(len(wave) / hop)) + 4.5 / POSITIONS)).astype(int)
    wave[places] += height
    expected = 10 * np.log10(1 + height**2 / (hop / POSITIONS))
    depth = fold_depth(wave, RATE, hop, FOLD_BANDS[1], everywhere(wave))
    assert depth == pytest.approx(expected, abs=1)
    # another grid sees none
    assert abs(fold_depth(wave, RATE, hop * 1.037, FOLD_BANDS[1], everywhere(wave))) < 1


def test_every_hop_counts_alike_loud_or_soft() -> None:
    wave = noise(0, seconds=4)
    wave[HOP // 32 :: HOP] += 15.0
    loudness = np.exp(3 * np.sin(2 * np.pi * 0.7 * np.arange(len(wave)) / RATE))
    depths = [
        fold_depth(each, RATE, HOP, FOLD_BANDS[1], everywhere(wave))
        for each in (wave, wave * loudness)
    ]
    assert depths[0] == pytest.approx(depths[1], abs=0.5)
    assert depths[0] > 8


def test_what_is_masked_does_not_count() -> None:
    wave, mask = noise(0, seconds=4), np.arange(4 * RATE) < 2 * RATE
    wave[2 * RATE :: HOP] += 30.0
    assert abs(fold_depth(wave, RATE, HOP, FOLD_BANDS[1], mask)) < 1
    assert fold_depth(wave, RATE, HOP, FOLD_BANDS[1], ~mask) > 10
    assert np.isnan(fold_depth(wave, RATE, HOP, FOLD_BANDS[1], np.arange(len(wave)) < 31 * HOP))


def test_noises_correlate_as_far_as_they_share_a_part() -> None:
    a, b, common = noise(0), noise(1), noise(2)
    whole = everywhere(a)
    assert noise_correlation(a, a, RATE, whole) == pytest.approx(1)
    assert abs(noise_correlation(a, b, RATE, whole)) < 0.02
    assert noise_correlation(a + common, b + common, RATE, whole) == pytest.approx(0.5, abs=0.02)
    assert np.isnan(noise_correlation(a, b, RATE, np.arange(len(a)) < 0.09 * RATE))


def test_noise_that_repeats_correlates_with_itself_at_that_lag_alone() -> None:
    wave, lag = noise(0), 512
    wave[lag:] += noise(0)[:-lag]  # half of each sample's power is the power of one a lag earlier
    whole = everywhere(wave)
    assert noise_correlation(wave, wave, RATE, whole, lag) == pytest.approx(0.5, abs=0.02)
    assert abs(noise_correlation(wave, wave, RATE, whole, lag + 100)) < 0.02


BANDS = ((1000.0, 2000.0), (2000.0, 4000.0), (4000.0, 8000.0), (8000.0, 12000.0))


def harmonics(f0: float) -> np.ndarray:
    """All those below half the sample rate, of amplitude 1."""
    time = np.arange(SECONDS * RATE) / RATE
    return sum(np.cos(2 * np.pi * f0 * k * time + k * k) for k in range(1, int(RATE / 2 / f0)))


@pytest.mark.parametrize(("f0", "level"), [(200.0, 0.3), (200.0, 3.0), (410.0, 1.0)])
def test_harmonics_stand_out_of_noise_as_far_as_their_powers_say(f0: float, level: float) -> None:
    """A line of amplitude 1 shows as half the window's transform, averaged over F0 / 16; noise as
    its energy.

    The mean in dB of noise's power lies 10 log10(exp(0.577)) = 2.5 dB below its power, less where
    it is averaged.
    """
    window = np.hanning(2049)[:-1]
    offsets = np.linspace(-f0 / 32, f0 / 32, 51)[:, None]
    line = np.mean(np.abs(np.exp(-2j * np.pi * offsets * np.arange(2048) / RATE) @ window / 2) ** 2)
    white = level**2 * np.sum(window**2)
    expected = 10 * np.log10((line + white) / white)
    found = harmonic_contrast(
        harmonics(f0) + level * noise(0), RATE, contour(f0, SECONDS * RATE), BANDS
    )
    assert min(found) > expected - 0.3 and max(found) < expected + 2.8


def test_an_error_in_f0_is_corrected() -> None:
    wave = harmonics(200.0) + noise(0)
    exact, off = (
        harmonic_contrast(wave, RATE, contour(f0, len(wave)), BANDS) for f0 in (200.0, 201.3)
    )
    assert off == pytest.approx(exact, abs=0.2)


@pytest.mark.parametrize("tilted", [False, True])
def test_noise_shows_no_harmonics_but_those_that_the_correction_of_f0_finds_below_4_khz(
    tilted: bool,
) -> None:
    wave = np.cumsum(noise(0)) if tilted else noise(0)  # 6 dB an octave
    found = harmonic_contrast(wave, RATE, contour(300.0, len(wave)), BANDS)
    assert all(0 <= contrast < 2.5 for contrast in found[:2])
    assert found[2:] == pytest.approx([0] * 2, abs=0.5)


def test_bands_in_which_nothing_sounds_show_no_harmonics() -> None:
    """As above the last harmonic of a sound without noise, where sums of power differ by their
    rounding."""
    time = np.arange(SECONDS * RATE) / RATE
    low = sum(np.cos(2 * np.pi * 200 * k * time) for k in range(1, 11))
    found = harmonic_contrast(low, RATE, contour(200.0, len(low)), BANDS)
    assert found[0] > 50
    assert abs(found[3]) < 5
    assert harmonic_contrast(0 * low, RATE, contour(200.0, len(low)), BANDS) == [0] * 4


def test_harmonics_need_a_steady_f0() -> None:
    gliding = contour(100.0, SECONDS * RATE) * np.float32(1.01) ** np.arange(
        1 + SECONDS * RATE // HOP
    )
    assert np.isnan(harmonic_contrast(noise(0), RATE, gliding, BANDS)).all()


def test_silence_and_the_frames_beside_a_change_are_neither_voiced_nor_unvoiced() -> None:
    wave = noise(0)
    wave[: RATE // 2] *= 0.005  # 46 dB
    f0 = contour(150.0, len(wave))
    frame = len(f0) // 2
    f0[frame:] = 0
    classes = voicing(wave, RATE, f0)
    assert (
        not classes.voiced[: RATE // 2 - HOP].any()
        and not classes.unvoiced[: RATE // 2 - HOP].any()
    )
    # from the last voiced frame to the first unvoiced one
    between = np.arange((frame - 1) * HOP, frame * HOP)
    assert not (classes.voiced | classes.unvoiced)[between].any()
    assert classes.voiced[(frame - 3) * HOP] and classes.unvoiced[(frame + 2) * HOP]


def test_a_clicking_repeating_output_is_told_from_its_recording() -> None:
    recording, time = noise(0, seconds=4), np.arange(4 * RATE)
    f0 = contour(150.0, len(recording))
    f0[len(f0) // 2 :] = 0
    generated = recording + np.where(time % HOP == 8, 30.0, 0.0)
    other = noise(1, seconds=4) + (generated - recording)
    found = texture(recording, generated, other, RATE, f0, HOP, 512)
    for kind in ("voiced", "unvoiced"):
        for band in ("1k", "4k", "8k"):
            assert found[f"fold_{kind}_{band}"] > 8
            assert abs(found[f"fold_{kind}_{band}_recording"]) < 1.5
    assert found["lag_correlation"] > 0.5 > 0.05 > abs(found["lag_correlation_recording"])
    assert 0.5 < found["seed_correlation"] < 0.95
    assert "seed_correlation_recording" not in found
    assert not {"lag_correlation", "seed_correlation"} & set(
        texture(recording, other, None, RATE, f0, HOP, None)
    )


def test_a_low_sample_rate_leaves_out_the_bands_it_does_not_hold() -> None:
    recording = noise(0)
    found = texture(
        recording,
        recording,
        None,
        16000,
        np.full(1 + len(recording) * 24000 // 16000 // 256, 0.0),
        160,
        None,
    )
    assert {"fold_voiced_1k", "harmonics_4k"} <= set(found)
    assert not {"fold_voiced_4k", "fold_voiced_8k", "harmonics_8k"} & set(found)

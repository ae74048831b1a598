"""Contours of voices whose F0 is known: they move as voices do."""

from __future__ import annotations

import numpy as np

from wavehax.evaluate.known_f0 import smooth_contour


def jumping(seed: int) -> np.ndarray:
    """F0 [400] of voiced runs of any length, with jumps of up to an octave and of an octave."""
    rng = np.random.default_rng(seed)
    octaves = 7 + 0.5 * np.sin(np.arange(400) / 300)
    for at in range(30, 400, 40):
        octaves[at:] += rng.choice([-1.0, 1.0, rng.uniform(-1, 1)])
    return np.where(rng.random(400).cumsum() % 40 > 8, 2**octaves, 0)


def test_a_smooth_contour_moves_by_a_semitone_a_frame_at_most_and_is_voiced_as_it_was() -> None:
    for seed in range(20):
        given = jumping(seed)
        made = smooth_contour(given)
        np.testing.assert_array_equal(made > 0, given > 0)
        inside = (given[1:] > 0) & (given[:-1] > 0)
        steps, before = (
            np.abs(12 * np.diff(np.log2(np.where(f0 > 0, f0, 1))))[inside] for f0 in (made, given)
        )
        assert before.max() > 4 and steps.max() < 1.05


def test_a_slow_movement_stays_where_it_is_and_errors_of_an_octave_are_undone() -> None:
    glide = 200 * 2 ** (np.arange(80) / 80)
    octave_off = np.where((np.arange(80) > 30) & (np.arange(80) < 50), 2 * glide, glide)
    for given in (glide, octave_off):
        cents = 1200 * np.abs(np.log2(smooth_contour(given) / glide))
        assert cents[5:-5].max() < 1e-6 and cents.max() < 30  # ends are held


def test_frames_without_a_voice_stay_so() -> None:
    assert not smooth_contour(np.zeros(9)).any()
    np.testing.assert_allclose(smooth_contour(np.array([0, 150.0, 0, 90.0])), [0, 150, 0, 90])

"""recipes/f0/noise.py: unvoiced windows of a recording drawn anew."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyworld")

RECIPE = Path(__file__).parents[2] / "recipes/f0/noise.py"


@pytest.mark.parametrize("magnitudes", [False, True])
def test_voiced_sound_is_kept_and_unvoiced_noise_is_drawn_anew_at_its_level(
    magnitudes: bool,
) -> None:
    noisy = runpy.run_path(str(RECIPE))["noisy"]
    rng = np.random.default_rng(0)
    wave = 0.1 * rng.standard_normal(24000).astype(np.float32)
    f0 = np.where(np.arange(93) < 40, 100.0, 0.0)
    made = noisy(wave, f0, rng, magnitudes)
    voiced, unvoiced = slice(0, 38 * 256), slice(44 * 256, 91 * 256)
    np.testing.assert_allclose(made[voiced], wave[voiced], atol=1e-6)
    assert abs(np.corrcoef(made[unvoiced], wave[unvoiced])[0, 1]) < 0.1
    assert abs(10 * np.log10(made[unvoiced].var() / wave[unvoiced].var())) < 0.5

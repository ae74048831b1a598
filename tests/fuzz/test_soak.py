"""Short slices of the long runs of soak.py."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("resource", reason="the peak of memory is not to be had here")
soak = pytest.importorskip("soak")


def test_the_phase_of_a_stream_is_exact_after_many_frames():
    soak.check_phase(2500)


def test_the_prior_comes_back_from_the_model_that_the_phase_is_measured_with():
    voc = soak.echo()
    f0 = next(soak.varying(500))
    prior = voc.prior(f0)
    wave = voc(np.zeros((1, len(f0)), np.float32), f0, prior=prior)
    np.testing.assert_allclose(wave, prior, atol=3e-6)


def test_a_stream_keeps_its_memory_and_level():
    soak.check_speech(3000)


def test_voices_opened_and_closed_at_random_keep_their_samples_and_memory():
    soak.check_voices(3000, most=5)

"""Short slices of the long runs of soak.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from processes import run_python

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


@pytest.mark.slow
def test_a_stream_keeps_its_memory_and_level():
    soak.check_speech(3000)


_LEAKING = """
class Leaking(soak.Voice):
    left = []

    def open(self, seed):
        super().open(seed)
        self.left.append(self.stream)

soak.Voice = Leaking
"""


@pytest.mark.parametrize(
    ("change", "error"), [("", ""), (_LEAKING, "AssertionError: {'voices opened'")]
)
@pytest.mark.slow
def test_voices_closed_at_random_keep_their_samples_and_memory_and_a_stream_left_behind_is_found(
    change, error, tmp_path
):
    """In processes of their own: the peak of memory of this one may be that of another test."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(soak.__file__).parent)!r}); import soak{change}"
    )
    result = run_python(f"{code}\nsoak.check_voices(3000, most=5)", tmp_path)
    assert (result.returncode != 0) == bool(error) and error in result.stderr, result.stderr

"""Segments made on the device equal those that the CPU cuts from prepared arrays."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from wavehax.config import FEATURES
from wavehax.data.config import DataConfig
from wavehax.data.resident import ResidentDataset, ahead
from wavehax.data.segments import SegmentDataset
from wavehax.train.config import ConfigError

VOCOS_24K = FEATURES["vocos-24k"]
CPU = torch.device("cpu")
# frames at whose windows an utterance's end can be
MARGIN = VOCOS_24K.n_fft // 2 // VOCOS_24K.hop_length + 1


def both(folder: Path, **changes) -> tuple[SegmentDataset, ResidentDataset]:
    config = dataclasses.replace(
        DataConfig(str(folder), batch_size=8, segment_frames=20), **changes
    )
    resident = dataclasses.replace(config, resident=True)
    return SegmentDataset(config, VOCOS_24K, 3), ResidentDataset(resident, VOCOS_24K, 3, CPU)


@pytest.mark.parametrize("share", [{}, {"flat_share": 1.0}, {"filled_share": 0.5}])
def test_segments_at_their_own_speed_equal_those_of_the_prepared_arrays(
    prepared: Path, share: dict[str, float]
) -> None:
    segments, resident = both(prepared, **share)
    expected, found = segments.batch(5), resident.batch(5)
    np.testing.assert_allclose(found.audio, expected.audio, atol=1e-6)
    np.testing.assert_array_equal(found.f0, expected.f0)
    np.testing.assert_array_equal(found.voiced, expected.voiced)
    np.testing.assert_allclose(found.phase, expected.phase, atol=1e-7)
    compared = 0
    for item in range(8):
        draw = segments.draw(5, item)
        frames = segments.frames[draw.utterance]
        first = int(draw.position * (frames - 20 + 1))
        inside = slice(max(0, MARGIN - first), min(20, frames - MARGIN - 1 - first))
        np.testing.assert_allclose(
            found.mel[item, :, inside], expected.mel[item, :, inside], atol=2e-3
        )
        compared += inside.stop - inside.start
    assert compared > 60


def test_segments_at_another_speed_equal_band_limited_interpolation(prepared: Path) -> None:
    segments, resident = both(prepared, speed_share=1.0, gain_db=0.0, filled_share=0.5)
    expected, found = segments.batch(7), resident.batch(7)
    np.testing.assert_allclose(found.f0, expected.f0, rtol=1e-5)
    for a, b in zip(found.audio.numpy(), expected.audio, strict=True):
        spectra = [np.abs(np.fft.rfft(x * np.hanning(len(x)))) for x in (a, b)]
        # at 1.9 the slowest voice's band ends at 0.5 of half the rate
        below = slice(0, round(0.45 * len(spectra[0])))
        error = np.linalg.norm(spectra[0][below] - spectra[1][below]) / np.linalg.norm(
            spectra[1][below]
        )
        assert error < 2e-2
    assert np.abs(found.mel[:, :40].numpy() - expected.mel[:, :40]).mean() < 0.01


def test_a_share_of_the_batch_is_the_same_whenever_asked_for(prepared: Path) -> None:
    resident = both(prepared, speed_share=0.5)[1]
    first, again = (resident.batch(2, range(4, 8)) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        assert torch.equal(a, b)
    whole = resident.batch(2)
    assert torch.equal(whole.audio[4:], first.audio)


def test_mels_of_shifted_voices_are_refused() -> None:
    with pytest.raises(ConfigError, match="shifted_share=0"):
        DataConfig("data", resident=True, shifted_share=0.5)


def test_batches_made_ahead_are_those_made_when_asked_for_and_a_step_earlier(
    prepared: Path,
) -> None:
    resident, made, threads = both(prepared)[1], [], set()

    def make(step: int):
        made.append(step)
        threads.add(threading.current_thread())
        return resident.batch(step)

    for step, batch in enumerate(ahead(make, range(3), CPU)):
        for mine, expected in zip(batch, resident.batch(step), strict=True):
            assert torch.equal(mine, expected)
    assert made == [0, 1, 2] and threads.isdisjoint({threading.current_thread()})
    left = ahead(make, range(10), CPU)
    next(left)
    left.close()
    assert made == [0, 1, 2, 0, 1]


def test_what_a_batch_ahead_fails_with_is_raised_where_it_is_asked_for() -> None:
    def make(step: int):
        raise ValueError(f"step {step} cannot be made")

    with pytest.raises(ValueError, match="step 4 cannot be made"):
        next(ahead(make, range(4, 6), CPU))

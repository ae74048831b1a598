"""Voices of known F0 have the F0 that they claim."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from processes import ENVIRONMENT
from voices import voice

from wavehax.config import FEATURES
from wavehax.data.config import DataConfig
from wavehax.data.contours import HIGHEST, LOWEST, random_contour
from wavehax.data.known_f0 import Source, known_voice, voice_of
from wavehax.data.segments import SegmentDataset
from wavehax.mel.features import f0_from_audio, log_mel

pytest.importorskip("pyworld", reason="needs the extra [f0]")
FEATURE = FEATURES["vocos-24k"]
HOP, RATE = FEATURE.hop_length, FEATURE.sample_rate
ROOT = Path(__file__).parents[2]


@cache
def source() -> Source:
    audio = voice(1.5, 150, 0)
    audio = audio[: len(audio) // HOP * HOP]
    frames = len(audio) // HOP
    mel, f0 = log_mel(audio, FEATURE)[:, :frames], f0_from_audio(audio, FEATURE)[:frames]
    return Source(audio, mel, f0)


def instantaneous_frequency(wave: np.ndarray, low: float, high: float) -> np.ndarray:
    """Hz at every sample of the one partial between `low` and `high` Hz."""
    spectrum = np.fft.fft(wave)
    frequencies = np.fft.fftfreq(len(wave), 1 / RATE)
    analytic = np.fft.ifft(np.where((frequencies > low) & (frequencies < high), spectrum, 0))
    return np.diff(np.unwrap(np.angle(analytic))) * RATE / (2 * np.pi)


@pytest.mark.parametrize("pitch", [80.0, 300.0, 1000.0])
def test_a_voice_has_the_f0_of_its_contour_at_the_first_sample_of_each_hop(pitch: float) -> None:
    recording = source()
    found = voice_of(recording.audio, recording.f0, FEATURE)
    voiced = found.f0 > 0
    glide = pitch * np.linspace(1, 1.8, len(voiced))  # the fundamental stays below any 2nd harmonic
    wave = found.sound(np.where(voiced, glide, 0.0))
    measured = instantaneous_frequency(wave, 0.8 * pitch, 1.95 * pitch)[::HOP]
    # Well inside a voiced run, where no edge disturbs the one partial.
    inside = np.convolve(voiced, np.ones(17), "same") == 17
    cents = 1200 * np.log2(measured[inside] / glide[inside])
    assert inside.sum() > 30
    # Early and late frames differ by what the glide covers in a frame; the median averages jitter.
    frame = 1200 * np.log2(1.8) / len(voiced)
    assert abs(np.median(cents)) < 0.5 * frame


def test_fricatives_that_harvest_goes_through_are_unvoiced() -> None:
    rng = np.random.default_rng(0)
    audio = 0.1 * np.diff(rng.standard_normal(64 * HOP + 1))  # noise that rises with frequency
    claimed = np.full(64, 150.0)
    assert not voice_of(audio, claimed, FEATURE).f0.any()


def test_contours_are_voiced_where_the_recording_is_and_within_the_range() -> None:
    f0 = np.repeat([0.0, 150.0, 0.0, 220.0, 0.0], 40)
    contours = [random_contour(f0, 93.75, np.random.default_rng(seed)) for seed in range(200)]
    spoken = [contour for contour in contours if contour.any()]
    assert 0.01 < 1 - len(spoken) / 200 < 0.15  # some are whispered
    assert all(((contour > 0) == (f0 > 0)).all() for contour in spoken)
    values = np.concatenate([contour[contour > 0] for contour in spoken])
    assert values.min() >= LOWEST and values.max() <= HIGHEST
    assert (values < 80).mean() > 0.05 and (values > 800).mean() > 0.05


@pytest.mark.slow
def test_the_same_seed_makes_the_same_voice() -> None:
    first, again, other = (
        known_voice(source(), FEATURE, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], other[0])
    assert np.abs(first[0]).max() <= 0.9


@pytest.mark.slow
def test_the_recipe_prepares_recordings_and_voices_for_two_definitions(
    prepared: Path, tmp_path: Path
) -> None:
    def script(name: str, *arguments: object) -> None:
        command = [sys.executable, ROOT / "recipes" / "f0" / name, *map(str, arguments)]
        subprocess.run(command, check=True, env=ENVIRONMENT)

    script("prepare.py", prepared, tmp_path / "f0", "--model", "vocos-24k")
    script("convert.py", tmp_path / "f0", tmp_path / "22k", "--features", "hifigan-22k")
    recorded = SegmentDataset(DataConfig(str(prepared), segment_frames=48), FEATURE, 0)
    voices = SegmentDataset(DataConfig(str(tmp_path / "f0"), segment_frames=48), FEATURE, 0)
    assert [u["voice"] for u in voices.utterances] == np.repeat([0, 1, 2, 3], 4).tolist()
    assert [u["model"] for u in voices.utterances] == [None] * 8 + ["vocos-24k"] * 4 + [None] * 4
    count = recorded.num_frames
    np.testing.assert_array_equal(voices.audio[: count * HOP], recorded.audio)
    same = voices.f0[:count] == recorded.f0
    assert (same | (voices.f0[:count] == 0)).all() and same.mean() > 0.7

    features = FEATURES["hifigan-22k"]
    converted = SegmentDataset(DataConfig(str(tmp_path / "22k"), segment_frames=48), features, 0)
    assert [u["file"] for u in converted.utterances] == [u["file"] for u in voices.utterances]
    # Frames are longer there by 24000 / 22050; pitch and voicing stay.
    assert converted.num_frames / voices.num_frames == pytest.approx(22050 / 24000, rel=0.02)
    shares = [(data.f0 > 0).mean() for data in (converted, voices)]
    assert shares[0] == pytest.approx(shares[1], abs=0.02)
    medians = [np.median(data.f0[data.f0 > 0]) for data in (converted, voices)]
    assert medians[0] == pytest.approx(medians[1], rel=0.03)

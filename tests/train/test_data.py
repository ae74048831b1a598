"""Prepared arrays and the segments drawn from them."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from wavehax.config import FEATURES, FeatureConfig, to_dict
from wavehax.data.config import DataConfig
from wavehax.data.segments import ArrayBatch, SegmentDataset
from wavehax.files.sound import read_audio
from wavehax.mel.features import f0_from_audio, log_mel, mel_frequencies

FEATURES_24K = FEATURES["vocos-24k"]


def dataset(prepared: Path, seed: int = 0, **changes: object) -> SegmentDataset:
    config = dataclasses.replace(
        DataConfig(str(prepared), batch_size=3, segment_frames=20), **changes
    )
    return SegmentDataset(config, FEATURES_24K, seed)


def test_prepared_arrays_are_the_features_of_the_recordings(corpus: Path, prepared: Path) -> None:
    manifest = json.loads((prepared / "manifest.json").read_text())
    audio, mel, f0 = (np.load(prepared / f"{name}.npy") for name in ("audio", "mel", "f0"))
    assert len(audio) == 256 * len(mel) == 256 * len(f0)
    assert [u["speaker"] for u in manifest["utterances"]] == [
        "a",
        "a",
        "b",
        "b",
    ]  # the dev file is not there
    for utterance in manifest["utterances"]:
        wave, _ = read_audio(corpus / utterance["file"], 24000)
        count, start = utterance["frames"], utterance["start"]
        assert count == len(wave) // 256
        kept = audio[256 * start : 256 * (start + count)] / 32768
        np.testing.assert_allclose(kept, wave[: 256 * count], atol=2e-5)
        np.testing.assert_allclose(
            mel[start : start + count], log_mel(wave, FEATURES_24K).T[:count], atol=0.05
        )
        close = np.isclose(
            f0[start : start + count],
            f0_from_audio(wave, FEATURES_24K, method="harvest")[:count],
            rtol=0.01,
        )
        assert close.mean() > 0.95


def test_manifest_normalisation_is_that_of_the_mels(prepared: Path) -> None:
    manifest, mel = (
        json.loads((prepared / "manifest.json").read_text()),
        np.load(prepared / "mel.npy").astype(float),
    )
    np.testing.assert_allclose(manifest["mel_mean"], mel.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(manifest["mel_scale"], mel.std(axis=0), rtol=1e-6)


def test_a_batch_is_a_function_of_seed_and_step(prepared: Path) -> None:
    first, second = (
        dataset(prepared, speed_share=0.5, disturbed_share=0.5, shift_samples=511) for _ in range(2)
    )
    second.batch(3)
    for name in ArrayBatch._fields:
        np.testing.assert_array_equal(getattr(first.batch(7), name), getattr(second.batch(7), name))
        assert not np.array_equal(getattr(first.batch(8), name), getattr(first.batch(7), name))
    assert not np.array_equal(dataset(prepared, seed=1).batch(7).mel, first.batch(7).mel)


def test_every_output_of_a_segment_has_noise_and_phase_of_its_own(prepared: Path) -> None:
    config = DataConfig(str(prepared), batch_size=3, segment_frames=20)
    one, two = (SegmentDataset(config, FEATURES_24K, 0, outputs).batch(5) for outputs in (1, 2))
    np.testing.assert_array_equal(two.noise[:, :1], one.noise)
    np.testing.assert_array_equal(two.phase[:, :1], one.phase)
    assert two.noise.shape == (3, 2, 21 * 256) and two.phase.shape == (3, 2)
    first, second = two.noise[:, 0].ravel(), two.noise[:, 1].ravel()
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    assert not np.isclose(two.phase[:, 0], two.phase[:, 1]).any()


def test_shifts_reach_the_largest_and_no_further(prepared: Path) -> None:
    data = dataset(prepared, shift_samples=3)
    shifts = np.concatenate([data.batch(step).shift for step in range(40)])
    assert set(shifts) == {0, 1, 2, 3}


def test_a_disturbed_mel_shows_below_100_hz_what_the_audio_lacks(prepared: Path) -> None:
    batch = dataset(prepared, disturbed_share=1.0).batch(7)
    inside = slice(3, 17)  # frames whose windows lie in the segment
    centres = mel_frequencies(FEATURES_24K)[1:-1]
    for audio, mel in zip(batch.audio, batch.mel, strict=True):
        added = (mel - log_mel(audio, FEATURES_24K)[:, :20])[:, inside]
        assert np.abs(added[centres > 300]).max() < 0.2
        assert added[centres < 60].max() > 0.5


@pytest.mark.parametrize("speed_share", [0.0, 1.0])
def test_a_filled_contour_never_reaches_0_and_is_as_measured_where_voiced(
    prepared: Path, speed_share: float
) -> None:
    measured, filled = (
        dataset(prepared, speed_share=speed_share, filled_share=share).batch(7)
        for share in (0.0, 1.0)
    )
    voiced = measured.f0 > 0
    assert voiced.any() and not voiced.all() and filled.f0.min() > 0
    for batch in (measured, filled):
        np.testing.assert_array_equal(batch.voiced, voiced[:, 0])
    np.testing.assert_allclose(filled.f0[voiced], measured.f0[voiced], rtol=0.02)
    np.testing.assert_array_equal(filled.audio, measured.audio)
    np.testing.assert_array_equal(filled.mel, measured.mel)


def test_a_share_of_a_batch_is_that_part_of_it(prepared: Path) -> None:
    data = dataset(prepared, speed_share=0.5)
    for whole, share in zip(data.batch(7), data.batch(7, range(1, 3)), strict=True):
        np.testing.assert_array_equal(share, whole[1:3])


def test_a_segment_is_cut_by_the_alignment_of_the_features(prepared: Path) -> None:
    batch = dataset(prepared, gain_db=0.0, batch_size=20).batch(0)
    audio, mel, f0 = (np.load(prepared / f"{name}.npy") for name in ("audio", "mel", "f0"))
    signs = []
    for i in range(20):
        start = int(np.argmin(np.abs(mel[:-19] - batch.mel[i, :, 0]).sum(axis=1)))
        np.testing.assert_array_equal(batch.mel[i], mel[start : start + 20].T)
        np.testing.assert_array_equal(batch.f0[i, 0], f0[start : start + 20])
        recorded = audio[256 * start : 256 * (start + 20)] / 32768
        signs.append(np.sign(batch.audio[i] @ recorded))
        np.testing.assert_allclose(signs[-1] * batch.audio[i], recorded, atol=1e-7)
    assert set(signs) == {-1, 1}  # half are upside down


def test_gain_moves_audio_and_mel_together(prepared: Path) -> None:
    plain, scaled = dataset(prepared, gain_db=0.0).batch(5), dataset(prepared, gain_db=6.0).batch(5)
    gain = np.sqrt((scaled.audio**2).mean(axis=1) / (plain.audio**2).mean(axis=1))
    assert len(set(np.round(gain, 4))) == 3
    assert (20 * np.log10(gain) < 3.001).all()
    assert (20 * np.log10(gain) > -6.001).all()
    np.testing.assert_allclose(scaled.mel - np.log(gain)[:, None, None], plain.mel, atol=1e-4)


def test_noise_and_phase_of_priors_are_gaussian_and_uniform(prepared: Path) -> None:
    batch = dataset(prepared, batch_size=60).batch(0)
    assert batch.noise.shape == (60, 1, 21 * 256)
    assert abs(batch.noise.std() - 1) < 0.01 and abs(batch.noise.mean()) < 0.01
    assert 0.35 < batch.phase.mean() < 0.65 and 0 <= batch.phase.min() < batch.phase.max() < 1


@pytest.mark.parametrize("features", ["vocos-24k", "wavehax-24k"])
def test_a_segment_at_another_speed_has_the_mel_of_its_audio_and_the_pitch_of_that_speed(
    tmp_path: Path, features: str
) -> None:
    definition = FEATURES[features]
    hop = definition.hop_length
    frames = 24000 // hop * 3
    pitch = 200 * 2 ** (np.arange(frames) / frames / 2)  # a glide up half an octave
    phase = np.cumsum(np.interp(np.arange(frames * hop) / hop, np.arange(frames), pitch)) / 24000
    audio = 0.3 * np.sin(2 * np.pi * phase)
    _write_prepared(tmp_path, definition, audio, pitch)
    config = DataConfig(
        str(tmp_path), 8, 60, gain_db=0.0, speed_share=1.0, speed_min=0.7, speed_max=1.9
    )
    batch = SegmentDataset(config, definition, 0).batch(0)
    margin = 4
    for wave, mel, f0 in zip(batch.audio, batch.mel, batch.f0[:, 0], strict=True):
        np.testing.assert_allclose(
            log_mel(wave, definition)[:, margin:50], mel[:, margin:50], atol=0.02
        )
        # Instantaneous frequency of the analytic signal, at the frames.
        spectrum = np.fft.fft(wave)
        spectrum[len(wave) // 2 :] = 0
        angle = np.unwrap(np.angle(np.fft.ifft(spectrum)))
        at = np.arange(margin, 50) * hop
        np.testing.assert_allclose(
            (angle[at + 40] - angle[at - 40]) / 80 * 24000 / (2 * np.pi), f0[margin:50], rtol=0.01
        )
    assert np.ptp(batch.f0[:, 0, 0]) > 50


def test_a_shifted_segment_differs_in_its_mel_alone(prepared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "prepared"
    shutil.copytree(prepared, folder)
    np.save(folder / "mel_shifted.npy", np.load(folder / "mel.npy") + 1)
    plain = dataset(folder, batch_size=200).batch(0)
    mixed = dataset(folder, batch_size=200, shifted_share=0.3).batch(0)
    for name in ("audio", "f0", "noise", "phase"):
        np.testing.assert_array_equal(getattr(mixed, name), getattr(plain, name))
    difference = (mixed.mel - plain.mel).mean(axis=(1, 2))
    assert set(np.round(difference, 3)) == {0, 1}
    assert 0.2 < difference.mean() < 0.4


def test_shifted_mels_that_were_not_prepared_are_named(prepared: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"mel_shifted\.npy: missing"):
        dataset(prepared, shifted_share=0.3)


def _write_prepared(
    folder: Path, features: FeatureConfig, audio: np.ndarray, f0: np.ndarray
) -> None:
    np.save(folder / "audio.npy", np.rint(audio * 32767).astype(np.int16))
    np.save(folder / "mel.npy", log_mel(audio, features)[:, : len(f0)].T)
    np.save(folder / "f0.npy", f0.astype(np.float32))
    utterance = {"file": "a", "speaker": "a", "start": 0, "frames": len(f0)}
    manifest = {"features": to_dict(features), "mel_mean": [0.0] * 100, "mel_scale": [1.0] * 100}
    (folder / "manifest.json").write_text(json.dumps({**manifest, "utterances": [utterance]}))


@pytest.mark.parametrize(("exponent", "share"), [(1.0, 0.47), (0.0, 0.5)])
def test_speakers_are_drawn_by_their_share(prepared: Path, exponent: float, share: float) -> None:
    data = dataset(prepared, speaker_exponent=exponent, batch_size=2000)
    rng = np.random.default_rng(0)
    drawn = np.searchsorted(data.cumulative, rng.random(20000))
    # the first two utterances are speaker a's: 2.1 s of 4.5 s
    assert abs(np.mean(drawn < 2) - share) < 0.02


def test_an_unprepared_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"prepare\.py"):
        dataset(tmp_path)


@pytest.mark.parametrize("name", ["mel.npy", "audio.npy", "manifest.json"])
def test_a_damaged_folder_is_named(prepared: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "prepared"
    shutil.copytree(prepared, folder)
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=f"{name}: damaged"):
        dataset(folder)


def test_arrays_of_another_preparation_are_refused_by_name(prepared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "prepared"
    shutil.copytree(prepared, folder)
    np.save(folder / "f0.npy", np.load(folder / "f0.npy")[:-1])
    with pytest.raises(ValueError, match=r"f0\.npy: \d+ values, expected \d+"):
        dataset(folder)


def test_silence_stays_at_the_floor_of_the_mel(prepared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "prepared"
    shutil.copytree(prepared, folder)
    np.save(folder / "mel.npy", np.full_like(np.load(folder / "mel.npy"), np.log(1e-7)))
    np.testing.assert_allclose(dataset(folder, gain_db=20.0).batch(0).mel, np.log(1e-7), rtol=1e-6)


def test_segments_longer_than_every_utterance_are_refused(prepared: Path) -> None:
    with pytest.raises(ValueError, match="segment_frames=1000"):
        dataset(prepared, segment_frames=1000)


def test_other_features_are_refused_by_name(prepared: Path) -> None:
    with pytest.raises(ValueError, match="features vocos-24k, expected wavehax-24k"):
        SegmentDataset(DataConfig(str(prepared)), FEATURES["wavehax-24k"], 0)

"""Mels, scaled F0 and moved formants of the C library, against those of the Python package."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from c_library import ERROR_ARGUMENT, ERROR_STATE, CError, CMelStream, CModel, CStream, Library
from tiny_models import tiny_model, with_f0

import wavehax
from wavehax.checkpoint import save_model
from wavehax.features import log_mel
from wavehax.files.sound import read_audio
from wavehax.models.locate import model_path, shipped_models

RECORDING = Path(__file__).parents[1] / "data" / "recording.wav"
SCALES = [(1.5, 0.0), (0.0, 0.7), (0.8, 1.3)]  # of F0 and of formants; 0 is 1


@pytest.fixture(scope="module")
def c(library: Path) -> Library:
    return Library(library)


@pytest.fixture(scope="module", params=shipped_models())
def pair(request: pytest.FixtureRequest, c: Library) -> tuple[wavehax.Vocoder, CModel]:
    """A shipped model in Python and in C."""
    path = model_path(request.param)
    return wavehax.load(path), CModel(c, path)


@pytest.fixture
def predicting(c: Library, tmp_path: Path) -> CModel:
    """A small model that predicts F0."""
    save_model(tmp_path / "model.safetensors", with_f0(tiny_model("tiny_wavehax_frame")))
    return CModel(c, tmp_path / "model.safetensors")


def recording(rate: int) -> np.ndarray:
    return read_audio(RECORDING, rate)[0][: 3 * rate // 2]


def test_a_model_tells_the_definition_of_its_mel(pair):
    voc, model = pair
    for name in ("sample_rate", "hop_length", "n_fft", "n_mels", "f_min", "f_max", "log_floor"):
        assert getattr(model.features, name) == getattr(voc.features, name)
    for name in ("mel_scale", "mel_norm", "padding"):
        assert getattr(model.features, name).decode() == getattr(voc.features, name)


def test_the_mel_of_a_recording_is_that_of_python(pair):
    voc, model = pair
    audio = recording(voc.sample_rate)
    expected = log_mel(audio, voc.features).T
    found = model.log_mel(audio)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-4


def test_a_mel_in_pieces_is_the_whole_one_bit_for_bit(pair):
    voc, model = pair
    audio, stream, rng = recording(voc.sample_rate), CMelStream(model), np.random.default_rng(7)
    whole, hop = model.log_mel(audio), model.features.hop_length
    for _ in range(2):
        bounds = [0, *sorted(rng.integers(0, len(audio), 9)), len(audio)]
        frames = [stream.push(audio[a:b]) for a, b in itertools.pairwise(bounds)]
        count = sum(len(piece) for piece in frames)
        assert count == (len(audio) - model.features.delay) // hop
        np.testing.assert_array_equal(np.concatenate([*frames, stream.flush()]), whole)
        with pytest.raises(CError, match="flushed") as refused:
            stream.push(audio[:1])
        assert refused.value.status == ERROR_STATE
        stream.reset()


@pytest.mark.parametrize(("f0_scale", "formant_scale"), SCALES)
def test_another_pitch_and_other_formants_are_those_of_python(pair, f0_scale, formant_scale):
    voc, model = pair
    mel = log_mel(recording(voc.sample_rate), voc.features)[:, :60]
    f0 = voc.f0(mel)
    assert (f0 > 0).mean() > 0.2
    rows = np.ascontiguousarray(mel.T)
    found = model.vocode(rows, f0, f0_scale=f0_scale, formant_scale=formant_scale)
    expected = voc(mel, f0, f0_scale=f0_scale or 1.0, formant_scale=formant_scale or 1.0)
    # Sums are taken in another order than in numpy.
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize(("f0_scale", "formant_scale"), SCALES)
@pytest.mark.parametrize("given", [True, False], ids=["F0 given", "F0 predicted"])
def test_a_scaled_stream_is_the_whole_utterance_bit_for_bit(
    predicting, mel, f0, f0_scale, formant_scale, given
):
    rows, f0 = np.ascontiguousarray(mel.T), f0 if given else None
    whole = predicting.vocode(rows, f0, seed=1, f0_scale=f0_scale, formant_scale=formant_scale)
    plain = predicting.vocode(rows, f0, seed=1)
    assert not np.array_equal(whole, plain)
    stream, rng = CStream(predicting, seed=1), np.random.default_rng(6)
    stream.scale(f0_scale, formant_scale)
    for _ in range(2):
        bounds = [0, *sorted(rng.integers(0, len(rows) + 1, 5)), len(rows)]
        spans = list(itertools.pairwise(bounds))
        parts = [stream.push(rows[a:b], f0 if f0 is None else f0[a:b]) for a, b in spans]
        np.testing.assert_array_equal(np.concatenate([*parts, stream.flush()]), whole)
        stream.reset(1)


def test_bad_sound_and_scales_out_of_range_are_refused_with_their_place(predicting, mel, f0):
    audio = np.zeros(2000, np.float32)
    audio[1234] = np.inf
    stream, voice = CMelStream(predicting), CStream(predicting)
    stream.push(audio[:1000])
    rows = np.ascontiguousarray(mel.T)
    low = f0.copy()
    low[f0 > 0] = 1.5
    first = np.flatnonzero(f0)[0]
    for words, call in {
        "audio is inf in sample 1234": lambda: predicting.log_mel(audio),
        "audio is inf in sample 1234: expected": lambda: stream.push(audio[1000:]),
        "samples is 0: expected at least one hop": lambda: predicting.log_mel(audio[:0]),
        "f0_scale is nan": lambda: predicting.vocode(rows, f0, f0_scale=np.nan),
        "f0_scale is -1": lambda: voice.scale(-1, 1),
        "formant_scale is 2.5: expected 0.5 to 2": lambda: voice.scale(1, 2.5),
        "formant_scale is nan": lambda: predicting.vocode(rows, f0, formant_scale=np.nan),
        f"f0 is 1.5 in frame {first}, and 0.75": lambda: predicting.vocode(rows, low, f0_scale=0.5),
        "f0_scale is 0.001: out of range": lambda: predicting.vocode(rows, None, f0_scale=0.001),
    }.items():
        with pytest.raises(CError) as refused:
            call()
        assert words in str(refused.value) and refused.value.status == ERROR_ARGUMENT
    assert predicting.library.mel_frames(predicting.handle, -1) == -1
    assert predicting.library.mel_frames(None, 100) == -1

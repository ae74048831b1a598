from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from tiny_models import with_f0
from voices import voice

from wavehax.checkpoint import save_model
from wavehax.evaluate.f0 import f0_agreement, smoothed
from wavehax.evaluate.items import Item, manifest_items
from wavehax.evaluate.known_f0 import MEDIANS
from wavehax.evaluate.synthesis import ModelSynthesis
from wavehax.files.sound import read_audio, write_audio
from wavehax.mel.features import f0_from_audio, log_mel
from wavehax.vocoder import Vocoder

pytest.importorskip("pyworld", reason="needs the extra [f0]")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        write_audio(tmp_path / f"{name}.flac", voice(0.5, 150 if name == "a" else 190, 0), 24000)
    with (tmp_path / "MANIFEST.tsv").open("w", newline="") as file:
        csv.writer(file, delimiter="\t").writerows(
            [("file", "split", "speaker"), ("a.flac", "dev", "a"), ("b.flac", "unseen", "b")]
        )
    return tmp_path


def test_what_harvest_finds_is_what_predictions_are_judged_by(corpus, tiny, monkeypatch):
    voc = Vocoder(with_f0(tiny))
    measured = [f0_from_audio(voice(0.5, pitch, 0), voc.features) for pitch in (150, 190)]
    # right; for the smooth mel wrong
    predictions = iter([measured[0], 2 * measured[0], measured[1], 2 * measured[1]])
    monkeypatch.setattr(Vocoder, "f0", lambda self, mel: next(predictions))
    plain, smooth, harvest = f0_agreement(
        voc, manifest_items(corpus / "MANIFEST.tsv", ["dev", "unseen"])
    )
    assert (plain.gross_pitch_error, plain.voicing_error) == (0, 0) and plain.rmse_cents < 5
    assert smooth.gross_pitch_error > 0.9
    assert harvest.gross_pitch_error < 0.1 and 0 < harvest.median_cents < 10


@pytest.mark.slow
def test_every_split_has_its_scores(corpus, tiny, tmp_path, command):
    save_model(tmp_path / "model.safetensors", with_f0(tiny))
    model, data = ("--model", tmp_path / "model.safetensors"), ("--data", corpus / "MANIFEST.tsv")
    code, out, err = command("evaluate", "f0", *model, *data, "--splits", "dev", "unseen")
    assert (code, err) == (0, "")
    rows = [tuple(re.split(r"\s{2,}", line)[:3]) for line in out.splitlines()[1:]]
    known = [f"{finder}, {median:g} Hz" for median in MEDIANS for finder in ("mel", "harvest")]
    assert rows == [
        (kind, split, "1")
        for split in ("dev", "unseen")
        for kind in ("recorded", "smoothed", "harvest", *known)
    ]
    code, _, err = command("evaluate", "f0", *model, *data, "--splits", "none")
    assert code == 1 and "nothing is in split 'none'" in err and err.count("\n") == 1


def test_a_model_without_a_predictor_is_refused_before_any_recording_is_looked_for(
    tiny, tmp_path, command
):
    save_model(tmp_path / "model.safetensors", tiny)
    data = ("--data", tmp_path / "missing.tsv")
    code, out, err = command("evaluate", "f0", "--model", tmp_path / "model.safetensors", *data)
    assert (
        (code, out) == (1, "")
        and "this model has no predictor of F0" in err
        and err.count("\n") == 1
    )


def test_a_model_may_be_scored_with_the_f0_that_it_predicts(corpus, tiny, tmp_path, command):
    path = tmp_path / "model.safetensors"
    save_model(path, with_f0(tiny))
    item = Item("a.flac", "dev", "a", corpus / "a.flac")
    voc = Vocoder(with_f0(tiny))
    wave, _ = read_audio(item.natural, 24000)
    mel = log_mel(wave, voc.features)
    for predict, expected in (
        (True, voc(mel)),
        (False, voc(mel, f0_from_audio(wave, voc.features))),
    ):
        pair = ModelSynthesis(str(path), predict_f0=predict)(item)
        np.testing.assert_array_equal(pair.generated, expected[: len(wave)])
    code, _, err = command("evaluate", "--world", "--f0", "mel", "--data", corpus / "MANIFEST.tsv")
    assert code == 2 and "--f0 mel: needs a model" in err


def test_a_model_is_scored_in_the_precision_that_is_asked_for(corpus, tiny, tmp_path, command):
    path = tmp_path / "model.safetensors"
    save_model(path, tiny)
    item = Item("a.flac", "dev", "a", corpus / "a.flac")
    waves = [
        ModelSynthesis(str(path), precision=precision)(item).generated
        for precision in ("fp32", "bf16")
    ]
    wave, _ = read_audio(item.natural, 24000)
    voc = Vocoder(tiny, precision="bf16")
    expected = voc(log_mel(wave, voc.features), f0_from_audio(wave, voc.features))
    np.testing.assert_array_equal(waves[1], expected[: len(wave)])
    assert not np.array_equal(*waves)
    code, _, err = command(
        "evaluate", "--world", "--precision", "bf16", "--data", corpus / "MANIFEST.tsv"
    )
    assert code == 2 and "--precision bf16: needs a model" in err


def test_smoothing_is_a_product_of_two_binomial_filters():
    mel = np.random.default_rng(0).standard_normal((6, 9)).astype(np.float32)
    padded = np.pad(mel.astype(np.float64), 1, mode="edge")
    taps = np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    np.testing.assert_allclose(smoothed(mel), (windows * taps).sum(axis=(2, 3)), atol=1e-6)

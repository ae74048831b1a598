"""Runs of training beside models: the same sound as the engine's, and measured as what they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("scipy", reason="needs the extra [eval]")

from wavehax.checkpoint import Model, save_model  # noqa: E402
from wavehax.config import FEATURES, GeneratorConfig  # noqa: E402
from wavehax.data.config import DataConfig  # noqa: E402
from wavehax.evaluate.aliasing import measure, mels, report  # noqa: E402
from wavehax.evaluate.aliasing.measure import Curve  # noqa: E402
from wavehax.evaluate.aliasing.subjects import open_subject  # noqa: E402
from wavehax.nn import build_generator  # noqa: E402
from wavehax.nn.baselines import Baseline  # noqa: E402
from wavehax.train.config import TrainConfig  # noqa: E402
from wavehax.train.state import flatten, save_state  # noqa: E402
from wavehax.train.values import config_to_dict  # noqa: E402

SIZES = {
    "channels": 2,
    "num_blocks": 1,
    "kernel_size": (3, 3),
    "n_fft": 512,
    "hop_length": 256,
    "norm": "batch",
}


def run_of(folder: Path, name: str, alignment: str = "centre") -> Path:
    """A run of one of the models of recipes/aliasing, made small, whose weights are random."""
    prior = "noise" if name == "noise" else "pcph"
    generator = GeneratorConfig(
        **SIZES, prior=prior, output="excitation", frame_alignment=alignment
    )
    torch.manual_seed(0)
    model = (
        Baseline(name, generator) if name in ("hifigan", "vocos") else build_generator(generator)
    )
    model.set_normalization(np.full(100, -5.0), np.full(100, 2.0))
    config = TrainConfig(
        str(folder / name), "vocos-24k", 1, DataConfig("data", segment_frames=8), generator
    )
    state = {"config": config_to_dict(config), "seconds": 0.0}
    save_state(folder / name / "checkpoints", 1, flatten("ema", model.state_dict()), state, keep=1)
    return folder / name


@pytest.mark.parametrize("alignment", ["same", "centre"])
def test_a_run_sounds_as_its_model_file(tmp_path: Path, alignment: str) -> None:
    run = open_subject(str(run_of(tmp_path, "wavehax", alignment)))
    generator = run.voc.generator
    weights = {name: value.numpy() for name, value in generator.state_dict().items()}
    save_model(
        tmp_path / "model.safetensors", Model(generator.config, FEATURES["vocos-24k"], weights)
    )
    engine = open_subject(str(tmp_path / "model.safetensors"))
    assert (run.prior, engine.prior) == ("pcph", "pcph")
    np.testing.assert_array_equal(run.mean_mel, engine.mean_mel)
    f0 = np.array([0, 220, 230, 240, 0, 100], np.float32)
    np.testing.assert_allclose(run.voc.prior(f0), engine.voc.prior(f0), atol=1e-6)
    mel = np.random.default_rng(0).normal(-5, 2, (100, 6)).astype(np.float32)
    waves = [subject.voc(mel, f0, prior=engine.voc.prior(f0)) for subject in (run, engine)]
    np.testing.assert_allclose(*waves, atol=1e-4 * np.abs(waves[1]).max())


@pytest.mark.slow
def test_every_kind_of_run_is_measured_beside_a_model(command, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(measure, "TONES", np.array([100.0, 1000.0]))
    monkeypatch.setattr(measure, "_GLIDE_SECONDS", 0.5)
    runs = [run_of(tmp_path, name) for name in ("wavehax", "noise", "hifigan", "vocos")]
    code, out, err = command("evaluate", "aliasing", *runs, "-o", tmp_path / "page.html")
    assert (code, err) == (0, "")
    assert (
        len(
            [line for line in out.splitlines() if line.startswith("neutral, tones, F0 500-2100 Hz")]
        )
        == 4
    )
    found = json.loads((tmp_path / "page.json").read_text())
    first = {Path(name).name: curves[0] for name, curves in found.items()}
    assert all(np.isfinite(curve["output"]).all() for curve in first.values())
    assert (
        first["noise"]["without_noise"]
        == first["hifigan"]["noise"]
        == first["vocos"]["prior"]
        == [None, None]
    )
    for name in ("hifigan", "vocos"):
        assert first[name]["output"] == first[name]["less_noise"] == first[name]["without_noise"]
    assert [len(found[str(run)]) for run in runs] == [
        6,
        4,
        4,
        4,
    ]  # mel by movement: the mean for those that hear F0
    page = (tmp_path / "page.html").read_text()
    assert all(f"<h2>{run}</h2>" in page for run in runs)


def test_the_margin_is_that_of_the_f0_where_it_is_least() -> None:
    def curve(*output: float) -> Curve:
        nothing = [float("nan")] * 3
        return Curve(
            "neutral", "tones", [100.0, 600.0, 900.0], nothing, list(output), *[nothing] * 5
        )

    text = report.table({"ours": [curve(-30, -20, -15)], "theirs": [curve(0, 5, -3)]})
    header, *rows = (line.split() for line in text.splitlines())
    last = {(" ".join(row[:5]), row[5]): row[-3] for row in rows}
    assert header[-6::2] == ["output", "less_noise", "retuned"]
    assert last["neutral, tones, F0 500-2100 Hz", "theirs"] == "12.0"
    assert last["neutral, tones, F0 0-500 Hz", "theirs"] == "30.0"
    assert last["neutral, tones, F0 0-500 Hz", "ours"] == "-"


def test_of_a_noise_prior_nothing_is_left_but_what_two_draws_have_in_common(tmp_path: Path) -> None:
    """The network is next to nothing at its start, so that the output is filtered noise."""
    subject = open_subject(str(run_of(tmp_path, "noise")))
    waves = measure.outputs(
        subject, mels.held_mel(subject.voc, subject.mean_mel), measure.steady(subject.voc, 500.0)
    )
    output, again = (wave[7200:31200].astype(np.float64) for wave in (waves.output, waves.again))
    on, off = measure.split_energy(output, 500, 24000)
    assert off > 20 * on
    assert measure.split_energy(output, 500, 24000, again)[1] < 0.1 * off


def test_a_folder_that_is_no_run_is_refused(command, tmp_path: Path) -> None:
    code, _, err = command("evaluate", "aliasing", tmp_path)
    assert (code, err) == (
        1,
        f"wavehax: {tmp_path}: neither a run with a checkpoint nor a checkpoint\n",
    )


def test_a_run_with_another_prior_is_refused(tmp_path: Path) -> None:
    path = run_of(tmp_path, "wavehax")
    index = path / "checkpoints" / "step-00000001" / "index.json"
    index.write_text(index.read_text().replace('"pcph"', '"sine"'))
    with pytest.raises(
        ValueError, match="prior 'sine': expected a model with the prior 'pcph' or 'noise'"
    ):
        open_subject(str(path))


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    path = run_of(tmp_path, "wavehax")
    index = path / "checkpoints" / "step-00000001" / "index.json"
    index.write_text(index.read_text().replace('"channels": 2', '"channels": 3'))
    with pytest.raises(ValueError, match="the weights do not fit their configuration"):
        open_subject(str(path))

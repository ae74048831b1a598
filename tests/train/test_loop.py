"""A run learns, resumes to the same numbers after being killed, and exports what it averaged."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from processes import ENVIRONMENT
from training_processes import assert_same_state, train_until_killed

from wavehax.checkpoint import load_model
from wavehax.cli import main as command_line
from wavehax.data.segments import SegmentDataset
from wavehax.nn import build_generator
from wavehax.train import run
from wavehax.train.export import export
from wavehax.train.load import load_config
from wavehax.train.loop import Trainer
from wavehax.train.state import load_state, newest, unflatten

Config = Callable[..., Path]


def losses(run_dir: Path) -> list[list[str]]:
    """Every row of the log but its seconds, as text."""
    with (run_dir / "log.csv").open(newline="") as file:
        return [row[:-1] for row in csv.reader(file)][1:]


def checkpoint(run_dir: Path) -> Path:
    """The newest one of a run."""
    path = newest(run_dir / "checkpoints")
    assert path is not None
    return path


def steps(trainer: Trainer, count: int) -> list[dict[str, float]]:
    """What the next steps of a run log."""
    trainer.bare.train()
    batches = itertools.islice(trainer.batches(), count)
    return [trainer.train_step(batch) for batch in batches]


@pytest.fixture(scope="module")
def finished(write_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of 12 steps that nothing interrupted."""
    folder = tmp_path_factory.mktemp("finished")
    run(str(write_config(folder)))
    return folder / "run"


@pytest.mark.slow
def test_every_step_is_logged_once(finished: Path) -> None:
    assert [int(row[0]) for row in losses(finished)] == list(range(1, 13))


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_last_digit(
    write_config: Config, finished: Path, tmp_path: Path
) -> None:
    config = write_config(tmp_path, checkpoint_minutes=1e-6)
    train_until_killed(config, tmp_path / "run", 8)
    run(str(config))
    assert losses(tmp_path / "run") == losses(finished)
    assert_same_state(finished, tmp_path / "run")


@pytest.mark.slow
def test_rows_after_the_checkpoint_are_written_again(
    write_config: Config, finished: Path, tmp_path: Path
) -> None:
    config = load_config(write_config(tmp_path))
    trainer = Trainer(config)
    steps(trainer, 3)
    trainer.save()
    header = (finished / "log.csv").read_text().splitlines()[0].split(",")
    rows = [header, *([*row, "1.0"] for row in losses(finished)[:6]), ["7", "0."]]
    with (tmp_path / "run" / "log.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    Trainer(config).run()
    assert losses(tmp_path / "run") == losses(finished)


@pytest.mark.slow
def test_a_repeated_batch_is_learnt(write_config: Config, tmp_path: Path) -> None:
    config = write_config(tmp_path, max_steps=60, adversary=None)
    trainer = Trainer(load_config(config, ["optimizer.learning_rate=0.01"]))
    batch = next(trainer.batches())
    trainer.bare.train()
    curve = [trainer.train_step(batch)["mel"] for _ in range(60)]
    assert np.mean(curve[-10:]) < 0.85 * np.mean(curve[:10])


@pytest.mark.parametrize("parts", [2, 4])
@pytest.mark.slow
def test_accumulated_parts_give_the_gradients_of_the_whole_batch(
    write_config: Config, tmp_path: Path, parts: int
) -> None:
    # Without batch norm, which sees one part at a time.
    overrides = [
        "data.batch_size=4",
        "generator.norm=frame",
        "generator.outer_norm=frame",
        "adversary.start_step=0",
    ]
    path = write_config(tmp_path)
    rows = []
    for accumulate in (1, parts):
        trainer = Trainer(load_config(path, [*overrides, f"accumulate={accumulate}"]))
        rows.append(steps(trainer, 1)[0])
    for name in rows[0]:
        assert rows[1][name] == pytest.approx(rows[0][name], rel=1e-4), name


def test_bfloat16_gives_the_losses_of_float32_to_its_precision(
    write_config: Config, tmp_path: Path
) -> None:
    path = write_config(tmp_path)
    rows = []
    for precision in ("fp32", "bf16"):
        overrides = [
            f"precision={precision}",
            f"adversary.precision={precision}",
            "adversary.start_step=0",
        ]
        rows.append(steps(Trainer(load_config(path, overrides)), 1)[0])
    for name in ("mel", "feature_matching", "adversarial", "discriminator_real"):
        assert rows[1][name] != rows[0][name]
        assert rows[1][name] == pytest.approx(rows[0][name], rel=0.05), name


def test_the_adversary_begins_at_its_step(finished: Path) -> None:
    columns = (finished / "log.csv").read_text().splitlines()[0].split(",")
    at = columns.index("adversarial")
    assert [bool(row[at]) for row in losses(finished)] == [False] * 6 + [True] * 6


def test_learning_rate_warms_up_and_ends_at_zero(write_config: Config, tmp_path: Path) -> None:
    trainer = Trainer(load_config(write_config(tmp_path)))
    rates = [trainer.update.learning_rate(step) for step in range(13)]
    assert rates[0] == pytest.approx(1e-3 / 3)
    assert max(rates) == rates[2]
    assert rates[12] == pytest.approx(0, abs=1e-12)


def test_a_run_of_another_configuration_is_refused(
    write_config: Config, finished: Path, tmp_path: Path
) -> None:
    config = load_config(write_config(finished.parent), ["data.batch_size=3", "max_steps=20"])
    with pytest.raises(ValueError, match=r"data\.batch_size=3: the run in .* has 2"):
        Trainer(config)


def test_a_longer_run_takes_up_a_finished_one(
    write_config: Config, finished: Path, tmp_path: Path
) -> None:
    trainer = Trainer(load_config(write_config(finished.parent), ["max_steps=20"]))
    assert trainer.step == 12


def test_a_run_moves_to_another_folder_and_number_of_workers(
    write_config: Config, finished: Path, prepared: Path
) -> None:
    overrides = [
        f"data.path={prepared}/",
        "data.workers=1",
        "adversary.precision=bf16",
        "threads=2",
    ]
    assert Trainer(load_config(write_config(finished.parent), overrides)).step == 12


def test_a_run_longer_than_asked_for_is_refused_by_name(
    write_config: Config, finished: Path
) -> None:
    config = load_config(write_config(finished.parent), ["max_steps=9"])
    with pytest.raises(ValueError, match=r"max_steps=9: the run in .* is at step 12"):
        Trainer(config)


def test_a_gradient_that_is_not_finite_stops_the_run_before_it_is_applied(
    write_config: Config, tmp_path: Path
) -> None:
    trainer = Trainer(load_config(write_config(tmp_path)))
    trainer.bare.output_proj.bias.register_hook(lambda gradient: gradient * float("nan"))
    before = {name: value.clone() for name, value in trainer.bare.named_parameters()}
    with pytest.raises(ValueError, match="norm is nan"):
        steps(trainer, 1)
    for name, value in trainer.bare.named_parameters():
        assert torch.equal(value, before[name]), name


def test_a_loss_that_is_not_finite_stops_the_run(write_config: Config, tmp_path: Path) -> None:
    trainer = Trainer(load_config(write_config(tmp_path)))
    with torch.no_grad():
        trainer.bare.output_proj.bias.fill_(float("nan"))
    with pytest.raises(ValueError, match="step 0: mel loss is nan"):
        trainer.run()
    assert newest(trainer.checkpoints) is None


def test_the_average_follows_the_weights(write_config: Config, tmp_path: Path) -> None:
    trainer = Trainer(load_config(write_config(tmp_path)))
    name = "output_proj.weight"
    expected = trainer.bare.state_dict()[name].double().clone()
    for step in range(1, 6):
        steps(trainer, 1)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * trainer.bare.state_dict()[name].double()
    torch.testing.assert_close(trainer.ema[name].double(), expected, rtol=1e-5, atol=1e-9)


def test_a_dataset_goes_to_another_process_without_its_arrays(
    write_config: Config, tmp_path: Path
) -> None:
    data = Trainer(load_config(write_config(tmp_path))).data
    sent = pickle.dumps(data)
    assert len(sent) < 4000 < data.audio.nbytes
    assert np.array_equal(pickle.loads(sent).batch(3).mel, data.batch(3).mel)


@pytest.mark.slow
def test_batches_drawn_by_workers_are_those_drawn_without(
    write_config: Config, tmp_path: Path
) -> None:
    path = write_config(tmp_path)
    alone, helped = (Trainer(load_config(path, [f"data.workers={count}"])) for count in (0, 1))
    for first, second, _ in zip(alone.batches(), helped.batches(), range(3)):  # noqa: B905
        for mine, theirs in zip(first, second, strict=True):
            assert torch.equal(mine, theirs)


@pytest.mark.slow
def test_the_state_of_the_default_generator_and_light_discriminators_can_travel(
    write_config: Config, tmp_path: Path
) -> None:
    generator = {
        "channels": 16,
        "mult_channels": 3,
        "kernel_size": [13, 7],
        "n_fft": 512,
        "hop_length": 256,
    }
    adversary = {"discriminator": "light", "start_step": 0}
    trainer = Trainer(
        load_config(write_config(tmp_path, generator=generator, adversary=adversary, max_steps=1))
    )
    trainer.run()
    sizes = [piece.stat().st_size for piece in checkpoint(tmp_path / "run").iterdir()]
    assert max(sizes) < 16_000_000 and sum(sizes) < 60_000_000


def test_segments_too_short_for_the_discriminators_are_refused(
    write_config: Config, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="segment_frames=3: the discriminators need 1025 samples"):
        Trainer(load_config(write_config(tmp_path), ["data.segment_frames=3"]))


@pytest.mark.parametrize("kind", ["checkpoint", "model file"])
@pytest.mark.slow
def test_a_warm_start_takes_the_averaged_weights_and_their_normalisation(
    write_config: Config, finished: Path, tmp_path: Path, kind: str
) -> None:
    source = checkpoint(finished)
    if kind == "model file":
        source = tmp_path / "model.safetensors"
        export([checkpoint(finished)], source, {})
    trainer = Trainer(
        load_config(write_config(tmp_path), [f"init_from={source}", "adversary=null"])
    )
    assert trainer.step == 0
    expected = unflatten("ema", load_state(checkpoint(finished))[0])
    for name, value in trainer.bare.state_dict().items():
        if not name.endswith(("running_mean", "running_var")):  # exported ones are measured anew
            assert torch.equal(value, expected[name]), name


def test_a_warm_start_from_another_shape_is_refused_by_name(
    write_config: Config, finished: Path, tmp_path: Path
) -> None:
    config = load_config(write_config(tmp_path), ["generator.channels=8"])
    # which load_config refuses earlier
    config = dataclasses.replace(config, init_from=str(checkpoint(finished)))
    with pytest.raises(
        ValueError, match=r"input_proj.weight is of shape \[4, 5\], expected \[8, 5\]"
    ):
        Trainer(config)


@pytest.mark.slow
def test_an_exported_model_holds_the_averaged_weights(finished: Path, tmp_path: Path) -> None:
    export([checkpoint(finished)], tmp_path / "model.safetensors", {"licence": "MIT"})
    model, ema = (
        load_model(tmp_path / "model.safetensors"),
        unflatten("ema", load_state(checkpoint(finished))[0]),
    )
    assert model.features.name == "vocos-24k"
    assert model.provenance["licence"] == "MIT"
    assert model.provenance["training"]["steps"] == 12
    for name, value in ema.items():
        if not name.endswith(("running_mean", "running_var")):
            np.testing.assert_array_equal(model.weights[name], value.numpy())


@pytest.mark.slow
def test_an_export_that_the_engine_reads_differently_is_refused(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "wavehax.nn.stft.STFT.inverse",
        lambda self, re, im: re.new_ones(re.shape[0], 256 * re.shape[-1]),
    )
    with pytest.raises(ValueError, match="differs from PyTorch"):
        export([checkpoint(finished)], tmp_path / "model.safetensors", {})
    assert list(tmp_path.iterdir()) == []
    old = tmp_path / "model.safetensors"
    old.write_bytes(b"old")
    with pytest.raises(ValueError, match="differs from PyTorch"):
        export([checkpoint(finished)], old, {}, force=True)
    assert old.read_bytes() == b"old" and list(tmp_path.iterdir()) == [old]


@pytest.mark.slow
def test_an_export_replaces_a_file_only_when_forced(finished: Path, tmp_path: Path) -> None:
    old = tmp_path / "model.safetensors"
    old.write_bytes(b"old")
    with pytest.raises(FileExistsError, match="exists already"):
        export([checkpoint(finished)], old, {})
    assert old.read_bytes() == b"old"
    export([checkpoint(finished)], old, {}, force=True)
    load_model(old)


def test_training_without_a_configuration_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command_line(["train"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("wavehax: ") and said.count("\n") == 1


@pytest.mark.slow
def test_exported_batch_norm_statistics_are_those_of_the_data(
    finished: Path, write_config: Config, tmp_path: Path
) -> None:
    model = export([checkpoint(finished)], tmp_path / "model.safetensors", {})
    generator = build_generator(model.generator).eval()
    generator.load_state_dict(
        {name: torch.from_numpy(value.copy()) for name, value in model.weights.items()}
    )
    seen = []
    generator.input_norm.register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0].mean(dim=(0, 1, 2)))
    )
    config = load_config(write_config(tmp_path), ["data.batch_size=40"])
    batch = SegmentDataset(config.data, config.feature_config, 5).batch(0)
    with torch.no_grad():
        generator(torch.from_numpy(batch.mel), torch.from_numpy(batch.f0))
    spread = np.sqrt(model.weights["input_norm.running_var"])
    assert (np.abs(seen[0].numpy() - model.weights["input_norm.running_mean"]) < 0.3 * spread).all()


@pytest.mark.slow
def test_training_imports_neither_librosa_nor_soundfile(
    write_config: Config, tmp_path: Path
) -> None:
    config = write_config(tmp_path, max_steps=1, adversary=None)
    code = (
        "import sys; from wavehax.train import run; run(*sys.argv[1:]);"
        "print(sorted({'librosa', 'soundfile', 'pyworld', 'scipy'} & sys.modules.keys()))"
    )
    command = [sys.executable, "-c", code, str(config)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.stdout.strip() == "[]"

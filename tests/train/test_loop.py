"""A run learns, resumes to the same numbers after being killed, and exports what it averaged."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from wavehax.checkpoint import load_model
from wavehax.cli import main as command_line
from wavehax.nn import build_generator
from wavehax.train import main
from wavehax.train.config import load_config
from wavehax.train.data import SegmentDataset
from wavehax.train.export import export
from wavehax.train.loop import Trainer, load_checkpoint

Config = Callable[..., Path]


def losses(run_dir: Path) -> list[list[str]]:
    """Step, loss, gradient norm and learning rate of every row, as text."""
    with (run_dir / "log.csv").open(newline="") as file:
        return [row[:4] for row in csv.reader(file)][1:]


@pytest.fixture(scope="module")
def finished(write_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of 12 steps that nothing interrupted."""
    folder = tmp_path_factory.mktemp("finished")
    main([str(write_config(folder))])
    return folder / "run"


def test_every_step_is_logged_once(finished: Path) -> None:
    assert [int(row[0]) for row in losses(finished)] == list(range(1, 13))


def test_a_killed_run_resumes_to_the_last_digit(
    write_config: Config, environment: dict[str, str], finished: Path, tmp_path: Path
) -> None:
    config = write_config(tmp_path, checkpoint_minutes=1e-6)
    command = [sys.executable, "-c", "import sys; from wavehax.train import main; main(sys.argv[1:])", str(config)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)
    checkpoint = tmp_path / "run" / "checkpoint.pt"
    deadline = time.monotonic() + 60
    while not (checkpoint.exists() and load_checkpoint(checkpoint)["step"] >= 2):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert load_checkpoint(checkpoint)["step"] < 12, "the run ended before it was killed"
    main([str(config)])
    assert losses(tmp_path / "run") == losses(finished)
    whole, resumed = (load_checkpoint(run / "checkpoint.pt") for run in (finished, tmp_path / "run"))
    for part in ("model", "ema"):
        for name, value in whole[part].items():
            assert torch.equal(value, resumed[part][name]), f"{part}.{name}"


def test_rows_after_the_checkpoint_are_written_again(write_config: Config, finished: Path, tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path))
    trainer = Trainer(config)
    trainer.model.train()
    for _ in range(3):
        trainer.train_step()
    trainer.save()
    header = ["step", "loss", "grad_norm", "learning_rate", "seconds"]
    rows = [header, *([*row, "1.0"] for row in losses(finished)[:6]), ["7", "0."]]
    with (tmp_path / "run" / "log.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    Trainer(config).run()
    assert losses(tmp_path / "run") == losses(finished)


def test_a_repeated_batch_is_learnt(write_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write_config(tmp_path, max_steps=60)
    trainer = Trainer(load_config(config, ["optimizer.learning_rate=0.01"]))
    batch = trainer.data.batch(0)
    monkeypatch.setattr(trainer.data, "batch", lambda step: batch)
    trainer.model.train()
    curve = [trainer.train_step()[0] for _ in range(60)]
    assert np.mean(curve[-10:]) < 0.85 * np.mean(curve[:10])


def test_learning_rate_warms_up_and_ends_at_zero(write_config: Config, tmp_path: Path) -> None:
    trainer = Trainer(load_config(write_config(tmp_path)))
    rates = [trainer.learning_rate(step) for step in range(13)]
    assert rates[0] == pytest.approx(1e-3 / 3)
    assert max(rates) == rates[2]
    assert rates[12] == pytest.approx(0, abs=1e-12)


def test_a_run_of_another_configuration_is_refused(write_config: Config, finished: Path, tmp_path: Path) -> None:
    config = load_config(write_config(finished.parent), ["data.batch_size=3", "max_steps=20"])
    with pytest.raises(ValueError, match="made with another data;"):
        Trainer(config)


def test_a_longer_run_takes_up_a_finished_one(write_config: Config, finished: Path, tmp_path: Path) -> None:
    trainer = Trainer(load_config(write_config(finished.parent), ["max_steps=20"]))
    assert trainer.step == 12


def test_a_loss_that_is_not_finite_stops_the_run(write_config: Config, tmp_path: Path) -> None:
    trainer = Trainer(load_config(write_config(tmp_path)))
    trainer.data.mel_mean[:] = 0
    with torch.no_grad():
        trainer.model.output_proj.bias.fill_(float("nan"))
    with pytest.raises(ValueError, match="step 0: loss is nan"):
        trainer.run()
    assert not trainer.checkpoint_path.exists()


def test_the_average_follows_the_weights(write_config: Config, tmp_path: Path) -> None:
    trainer = Trainer(load_config(write_config(tmp_path)))
    trainer.model.train()
    name = "output_proj.weight"
    expected = trainer.model.state_dict()[name].double().clone()
    for step in range(1, 6):
        trainer.train_step()
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * trainer.model.state_dict()[name].double()
    torch.testing.assert_close(trainer.ema[name].double(), expected, rtol=1e-5, atol=1e-9)


def test_an_exported_model_holds_the_averaged_weights(finished: Path, tmp_path: Path) -> None:
    export(finished / "checkpoint.pt", tmp_path / "model.safetensors", {"licence": "MIT"})
    model, ema = load_model(tmp_path / "model.safetensors"), load_checkpoint(finished / "checkpoint.pt")["ema"]
    assert model.features.name == "vocos-24k"
    assert model.provenance["licence"] == "MIT"
    assert model.provenance["training"]["steps"] == 12
    for name, value in ema.items():
        if not name.endswith(("running_mean", "running_var")):
            np.testing.assert_array_equal(model.weights[name], value.numpy())


def test_an_export_that_the_engine_reads_differently_is_refused(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "wavehax.nn.stft.STFT.inverse", lambda self, re, im: re.new_ones(re.shape[0], 256 * re.shape[-1])
    )
    with pytest.raises(ValueError, match="differs from PyTorch"):
        export(finished / "checkpoint.pt", tmp_path / "model.safetensors", {})
    assert list(tmp_path.iterdir()) == []
    old = tmp_path / "model.safetensors"
    old.write_bytes(b"old")
    with pytest.raises(ValueError, match="differs from PyTorch"):
        export(finished / "checkpoint.pt", old, {}, force=True)
    assert old.read_bytes() == b"old" and list(tmp_path.iterdir()) == [old]


def test_an_export_replaces_a_file_only_when_forced(finished: Path, tmp_path: Path) -> None:
    old = tmp_path / "model.safetensors"
    old.write_bytes(b"old")
    with pytest.raises(FileExistsError, match="exists already"):
        export(finished / "checkpoint.pt", old, {})
    assert old.read_bytes() == b"old"
    export(finished / "checkpoint.pt", old, {}, force=True)
    load_model(old)


@pytest.mark.parametrize("damage", ["half", "garbage", "empty", "keys", "tensor"])
def test_a_damaged_checkpoint_is_refused_in_one_line(finished: Path, tmp_path: Path, damage: str) -> None:
    path, whole = tmp_path / "checkpoint.pt", (finished / "checkpoint.pt").read_bytes()
    if damage == "keys":
        torch.save({"step": 1}, path)
    elif damage == "tensor":
        torch.save(torch.zeros(3), path)
    else:
        path.write_bytes({"half": whole[: len(whole) // 2], "garbage": b"garbage" * 99, "empty": b""}[damage])
    with pytest.raises(ValueError, match="no training checkpoint") as error:
        load_checkpoint(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_training_without_a_configuration_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["train"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("wavehax: ") and said.count("\n") == 1


def test_exported_batch_norm_statistics_are_those_of_the_data(
    finished: Path, write_config: Config, tmp_path: Path
) -> None:
    model = export(finished / "checkpoint.pt", tmp_path / "model.safetensors", {})
    generator = build_generator(model.generator).eval()
    generator.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in model.weights.items()})
    seen = []
    generator.input_norm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].mean(dim=(0, 1, 2))))
    config = load_config(write_config(tmp_path), ["data.batch_size=40"])
    batch = SegmentDataset(config.data, config.feature_config, 5).batch(0)
    with torch.no_grad():
        generator(torch.from_numpy(batch.mel), torch.from_numpy(batch.f0))
    spread = np.sqrt(model.weights["input_norm.running_var"])
    assert (np.abs(seen[0].numpy() - model.weights["input_norm.running_mean"]) < 0.3 * spread).all()


def test_training_imports_neither_librosa_nor_soundfile(
    write_config: Config, environment: dict[str, str], tmp_path: Path
) -> None:
    config = write_config(tmp_path, max_steps=1)
    code = (
        "import sys; from wavehax.train import main; main(sys.argv[1:]);"
        "print(sorted({'librosa', 'soundfile', 'pyworld', 'scipy'} & sys.modules.keys()))"
    )
    command = [sys.executable, "-c", code, str(config)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == "[]"

"""A run against discriminators on log magnitudes: its stages, their steered rate, and exact
resumption of each."""

from __future__ import annotations

import copy
import csv
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from wavehax.nn.discriminators import (
    LOG_OFFSET,
    LOG_RESOLUTIONS,
    LOG_SLOPE,
    Discriminator,
    DiscriminatorConfig,
)
from wavehax.nn.stft import log_magnitude
from wavehax.train import run
from wavehax.train.config import DISCRIMINATORS
from wavehax.train.load import load_config
from wavehax.train.loop import Trainer
from wavehax.train.start import initialize_discriminators
from wavehax.train.state import load_state, newest

Config = Callable[..., Path]
START, ALONE = 3, 4  # the adversary's first step, and its steps before the generator hears it


def energy_config(write: Config, folder: Path, **changes: object) -> Path:
    """12 steps: 3 of spectral scores, 4 of the discriminators alone, 5 of both."""
    loss = {
        "n_ffts": [256],
        "n_mels": [32],
        "log_n_ffts": [64, 256],
        "log_weight": 5,
        "repulsion": 1,
    }
    loss |= {"unvoiced_n_ffts": [128], "unvoiced_weight": 2}
    adversary = {"discriminator": "log", "start_step": START, "alone_steps": ALONE, "ramp_steps": 2}
    adversary |= {"normalize_features": True, "win_rate": 0.55, "learning_rate": 1e-3}
    data = {
        "batch_size": 2,
        "segment_frames": 20,
        "speed_share": 0.5,
        "disturbed_share": 0.5,
        "shift_samples": 63,
    }
    prepared = load_config(write(folder)).data.path
    values = {"loss": loss, "adversary": adversary, "data": {"path": prepared, **data}, **changes}
    return write(folder, **values)


def rows(run_dir: Path) -> list[dict[str, str]]:
    with (run_dir / "log.csv").open(newline="") as file:
        return [
            {name: text for name, text in row.items() if name != "seconds"}
            for row in csv.DictReader(file)
        ]


@pytest.fixture(scope="module")
def finished(write_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    run(str(energy_config(write_config, folder)))
    return folder / "run"


@pytest.mark.slow
def test_each_stage_logs_what_takes_part_in_it(finished: Path) -> None:
    logged = rows(finished)
    assert len(logged) == 12
    for i, row in enumerate(logged):
        generates, judged = not START <= i < START + ALONE, i >= START
        for name in ("mel", "log_magnitude", "grad_norm"):
            assert bool(row[name]) == generates, (i, name)
        for name in (
            "win_rate",
            "discriminator_log_2048",
            "discriminator_log_128",
            "discriminator_grad_norm",
        ):
            assert bool(row[name]) == judged, (i, name)
        assert (float(row["learning_rate"]) > 0) == generates or i == 11
    for row in logged[START:]:
        scales = sum(
            float(row[f"discriminator_log_{n_fft}"]) for n_fft in (2048, 1024, 512, 256, 128)
        )
        both = float(row["discriminator_real"]) + float(row["discriminator_fake"])
        assert scales == pytest.approx(both, rel=1e-5)


def test_alone_the_discriminators_move_and_the_generator_does_not(
    write_config: Config, tmp_path: Path
) -> None:
    trainer = Trainer(load_config(energy_config(write_config, tmp_path)))
    trainer.bare.train()
    batches = trainer.batches()
    for _ in range(START):
        trainer.train_step(next(batches))
    before = {name: value.clone() for name, value in trainer.bare.named_parameters()}
    average = {name: value.clone() for name, value in trainer.ema.items()}
    judge = trainer.update.adversary.bare
    judging = {name: value.clone() for name, value in judge.named_parameters()}
    for _ in range(ALONE):
        trainer.train_step(next(batches))
    assert all(torch.equal(before[name], value) for name, value in trainer.bare.named_parameters())
    assert all(torch.equal(average[name], value) for name, value in trainer.ema.items())
    still = {name for name, value in judge.named_parameters() if torch.equal(judging[name], value)}
    # While no output is beyond the margin of the hinge, recordings pull the bias of the outputs as
    # hard as generated waves push it.
    assert all(name.endswith("output_conv.bias") for name in still), still
    trainer.train_step(next(batches))
    assert any(
        not torch.equal(before[name], value) for name, value in trainer.bare.named_parameters()
    )


@pytest.mark.parametrize("stop", [2, START + 2, START + ALONE + 2])
@pytest.mark.slow
def test_a_run_killed_in_any_stage_resumes_to_the_last_digit(
    write_config: Config, environment: dict[str, str], finished: Path, tmp_path: Path, stop: int
) -> None:
    config = energy_config(write_config, tmp_path, checkpoint_minutes=1e-6)
    run_dir = tmp_path / "run"
    command = [
        sys.executable,
        "-c",
        "import sys; from wavehax.train import run; run(*sys.argv[1:])",
        str(config),
    ]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)
    deadline = time.monotonic() + 120
    while (path := newest(run_dir / "checkpoints")) is None or path.name < f"step-{stop:08d}":
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    found = newest(run_dir / "checkpoints")
    assert found is not None and found.name < "step-00000012", "the run ended before it was killed"
    run(str(config))
    assert rows(run_dir) == rows(finished)
    whole, resumed = (load_state(newest(run / "checkpoints"))[0] for run in (finished, run_dir))
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name


@pytest.mark.slow
def test_the_halves_that_a_gpu_captures_are_made_once_a_stage_and_give_the_same_rows(
    write_config: Config, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a stand-in for CUDA graphs; of real ones test_capture.py has a run without a stage
    alone, on a GPU."""
    made = []

    def stand_in(function: Callable[..., object]) -> Callable[..., object]:
        made.append(function)
        return function

    monkeypatch.setattr("wavehax.train.update.Captured", stand_in)
    trainer = Trainer(load_config(energy_config(write_config, tmp_path)))
    trainer.update.on_one_gpu = True
    trainer.bare.train()
    logged = [trainer.train_step(batch) for batch in trainer.batches()]
    assert len(made) == 2 * 3
    for row, expected in zip(logged, rows(finished), strict=True):
        assert {name: repr(value) for name, value in row.items() if name != "learning_rate"} == {
            name: text
            for name, text in expected.items()
            if text and name not in ("step", "learning_rate")
        }


@pytest.mark.slow
def test_discriminators_start_from_those_of_another_run(
    write_config: Config, environment: dict[str, str], finished: Path, tmp_path: Path
) -> None:
    script, out = Path(__file__).parents[2] / "recipes" / "last_stage.py", tmp_path / "last"
    subprocess.run([sys.executable, script, finished, out], check=True, env=environment)
    config = energy_config(write_config, tmp_path)
    start = [f"init_from={out}", f"adversary.init_from={out}"]
    trainer = Trainer(
        load_config(config, [*start, "adversary.start_step=0", "adversary.alone_steps=0"])
    )
    tensors, _ = load_state(newest(finished / "checkpoints"))
    for name, value in trainer.update.adversary.bare.state_dict().items():
        assert torch.equal(value, tensors[f"discriminator/{name}"]), name
    for name, value in trainer.bare.state_dict().items():
        assert torch.equal(value, tensors[f"ema/{name}"]), name
    assert trainer.update.adversary.optimizer.state_dict()["state"][0]["step"] == 12 - START
    with pytest.raises(ValueError, match=r"adversary.init_from=.*: mpd.* is missing, expected \["):
        Trainer(load_config(config, [*start, "adversary.discriminator=log_light"]))
    fewer = DiscriminatorConfig(periods=(), resolutions=(), log_resolutions=LOG_RESOLUTIONS[:4])
    with pytest.raises(
        ValueError, match=r"adversary.init_from=.*: mlrd.discriminators.4.* is there, expected none"
    ):
        initialize_discriminators(SimpleNamespace(bare=Discriminator(fewer)), str(out))
    index = next((out / "checkpoints").glob("*/index.json")).read_text()
    assert str(tmp_path.parent) not in index and str(finished.parent) not in index
    done = subprocess.run(
        [sys.executable, script, finished, out], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1 and "exists already" in done.stderr


@pytest.mark.slow
def test_two_processes_and_two_parts_give_the_numbers_of_one(
    write_config: Config, environment: dict[str, str], finished: Path, tmp_path: Path
) -> None:
    config = energy_config(write_config, tmp_path)
    for name, change in (("processes", "devices=2"), ("parts", "accumulate=2")):
        command = [
            sys.executable,
            "-m",
            "wavehax",
            "train",
            str(config),
            f"run_dir={tmp_path}/{name}",
            change,
        ]
        # batch norm sees a part at a time: frames are normalised each by itself
        if name == "parts":
            command += ["generator.norm=frame"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
        assert done.returncode == 0, done.stderr
    run(str(config), f"run_dir={tmp_path}/whole", "generator.norm=frame")
    for name, reference in (("processes", finished), ("parts", tmp_path / "whole")):
        for i, (row, expected) in enumerate(
            zip(rows(tmp_path / name), rows(reference), strict=True)
        ):
            # AdamW magnifies rounding where gradients are as small as those of a new discriminator.
            tolerance = 1e-4 if i <= START else 2e-2
            for score in ("mel", "log_magnitude", "discriminator_real", "feature_matching"):
                if expected[score]:
                    assert float(row[score]) == pytest.approx(
                        float(expected[score]), rel=tolerance
                    ), (name, i, score)


@pytest.mark.parametrize("normalize", [False, True])
def test_a_judgement_is_that_of_one_pass_over_recordings_and_outputs_together(
    write_config: Config, tmp_path: Path, normalize: bool
) -> None:
    """In float64, each loss and gradient by a pass of its own."""
    overrides = [f"adversary.normalize_features={str(normalize).lower()}"]
    trainer = Trainer(load_config(energy_config(write_config, tmp_path), overrides))
    adversary = trainer.update.adversary
    adversary.set_weights(START + ALONE)
    config, share = adversary.config, float(adversary.scale)
    assert 0 < share < 1
    noise = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(2, 1, 4096, generator=noise) * scale for scale in (0.1, 0.05))
    gradient, terms = adversary.judge(real, fake, parts=2)

    reference, wave = copy.deepcopy(adversary.bare).double(), fake.double().requires_grad_()
    reference.zero_grad()
    matching = adversarial = of_real = of_fake = torch.zeros((), dtype=torch.float64)
    for part in reference.mlrd.discriminators:
        spectrum = log_magnitude(
            torch.cat([real[:, 0].double(), wave[:, 0]]), part.window, part.hop_length
        )
        seen = LOG_SLOPE * spectrum + LOG_OFFSET
        place = torch.linspace(-1, 1, seen.shape[1], dtype=torch.float64)[:, None]
        x = torch.stack([seen, place.expand_as(seen)], dim=1)[:, :, part.first_bin :]
        for layer in part.convs:
            x = layer(x)
            a, b = x.detach()[:2], x[2:]
            apart, size = ((b - a).abs().mean(dim=(1, 2, 3)), a.abs().mean(dim=(1, 2, 3)))
            matching = matching + (apart / (2 * size + 1e-6) if normalize else apart).mean()
        output = part.output_conv(x)
        adversarial = adversarial - output[2:].mean()
        of_real = of_real + torch.relu(1 - output[:2]).mean()
        of_fake = of_fake + torch.relu(1 + output[2:]).mean()
    weighted = config.adversarial_weight * adversarial + config.feature_weight * matching
    (expected,) = torch.autograd.grad(share * weighted, wave, retain_graph=True)
    ((of_real + of_fake) / 2).backward(inputs=list(reference.parameters()))

    pairs = [(gradient, expected)]
    pairs += [
        (mine.grad, other.grad)
        for mine, other in zip(adversary.bare.parameters(), reference.parameters(), strict=True)
    ]
    scale = max(float(b.abs().max()) for _, b in pairs[1:])
    for a, b in pairs:
        size = float(b.abs().max()) if b is expected else scale
        torch.testing.assert_close(a.double(), b, rtol=0, atol=2e-5 * size)
    names = ("adversarial", "feature_matching", "discriminator_real", "discriminator_fake")
    for name, value in zip(names, (adversarial, matching, of_real, of_fake), strict=True):
        assert terms[name].item() == pytest.approx(value.item(), rel=1e-5), name


@pytest.mark.parametrize(
    ("won", "share"), [(0.5, 1.0), (0.8, 1.0), (0.85, 0.5), (0.9, 0.0), (1.0, 0.0)]
)
def test_the_discriminators_rate_falls_where_they_win_too_often(
    write_config: Config, tmp_path: Path, won: float, share: float
) -> None:
    trainer = Trainer(
        load_config(energy_config(write_config, tmp_path), ["adversary.win_rate=0.8"])
    )
    adversary = trainer.update.adversary
    adversary.set_learning_rate(START, won)
    assert adversary.optimizer.param_groups[0]["lr"] == pytest.approx(1e-3 * share, abs=1e-12)


def test_without_a_largest_win_rate_the_rate_never_falls(
    write_config: Config, tmp_path: Path
) -> None:
    trainer = Trainer(load_config(energy_config(write_config, tmp_path), ["adversary.win_rate=1"]))
    trainer.update.adversary.set_learning_rate(START, 1.0)
    assert trainer.update.adversary.optimizer.param_groups[0]["lr"] == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("loss.repulsion=1.5", r"loss.repulsion=1.5: expected a number, 0 or more and at most 1"),
        (
            "loss.unvoiced_weight=0",
            r"unvoiced_weight=0.0, unvoiced_n_ffts=\(128,\): expected both or none",
        ),
        (
            "adversary.from_hz=12000",
            r"adversary.from_hz=12000.*: expected below half the sample rate",
        ),
        ("adversary.from_hz=-1", r"adversary.from_hz=-1.0: expected a number, 0 or more"),
        ("loss.low_weight=0", r"loss.low_weight=0.0: expected a number, more than 0"),
        ("loss.log_from=-1", r"loss.log_from=-1.0: expected a number, 0 or more"),
        ("loss.repulsion=0", r"loss.unvoiced_weight: expected 0 without loss.repulsion"),
        ("loss.log_weight=0", r"log_weight=0.0, log_n_ffts=\(64, 256\): expected both or none"),
        ("data.shift_samples=-1", r"data.shift_samples=-1: expected an integer of at least 0"),
        (
            "data.shift_samples=5100",
            r"segment_frames=20, shift_samples=5100: too short for a loss window of 256",
        ),
        ("adversary.win_rate=2", r"adversary.win_rate=2.0: expected a number"),
        (
            "adversary.alone_steps=9",
            r"alone_steps=9: no step is left for the generator; expected .* max_steps=12",
        ),
        (
            "adversary.alone_steps=-1",
            r"adversary.alone_steps=-1: expected an integer of at least 0",
        ),
        ("adversary.normalize_features=3", r"normalize_features=3: expected bool"),
        (
            "adversary.discriminator=linear",
            r"expected one of univnet, light, spectral, log, log_light",
        ),
    ],
)
def test_values_that_cannot_be_are_refused_by_name(
    write_config: Config, tmp_path: Path, override: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        load_config(energy_config(write_config, tmp_path), [override])


def test_names_of_discriminators_are_those_of_the_presets() -> None:
    assert DISCRIMINATORS == DiscriminatorConfig.PRESETS

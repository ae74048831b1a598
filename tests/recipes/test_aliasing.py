"""The four models of recipes/aliasing on a fabricated corpus: they train alike, and are taken up as
what they are."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from processes import ENVIRONMENT
from voices import voice

from wavehax.files.sound import write_audio
from wavehax.train.state import load_state, newest

RECIPES = Path(__file__).parents[2] / "recipes"
NAMES = ("wavehax", "noise", "hifigan", "vocos")
SMALL = [
    "data.workers=0",
    "data.batch_size=2",
    "data.segment_frames=8",
    "threads=1",
    "accelerator=cpu",
]
trainer = runpy.run_path(str(RECIPES / "aliasing" / "train.py"))["trainer"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("aliasing")
    corpus = folder / "corpus"
    corpus.mkdir()
    for i in range(2):
        write_audio(corpus / f"{i}.wav", voice(1.0, 120 + 90 * i, i), 24000)
    (corpus / "MANIFEST.tsv").write_text("file\tsplit\tspeaker\n0.wav\ttrain\ta\n1.wav\ttrain\tb\n")
    command = [
        sys.executable,
        RECIPES / "wavehax-24k" / "prepare.py",
        corpus,
        folder / "data",
        "--jobs",
        "1",
    ]
    subprocess.run(command, check=True, capture_output=True, env=ENVIRONMENT)
    return folder / "data"


@pytest.fixture(scope="module")
def trained(data: Path) -> Callable[[str], Path]:
    """The folder of a model's run of one step, taken up for another."""

    def run(name: str) -> Path:
        out = data.parent / name
        for steps in (1, 2) if not out.exists() else ():
            changes = [f"data.path={data}", f"run_dir={out}", f"max_steps={steps}", *SMALL]
            trainer(name, RECIPES / "aliasing" / "config.yaml", changes).run()
        return out

    return run


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.slow
def test_a_model_trains_and_is_taken_up(name: str, trained: Callable[[str], Path]) -> None:
    out = trained(name)
    rows = [line.split(",") for line in (out / "log.csv").read_text().splitlines()[1:]]
    assert [int(row[0]) for row in rows] == [1, 2]
    assert all(0 < float(row[1]) < 10 for row in rows)
    tensors, values = load_state(newest(out / "checkpoints"))
    assert values["config"]["generator"]["prior"] == ("noise" if name == "noise" else "pcph")
    prefix = f"ema/{name}." if name in ("hifigan", "vocos") else "ema/blocks."
    assert any(key.startswith(prefix) for key in tensors)


@pytest.mark.slow
def test_a_baseline_starts_from_the_weights_that_it_is_told_to(
    data: Path, trained: Callable[[str], Path]
) -> None:
    def first(name: str) -> dict:
        changes = [
            f"data.path={data}",
            f"run_dir={data.parent / 'next'}",
            f"init_from={trained('vocos')}",
            *SMALL,
        ]
        return trainer(name, RECIPES / "aliasing" / "config.yaml", changes).bare.state_dict()

    tensors, _ = load_state(newest(trained("vocos") / "checkpoints"))
    weights = first("vocos")
    assert all(
        torch.equal(weights[key.removeprefix("ema/")], tensors[key])
        for key in tensors
        if key.startswith("ema/")
    )
    with pytest.raises(ValueError, match=r"init_from=.*: hifigan\..* is missing, expected"):
        first("hifigan")


@pytest.mark.slow
def test_all_but_the_generator_is_the_same(trained: Callable[[str], Path]) -> None:
    configs = []
    for name in NAMES:
        config = load_state(newest(trained(name) / "checkpoints"))[1]["config"]
        configs.append({**config, "run_dir": "", "generator": {**config["generator"], "prior": ""}})
    assert all(config == configs[0] for config in configs)


@pytest.mark.slow
def test_the_command_trains_and_refuses(data: Path, tmp_path: Path) -> None:
    def run(folder: Path) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            RECIPES / "aliasing" / "train.py",
            "vocos",
            "--data",
            folder,
            "--out",
            tmp_path,
        ]
        return subprocess.run(
            [*command, "max_steps=1", *SMALL], capture_output=True, text=True, env=ENVIRONMENT
        )

    done = run(data)
    assert done.returncode == 0, done.stderr
    assert newest(tmp_path / "checkpoints").name == "step-00000001"
    done = run(tmp_path)
    assert done.returncode == 1
    assert (
        done.stderr == f"wavehax: {tmp_path}/manifest.json: missing; run the recipe's prepare.py\n"
    )

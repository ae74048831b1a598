"""The recipe that chooses an average of two models by two scores: which it scores, which it
takes."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from processes import ENVIRONMENT
from random_models import random_weights

from wavehax.checkpoint import Model, load_model, save_model
from wavehax.config import FeatureConfig, GeneratorConfig

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "recipes" / "average.py"
CONFIG = GeneratorConfig(
    n_mels=8, channels=4, kernel_size=(3, 3), num_blocks=1, n_fft=64, hop_length=32
)
FEATURES = FeatureConfig("small", 24000, 32, 64, 8, 0.0, 8000.0, "slaney", "slaney", "same", 1e-5)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("recipes_average", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where a dataclass looks for the module that it is of
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def models(tmp_path: Path) -> list[Path]:
    """FIRST, whose output bias is 0 throughout, and SECOND, where it is 1: an average has its
    weight there."""
    paths = []
    for value in (0, 1):
        weights = random_weights(CONFIG, 0)
        weights["output_proj.bias"] = np.full(2, value, np.float32)
        paths.append(tmp_path / f"{value}.safetensors")
        save_model(paths[-1], Model(CONFIG, FEATURES, weights, {"number": value}))
    return paths


def report(pesq: float | None, naturalness: float | None) -> str:
    """What evaluate writes of two splits, one speaker in each."""
    means = {"pesq_wb": {"mean": pesq, "interval": 0.1, "files": 2}}
    means["distillmos_difference"] = {"mean": naturalness, "interval": 0.1, "files": 2}
    other = {name: {"mean": 9.0, "interval": 0.1, "files": 2} for name in means}
    groups = [
        {"group": "unseen", "speaker": "", "files": 2, "means": other},
        {"group": "dev", "speaker": "", "files": 2, "means": means},
        {"group": "dev", "speaker": "a", "files": 2, "means": other},
    ]
    return json.dumps({"source": "", "groups": groups, "files": []})


@pytest.fixture
def run(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Run]:
    """Runs the script with scores of each weight made up."""

    def with_scores(of_weight: dict[float, tuple[float, float]]) -> Run:
        def evaluate(model: Path, manifest: Path, path: Path, jobs: int) -> None:
            weight = round(float(load_model(model).weights["output_proj.bias"][0]), 6)
            path.write_text(report(*of_weight[weight]))

        def call(*arguments: object) -> tuple[int, str, str]:
            argv = [str(SCRIPT), *map(str, arguments), "--data", "MANIFEST.tsv"]
            monkeypatch.setattr(sys, "argv", argv)
            code = script.main()
            captured = capsys.readouterr()
            return code, captured.out, captured.err

        monkeypatch.setattr(script, "evaluate", evaluate)
        return call

    return with_scores


@pytest.mark.parametrize(
    ("of_weight", "pesq_loss", "chosen"),
    [
        ({0.0: (3.5, -0.4), 0.25: (3.48, -0.3), 0.5: (3.46, -0.2), 1.0: (3.1, -0.1)}, 0.03, 0.25),
        ({0.0: (3.5, -0.4), 0.25: (3.48, -0.3), 0.5: (3.46, -0.2), 1.0: (3.1, -0.1)}, 0.05, 0.5),
        ({0.0: (3.5, -0.4), 0.25: (3.48, -0.3), 0.5: (3.46, -0.2), 1.0: (3.1, -0.1)}, 0.5, 1.0),
        ({0.0: (3.5, -0.1), 0.25: (3.48, -0.3), 0.5: (3.6, -0.2), 1.0: (3.1, 0.1)}, 0.0, 0.0),
        ({0.0: (3.5, -0.4), 0.25: (3.6, -0.2), 0.5: (3.55, -0.2), 1.0: (3.1, -0.1)}, 0.0, 0.25),
    ],
)
def test_the_most_natural_that_loses_little_pesq_is_written(
    of_weight: dict[float, tuple[float, float]],
    pesq_loss: float,
    chosen: float,
    run: Callable[..., Run],
    models: list[Path],
    tmp_path: Path,
) -> None:
    out = tmp_path / "out.safetensors"
    weights = ("--weights", 0.25, 0.5, 1, "--pesq-loss", pesq_loss)
    code, said, err = run(of_weight)(*models, "-o", out, *weights)
    assert (code, err) == (0, "")
    written = load_model(out)
    assert written.weights["output_proj.bias"][0] == chosen
    if chosen:
        parts = written.provenance["average"]["models"].values()
        assert [part["weight"] for part in parts] == [1 - chosen, chosen]
        assert [part["name"] for part in parts] == [path.name for path in models]
    else:
        assert out.read_bytes() == models[0].read_bytes()
    rows = [line.split() for line in said.splitlines()]
    scored = [(float(w), float(p), float(n)) for w, p, n in rows[1:-1]]
    assert scored == [(w, *of_weight[w]) for w in (0.0, 0.25, 0.5, 1.0)]
    assert rows[-1] == [f"{out}:", "weight", f"{chosen:g}", "of", str(models[1])]


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (
            (3.5, None),
            "gave no distillmos_difference, the score of naturalness; it needs the extra [mos]",
        ),
        ((None, -0.3), "gave no pesq_wb: is there speech in dev?"),
    ],
)
def test_a_score_that_is_missing_is_named_and_nothing_written(
    scores: tuple, said: str, run: Callable[..., Run], models: list[Path], tmp_path: Path
) -> None:
    code, _, err = run({0.0: scores})(*models, "-o", tmp_path / "out.safetensors")
    assert code == 1 and said in err and err.count("\n") == 1
    assert not (tmp_path / "out.safetensors").exists()


def test_models_that_cannot_be_averaged_are_refused_before_any_is_scored(
    run: Callable[..., Run], models: list[Path], tmp_path: Path
) -> None:
    code, said, err = run({})(models[0], "vocos-24k", "-o", tmp_path / "out.safetensors")
    assert code == 1 and "vocos-24k: generator.n_mels=100: expected 8" in err
    assert len(said.splitlines()) == 1


def test_an_output_that_exists_is_kept(run: Callable[..., Run], models: list[Path]) -> None:
    before = models[0].read_bytes()
    code, said, err = run({})(*models, "-o", models[0])
    assert (code, said) == (1, "") and "exists already" in err
    assert models[0].read_bytes() == before


@pytest.mark.parametrize(
    "option", [("--weights", "0"), ("--weights", "1.5"), ("--pesq-loss", "-1")]
)
def test_numbers_that_cannot_be_are_refused(
    option: tuple[str, str], run: Callable[..., Run], models: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as error:
        run({})(*models, "-o", tmp_path / "out.safetensors", *option)
    assert error.value.code == 2


@pytest.mark.slow
def test_only_dev_is_scored(script: ModuleType, tmp_path: Path) -> None:
    """By the real `wavehax evaluate`, on a recording of each split."""
    pytest.importorskip("pesq")
    rows = ["file\tsplit\tspeaker"]
    for split in ("train", "dev", "unseen"):
        shutil.copy(ROOT / "tests" / "data" / "recording.wav", tmp_path / f"{split}.wav")
        rows.append(f"{split}.wav\t{split}\tme")
    (tmp_path / "MANIFEST.tsv").write_text("\n".join(rows) + "\n")
    script.evaluate(Path("vocos-24k"), tmp_path / "MANIFEST.tsv", tmp_path / "out.json", 1)
    contents = json.loads((tmp_path / "out.json").read_text())
    assert [of_file["file"] for of_file in contents["files"]] == ["dev.wav"]
    mean = next(g["means"]["pesq_wb"]["mean"] for g in contents["groups"] if not g["speaker"])
    assert 1 < mean < 4.65


@pytest.mark.slow
def test_a_manifest_that_cannot_be_scored_is_refused(models: list[Path], tmp_path: Path) -> None:
    command = [
        sys.executable,
        SCRIPT,
        *models,
        "--data",
        tmp_path / "none.tsv",
        "-o",
        tmp_path / "out.safetensors",
    ]
    done = subprocess.run(
        [*command, "--weights", "1"], env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        f"could not be scored on dev of {tmp_path}/none.tsv"
    )
    assert not (tmp_path / "out.safetensors").exists()

"""The script that draws what the shipped models cost, and how they sound."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from wavehax.checkpoint import load_model
from wavehax.config import parameter_shapes
from wavehax.models.locate import model_path

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    pytest.importorskip("torch", reason="needs the extra [bench]")
    pytest.importorskip("matplotlib", reason="needs the extra [docs]")
    spec = importlib.util.spec_from_file_location("make_costs", DOCS / "make_costs.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "OUTPUT", tmp_path / "costs.svg")
    monkeypatch.setattr(module, "shipped_models", lambda: ["vocos-24k"])
    return module


def row(model: str, what: str, precision: str, rtf: float) -> dict[str, object]:
    return {"model": model, "what": what, "precision": precision, "rtf": {"median": rtf}}


@pytest.mark.slow
def test_the_picture_has_every_model_and_vocoder_and_nothing_is_measured_twice(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    means = {"pesq_wb": 3.5, "distillmos_difference": -0.05}
    groups = [
        {
            "group": split,
            "speaker": "",
            "means": {name: {"mean": mean, "interval": 0.1} for name, mean in means.items()},
        }
        for split in script.SPLITS
    ]
    (tmp_path / "vocos-24k.json").write_text(json.dumps({"groups": groups}))
    rows = [row("vocos-24k", "whole", "fp32", 0.02), row("vocos-24k", "whole", "bf16", 0.01)]
    rows += [row(name, "ONNX", "fp32", 0.1) for name in ("Vocos shape", "HiFi-GAN V1 shape")]
    (tmp_path / "bench.json").write_text(json.dumps({"rows": rows}))
    monkeypatch.setattr(sys, "argv", ["make_costs.py", "none.tsv", "--work", str(tmp_path)])
    assert script.main() == 0
    picture = (tmp_path / "costs.svg").read_text(encoding="utf-8")
    for text in ("PESQ-WB", "DistillMOS", "vocos-24k (dev)", "vocos-24k, bf16 (unseen)"):
        assert text in picture
    for text in ("Vocos shape, ONNX Runtime", "HiFi-GAN V1 shape, ONNX Runtime"):
        assert text in picture


def test_the_multiply_adds_of_a_model_are_those_of_its_tensors(script: ModuleType) -> None:
    config = load_model(model_path("vocos-24k")).generator
    shapes = parameter_shapes(config)
    products = 0
    for name, shape in shapes.items():
        size = 1
        for length in shape:
            size *= length
        if len(shape) == 1 or name.endswith(".gamma"):
            continue
        if name.startswith(("cond_proj", "env_proj")):
            products += size
        elif name.startswith("prior_proj"):
            products += 2 * size  # real and imaginary part
        else:
            products += size * config.num_bins
    point = script.model_point("vocos-24k", [row("vocos-24k", "whole", "fp32", 0.02)])
    assert point.multiply_adds == pytest.approx(products * config.sample_rate / config.hop_length)
    assert point.speeds == {"fp32": 50}

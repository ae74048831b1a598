"""`wavehax export onnx`: the file, what it says of itself, and the example of the documentation."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import run_python
from tiny_models import with_f0

import wavehax
from wavehax.checkpoint import Model, save_model
from wavehax.config import from_dict

Command = Callable[..., tuple[int, str, str]]
PAGE = Path(__file__).parents[2] / "docs" / "onnx.md"

onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra [onnx]")
onnx = pytest.importorskip("onnx", reason="needs the extra [onnx]")


@pytest.mark.slow
def test_the_example_of_the_documentation_equals_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    monkeypatch.chdir(tmp_path)
    shell, inputs, code, hosts = re.findall(
        r"```(?:sh|python)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL
    )
    for line in (shell + hosts).splitlines():
        assert command(*line.split("#")[0].split()[1:]) == (0, "", "")
    names: dict[str, Any] = {}
    exec(inputs, names)
    voc, mel, f0 = wavehax.load(), names["mel"], names["f0"]
    exec(
        code.replace("rng.standard_normal(", "np.zeros(").replace("rng.random(", "np.zeros("), names
    )
    expected = voc(mel, f0, prior=voc.prior(f0))
    for wave in (names["whole"].run(None, silent(mel, f0))[0][0], names["wave"]):
        assert np.abs(wave - expected).max() <= 1e-4 * np.abs(expected).max()


def silent(mel: np.ndarray, f0: np.ndarray) -> dict[str, np.ndarray]:
    """Inputs of the shipped model's graph of whole utterances, without noise."""
    noise = np.zeros((1, (len(f0) + 1) * 256), np.float32)
    return {"mel": mel[None], "f0": f0[None], "noise": noise, "phase": np.zeros(1)}


def test_a_file_says_what_it_is(
    tmp_path: Path, model_file: Path, tiny: Model, command: Command
) -> None:
    path = tmp_path / "tiny.onnx"
    assert command("export", "onnx", model_file, "-o", path) == (0, "", "")
    said = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map
    assert (said["sample_rate"], said["hop_length"], said["licence"]) == (
        "24000",
        "32",
        tiny.provenance["licence"],
    )
    about = json.loads(said["wavehax"])
    assert about["provenance"] == tiny.provenance
    assert from_dict(type(tiny.features), about["features"]) == tiny.features
    assert from_dict(type(tiny.generator), about["generator"]) == tiny.generator


def test_a_file_of_a_model_that_predicts_f0_says_so(
    tmp_path: Path, tiny: Model, command: Command
) -> None:
    save_model(tmp_path / "f0.safetensors", model := with_f0(tiny))
    assert (
        command("export", "onnx", tmp_path / "f0.safetensors", "-o", tmp_path / "f0.onnx")[0] == 0
    )
    said = onnxruntime.InferenceSession(tmp_path / "f0.onnx").get_modelmeta().custom_metadata_map
    assert from_dict(type(model.f0.config), json.loads(said["wavehax"])["f0"]) == model.f0.config


def test_f0_from_the_mel_is_for_models_that_predict_it(
    tmp_path: Path, model_file: Path, tiny: Model, command: Command
) -> None:
    code, _, said = command("export", "onnx", model_file, "-o", tmp_path / "a.onnx", "--f0", "mel")
    assert code == 1 and "no predictor of F0" in said and said.count("\n") == 1
    assert not (tmp_path / "a.onnx").exists()
    save_model(model_file, with_f0(tiny))
    assert command("export", "onnx", model_file, "-o", tmp_path / "a.onnx", "--f0", "mel") == (
        0,
        "",
        "",
    )
    assert "f0" not in [
        node.name for node in onnxruntime.InferenceSession(tmp_path / "a.onnx").get_inputs()
    ]


def test_an_output_is_replaced_only_when_forced(
    tmp_path: Path, model_file: Path, command: Command
) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(b"old")
    code, _, said = command("export", "onnx", model_file, "-o", path)
    assert code == 1 and "exists already" in said and said.count("\n") == 1
    assert path.read_bytes() == b"old"
    assert command("export", "onnx", model_file, "-o", path, "--force") == (0, "", "")
    onnx.checker.check_model(path)


def test_an_output_that_is_no_onnx_file_is_refused_at_once(
    tmp_path: Path, command: Command
) -> None:
    code, _, said = command(
        "export", "onnx", tmp_path / "missing.safetensors", "-o", tmp_path / "a.wav"
    )
    assert (
        code == 1
        and "a.wav: unknown file type '.wav'; expected .onnx" in said
        and said.count("\n") == 1
    )


@pytest.mark.parametrize(
    "failing", ["a weight that the graph has and the engine has not", "no runtime"]
)
def test_a_file_appears_only_when_the_runtime_computes_what_the_engine_does(
    failing: str,
    tmp_path: Path,
    model_file: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import wavehax.export.onnx as module

    before = sorted(tmp_path.iterdir())
    if failing == "no runtime":
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        words = "needs onnxruntime: pip install 'wavehax[onnx]'"
    else:
        build = module.build

        def wrong(model: Model, **options: bool) -> onnx.ModelProto:
            louder = {
                **model.weights,
                "output_proj.weight": 1.001 * model.weights["output_proj.weight"],
            }
            return build(dataclasses.replace(model, weights=louder), **options)

        monkeypatch.setattr(module, "build", wrong)
        words = "differs from the engine by"
    code, _, said = command("export", "onnx", model_file, "-o", tmp_path / "tiny.onnx")
    assert code == 1 and words in said and said.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_export_needs_no_pytorch(tmp_path: Path, model_file: Path) -> None:
    arguments = ["export", "onnx", str(model_file), "-o", str(tmp_path / "tiny.onnx")]
    done = run_python(
        f"import sys; from wavehax.cli import main; print(main({arguments}), 'torch' in"
        " sys.modules)",
        tmp_path,
    )
    assert done.stdout == "0 False\n", done.stderr


def test_without_onnx_one_line_says_what_to_install(
    tmp_path: Path, model_file: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    for name in [name for name in sys.modules if name.startswith("wavehax.export")]:
        monkeypatch.delitem(sys.modules, name)
    code, _, said = command("export", "onnx", model_file, "-o", tmp_path / "tiny.onnx")
    assert (code, said) == (1, "wavehax: export needs onnx: pip install 'wavehax[onnx]'\n")

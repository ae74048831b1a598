"""Runs sherpa-onnx behind stand-ins for its acoustic models, which give one mel for any text."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the extra [onnx]")

SHERPA = """
import sys
import numpy, sherpa_onnx
host, vocoder, out = sys.argv[1:]
names = {"tokens": "tokens.txt", "vocoder": vocoder}
generation = sherpa_onnx.GenerationConfig()
generation.silence_scale = 1
if host == "matcha":
    model = sherpa_onnx.OfflineTtsMatchaModelConfig(acoustic_model="acoustic.onnx", **names)
    generation.tokens = [["a", "b"]]
else:
    model = sherpa_onnx.OfflineTtsZipvoiceModelConfig(
        encoder="encoder.onnx", decoder="decoder.onnx", lexicon="lexicon.txt", **names
    )
    generation.num_steps = 1
    generation.reference_audio = numpy.full(512, 0.5, "float32")
    generation.reference_sample_rate = 24000
    generation.reference_text = "ab"
models = sherpa_onnx.OfflineTtsModelConfig(**{host: model})
voice = sherpa_onnx.OfflineTts(sherpa_onnx.OfflineTtsConfig(model=models))
audio = voice.generate("ab", generation)
numpy.savez(out, samples=numpy.array(audio.samples, "float32"), rate=audio.sample_rate)
"""


def sherpa_says(host: str, folder: Path) -> tuple[np.ndarray, int]:
    """The samples that sherpa-onnx gives for one sentence, and their rate.

    It runs in a process of its own, as it ends the process where a model does not suit it.
    """
    (folder / "tokens.txt").write_text("_ 0\na 1\nb 2\n")
    (folder / "lexicon.txt").write_text("ab||a b\n")
    arguments = [sys.executable, "-c", SHERPA, host, "vocoder.onnx", "out.npz"]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    with np.load(folder / "out.npz") as file:
        return file["samples"], int(file["rate"])


INTEGERS = {"x", "x_length", "tokens", "prompt_tokens", "prompt_features_len"}


def write_graph(
    path: Path,
    node: tuple[str, list[str], str],
    inputs: dict[str, list[str | int]],
    metadata: dict[str, Any],
    fixed: np.ndarray | None = None,
) -> None:
    """Write a graph of one operator, whose inputs may include the constant `fixed`."""
    helper, (kind, names, result) = onnx.helper, node
    floats, integers = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    given = [
        helper.make_tensor_value_info(name, integers if name in INTEGERS else floats, shape)
        for name, shape in inputs.items()
    ]
    out = helper.make_tensor_value_info(result, floats, [None, None, None])
    constants = [] if fixed is None else [onnx.numpy_helper.from_array(fixed, "fixed")]
    nodes = [helper.make_node(kind, names, [result])]
    graph = helper.make_graph(nodes, "stand_in", given, [out], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    helper.set_model_props(model, {key: str(value) for key, value in metadata.items()})
    onnx.save(model, path)


def write_matcha(folder: Path, mel: np.ndarray, rate: int) -> None:
    """A stand-in for Matcha-TTS, which gives the same mel [n_mels, T] for any text."""
    inputs = {"x": ["B", "L"], "x_length": ["B"], "noise_scale": [1], "length_scale": [1]}
    metadata = {"sample_rate": rate, "n_speakers": 1, "has_espeak": 1, "use_eos_bos": 0}
    identity = ("Identity", ["fixed"], "mel")
    write_graph(
        folder / "acoustic.onnx", identity, inputs, {**metadata, "jieba": 0, "pad_id": 0}, mel[None]
    )


def write_zipvoice(folder: Path, mel: np.ndarray) -> None:
    """A stand-in for ZipVoice, which gives the same mel [100, T] for any text and voice.

    The host walks from noise to a mel in one step, by the velocity that the decoder gives. The
    first three frames are those of the recording whose voice is to be imitated, and are dropped.
    """
    condition = 0.1 * np.pad(mel, ((0, 0), (3, 0))).T[None]  # the host divides by 0.1
    frames = ["B", "T", 100]
    tokens = {"tokens": ["B", "L"], "prompt_tokens": ["B", "P"]}
    write_graph(
        folder / "encoder.onnx",
        ("Identity", ["fixed"], "text_condition"),
        {**tokens, "prompt_features_len": [1], "speed": [1]},
        {"use_espeak": 0},
        condition.astype(np.float32),
    )
    conditions = {"text_condition": frames, "speech_condition": frames, "guidance_scale": [1]}
    write_graph(
        folder / "decoder.onnx",
        ("Sub", ["text_condition", "noise"], "v"),
        {"t": [1], "noise": frames, **conditions},
        {"feat_dim": 100, "sample_rate": 24000, "num_mels": 100},
    )

"""Writes a model as an ONNX graph of whole utterances or of a stream, checked with the engine."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import onnx

from wavehax.checkpoint import Model, configuration, load_model
from wavehax.config import GeneratorConfig
from wavehax.export.f0 import predicted_f0
from wavehax.export.graph import Graph, Tensor
from wavehax.export.lags import Lags
from wavehax.export.network import Network
from wavehax.export.prior import prior
from wavehax.export.timeline import Streaming, Timeline, Whole
from wavehax.export.transforms import analyse, inverse_stft, stft, synthesise
from wavehax.export.verify import verify
from wavehax.files.outputs import refuse_existing, replacing

_WHOLE_TEXT = "Log-mel-spectrogram, F0 and noise to waveform."
_STREAM_TEXT = (
    "Log-mel-spectrogram, F0 and noise to waveform, frames as they come: for every frame"
    " hop_length samples. What is given as next_state.X goes into the next run as state.X; zeros"
    " begin a voice. After the last frame give delay / hop_length frames more, rounded up, with"
    " mask 0 and any finite values. The first `delay` samples come before the waveform begins;"
    " drop them."
)


def export_onnx(
    model_file: Path,
    out: Path,
    *,
    streaming: bool = False,
    f0_from_mel: bool = False,
    force: bool = False,
) -> None:
    """Write a model as an ONNX file.

    The file appears only when ONNX Runtime computes from it what the engine computes.

    Args:
        model_file: the `.safetensors` file of the model.
        out: the file to write, .onnx.
        streaming: as in `build`.
        f0_from_mel: as in `build`.
        force: replace a file that exists.

    Raises:
        ModelError: `model_file` is no model.
        OSError: `out` cannot be written, or exists and `force` is not set.
        ValueError: `out` does not end in .onnx, the model cannot be expressed, or ONNX Runtime
            computes something else than the engine.
    """
    if out.suffix.lower() != ".onnx":
        raise ValueError(f"{out}: unknown file type {out.suffix!r}; expected .onnx")
    refuse_existing(out, force)
    model = load_model(model_file)
    graph = build(model, streaming=streaming, f0_from_mel=f0_from_mel)
    with replacing(out, overwrite=force) as temporary:
        onnx.save(graph, temporary)
        verify(temporary, model)


def build(model: Model, *, streaming: bool = False, f0_from_mel: bool = False) -> onnx.ModelProto:
    """Build the graph of a model.

    Args:
        model: any model; with `streaming`, one with causal padding and no norm over the utterance.
        streaming: the graph takes frames as they come, with state. Otherwise it takes whole
            utterances.
        f0_from_mel: the graph predicts F0 from the mel, and F0 is an output. Otherwise it is an
            input.

    Raises:
        ValueError: the model cannot be streamed, or has no predictor of F0.
    """
    config = model.generator
    _check(model, streaming, f0_from_mel)
    graph = Graph()
    mel_text = "log-mel-spectrogram; features in the metadata defines it"
    mel = graph.input("mel", ["batch", config.n_mels, "frames"], mel_text)
    mel = mel.op("Max", np.float32(math.log(model.features.magnitude_floor)))
    time = Streaming(mel, config) if streaming else Whole(mel, config)
    f0_shape, f0_text = ["batch", "frames"], "Hz, 0 where unvoiced"
    predictor = model.f0 if f0_from_mel else None
    f0 = (
        graph.input("f0", f0_shape, f0_text)
        if predictor is None
        else predicted_f0(time, mel, predictor)
    )
    noise = graph.input("noise", ["batch", "noise_samples"], _noise_text(config, streaming))
    wave = _wave(time, model, mel, f0, noise)
    graph.output("waveform", wave, ["batch", "samples"], "nominally in [-1, 1]")
    time.finish()
    if f0_from_mel:
        graph.output("f0", f0, f0_shape, f0_text)
    return graph.model(_STREAM_TEXT if streaming else _WHOLE_TEXT, _metadata(model, streaming))


def _wave(time: Timeline, model: Model, mel: Tensor, f0: Tensor, noise: Tensor) -> Tensor:
    """The waveform [B, N], in the order of nn/generator.py."""
    config, weights = model.generator, model.weights
    mel = (mel - weights["mel_mean"][:, None]) / weights["mel_scale"][:, None]
    mel = time.keep(time.repeat_last(mel, "mel", (config.n_mels, -1)), (config.n_mels, -1), 0)
    f0 = time.keep(time.repeat_last(f0, "f0", (-1,)), (-1,), 0)
    wave = prior(time, f0, noise)
    if config.num_streams > 1:
        wave = analyse(time, wave, weights["filter_bank.analysis.weight"])
    wave = inverse_stft(time, Network(time, model)(mel, stft(time, wave)))
    if config.num_streams > 1:
        wave = synthesise(time, wave, weights["filter_bank.synthesis.weight"])
    half = config.hop_length // 2 if time.centred and not time.streaming else 0
    return wave.slice(2, half, -half or None).reshape(0, -1)


def _check(model: Model, streaming: bool, f0_from_mel: bool) -> None:
    config = model.generator
    for name in ("log", "power", "reference", "mean", "scale"):
        value = getattr(model.features, name)
        if not model.features.plain and value not in ("e", 1, ()):
            raise ValueError(
                f"features.{name}={value!r}: a graph takes the natural logarithm of magnitudes,"
                " expected a definition without it"
            )
    if f0_from_mel and model.f0 is None:
        raise ValueError("f0 from the mel: this model has no predictor of F0")
    if streaming and not config.streamable:
        raise ValueError(
            "streaming: this model's norm takes mean and variance over the whole utterance (norm"
            " 'utterance'); expected norm 'frame' or 'batch'"
        )
    if streaming and config.time_padding != "causal":
        raise ValueError(
            f"streaming: this model's time_padding is {config.time_padding!r}, whose mirror images"
            " depend on frames to come; expected 'causal'"
        )


def _noise_text(config: GeneratorConfig, streaming: bool) -> str:
    hops = "frames" if streaming or config.frame_alignment == "same" else "(frames + 1)"
    return f"gaussian of unit variance, {hops} * {config.hop_length} samples"


def _metadata(model: Model, streaming: bool) -> dict[str, str]:
    """Everything in the model file but the tensors, and the numbers that a host program needs."""
    config = model.generator
    plain = {"sample_rate": config.sample_rate, "hop_length": config.hop_length}
    if streaming:
        plain["delay"] = Lags.of_stream(config).delay(config)
    if "licence" in model.provenance:
        plain["licence"] = model.provenance["licence"]
    return {
        "wavehax": json.dumps(configuration(model), ensure_ascii=False),
        **{key: str(value) for key, value in plain.items()},
    }

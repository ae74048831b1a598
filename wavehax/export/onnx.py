"""Writes a model as an ONNX graph of whole utterances or of a stream, checked with the engine."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import onnx

from wavehax.checkpoint import Model, configuration, load_model
from wavehax.config import GeneratorConfig
from wavehax.export import hosts
from wavehax.export.f0 import predicted_f0
from wavehax.export.graph import Graph, Tensor
from wavehax.export.lags import Lags
from wavehax.export.network import Network
from wavehax.export.noise import initial_phase, seeded_noise
from wavehax.export.prior import prior
from wavehax.export.timeline import Streaming, Timeline, Whole
from wavehax.export.transforms import analyse, inverse_stft, stft, synthesise
from wavehax.export.verify import verify
from wavehax.files.outputs import refuse_existing, replacing

_WHOLE_TEXT = "Log-mel-spectrogram, F0 and noise to waveform."
_HOST_TEXTS = {
    "sherpa": "Log-mel-spectrogram to waveform, and to spectra from which sherpa-onnx makes it.",
    "openutau": "Log-mel-spectrogram and F0 to waveform, for OpenUtau.",
}
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
    host: hosts.Host | None = None,
    force: bool = False,
) -> None:
    """Write a model as an ONNX file.

    The file appears only when ONNX Runtime computes from it what the engine computes.

    Args:
        model_file: the `.safetensors` file of the model.
        out: the file to write: .onnx, or for OpenUtau .oudep, a package with the ONNX file.
        streaming: as in `build`.
        f0_from_mel: as in `build`.
        host: as in `build`.
        force: replace a file that exists.

    Raises:
        ModelError: `model_file` is no model.
        OSError: `out` cannot be written, or exists and `force` is not set.
        ValueError: `out` does not end in .onnx or .oudep, the model cannot be expressed, the host
            cannot use it, or ONNX Runtime computes something else than the engine.
    """
    suffix = hosts.SUFFIXES[host]
    if out.suffix.lower() != suffix:
        raise ValueError(f"{out}: unknown file type {out.suffix!r}; expected {suffix}")
    refuse_existing(out, force)
    model = load_model(model_file)
    if host is not None:
        hosts.check(model, out, host)
    graph = build(model, streaming=streaming, f0_from_mel=f0_from_mel, host=host)
    content = graph.SerializeToString()
    verify(content, model)
    with replacing(out, overwrite=force) as temporary:
        if host == "openutau":
            hosts.write_oudep(temporary, out.stem, content, model.features)
        else:
            temporary.write_bytes(content)


def build(
    model: Model,
    *,
    streaming: bool = False,
    f0_from_mel: bool = False,
    host: hosts.Host | None = None,
) -> onnx.ModelProto:
    """Build the graph of a model.

    Args:
        model: any model; with `streaming`, one with causal padding and no norm over the utterance.
        streaming: the graph takes frames as they come, with state. Otherwise it takes whole
            utterances.
        f0_from_mel: the graph predicts F0 from the mel, and F0 is an output. Otherwise it is an
            input.
        host: "sherpa" or "openutau", the program that will call the graph. It takes whole
            utterances, and noise and phase are made inside. That of sherpa-onnx predicts F0; that
            of OpenUtau takes it, and takes the mel frame by frame, [B, T, n_mels].

    Raises:
        ValueError: the model cannot be streamed, or has no predictor of F0.
    """
    if host is not None and (streaming or f0_from_mel):
        raise ValueError(f"a graph for {host} has a fixed form: leave out --f0 and --streaming")
    config, f0_from_mel = model.generator, f0_from_mel or host == "sherpa"
    _check(model, streaming, f0_from_mel)
    graph = Graph()
    mel = _mel(graph, model, frames_first=host == "openutau")
    time = _timeline(mel, config, streaming, host)
    f0_shape, f0_text = ["batch", "frames"], "Hz, 0 where unvoiced"
    predictor = model.f0 if f0_from_mel else None
    f0 = (
        graph.input("f0", f0_shape, f0_text)
        if predictor is None
        else predicted_f0(time, mel, predictor)
    )
    if host is not None and isinstance(time, Whole):
        noise = seeded_noise(time, hosts.SEED)
    else:
        noise = graph.input("noise", ["batch", "noise_samples"], _noise_text(config, streaming))
    wave = _wave(time, model, mel, f0, noise)
    metadata = _metadata(model, streaming)
    if host == "sherpa":
        hosts.add_spectrum(graph, wave, config.hop_length)
        metadata |= hosts.sherpa_metadata(model)
    graph.output("waveform", wave, ["batch", "samples"], "nominally in [-1, 1]")
    time.finish()
    if f0_from_mel:
        graph.output("f0", f0, f0_shape, f0_text)
    whole_text = _WHOLE_TEXT if host is None else _HOST_TEXTS[host]
    return graph.model(_STREAM_TEXT if streaming else whole_text, metadata)


def _mel(graph: Graph, model: Model, frames_first: bool) -> Tensor:
    """The input mel [B, n_mels, T], raised to the floor of its definition."""
    shape: list[int | str] = ["batch", model.generator.n_mels, "frames"]
    if frames_first:
        shape[1:] = shape[:0:-1]
    mel = graph.input("mel", shape, "log-mel-spectrogram; features in the metadata defines it")
    if frames_first:
        mel = mel.op("Transpose", perm=[0, 2, 1])
    return mel.op("Max", np.float32(math.log(model.features.magnitude_floor)))


def _timeline(
    mel: Tensor, config: GeneratorConfig, streaming: bool, host: hosts.Host | None
) -> Timeline:
    if streaming:
        return Streaming(mel, config)
    return Whole(mel, config, None if host is None else initial_phase(hosts.SEED))


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

"""Checks that ONNX Runtime computes from a file what the engine computes from the model."""

from __future__ import annotations

import numpy as np

from wavehax.checkpoint import Model
from wavehax.errors import optional_module
from wavehax.export.hosts import SEED
from wavehax.export.prior import noise_std
from wavehax.export.timeline import STATE
from wavehax.vocoder import Vocoder

MAX_ERROR = 1e-4
"""Largest difference of a sample, in parts of the engine's largest sample."""

_CHUNKS = (1, 19, 3, 77)  # frames
_F0_ERROR = 1e-4  # largest difference of F0, in parts of the predicted F0
# Frames that may differ more: rounding decides whether they are voiced, or which bin is likeliest.
_MAX_DISAGREEING = 2
_DTYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64}


def verify(content: bytes, model: Model) -> None:
    """Raise ValueError unless a graph computes the waveform of the engine.

    Args:
        content: the ONNX file.
        model: the model that it was made from.
    """
    graph = _Graph(content)
    voc = Vocoder(model)
    rng = np.random.default_rng(0)
    frames = sum(_CHUNKS)
    deviation = rng.standard_normal((model.features.n_mels, frames)).astype(np.float32)
    mel = model.weights["mel_mean"][:, None] + 0.3 * model.weights["mel_scale"][:, None] * deviation
    f0 = np.where(np.arange(frames) % 50 < 30, 150 + np.arange(frames), 0).astype(np.float32)
    hops = frames + (model.generator.frame_alignment == "centre")
    noise = rng.standard_normal(hops * voc.hop_length).astype(np.float32)
    wave, predicted = graph.run(mel, f0, noise)
    if predicted is not None:
        f0 = predicted
        differs = ~np.isclose(f0, voc.f0(mel), rtol=_F0_ERROR)
        if differs.sum() > _MAX_DISAGREEING:
            raise ValueError(
                f"ONNX Runtime differs from the engine in {differs.sum()} of {frames} frames of F0"
            )
    if graph.makes_noise:
        expected = voc(mel, f0, seed=SEED, force_definition=True)
    else:
        held = np.append(f0, f0[-1:])[:hops]
        std = np.where(held > 0, *noise_std(model.generator)).astype(np.float32)
        prior = voc.prior(f0) + std.repeat(voc.hop_length) * noise
        expected = voc(mel, f0, prior=prior, force_definition=True)
    error = np.abs(wave - expected).max() / np.abs(expected).max()
    if not error <= MAX_ERROR:
        raise ValueError(
            f"ONNX Runtime differs from the engine by {error:.1e} of the peak: expected at most"
            f" {MAX_ERROR:.0e}"
        )


class _Graph:
    """A graph in ONNX Runtime that computes one utterance at a time."""

    def __init__(self, content: bytes) -> None:
        runtime = optional_module("onnxruntime", "the check of an ONNX file", "wavehax[onnx]")
        self._session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
        self._inputs = {node.name: node for node in self._session.get_inputs()}
        self._outputs = [node.name for node in self._session.get_outputs()]
        self.makes_noise = "noise" not in self._inputs
        self._frames_first = self._inputs["mel"].shape[1] == "frames"

    def run(
        self, mel: np.ndarray, f0: np.ndarray, noise: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The waveform [N] of a mel [n_mels, T], F0 [T] and noise [N], from phase 0 on.

        Beside it F0 [T] if the graph predicts it, otherwise None.
        """
        if "mask" in self._inputs:
            return self._stream(mel, f0, noise)
        if self._frames_first:
            mel = np.ascontiguousarray(mel.T)
        results = self._results({"mel": mel, "f0": f0, "noise": noise, "phase": np.zeros(())}, {})
        return results["waveform"][0], results["f0"][0] if "f0" in results else None

    def _stream(
        self, mel: np.ndarray, f0: np.ndarray, noise: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        metadata = self._session.get_modelmeta().custom_metadata_map
        hop, delay = int(metadata["hop_length"]), int(metadata["delay"])
        frames, flush = len(f0), -(-delay // hop)
        mask = (np.arange(frames + flush) < frames).astype(np.float32)
        mel, f0 = np.pad(mel, ((0, 0), (0, flush))), np.pad(f0, (0, flush))
        noise = np.pad(noise, (0, len(mask) * hop - len(noise)))
        state = {name: self._zeros(name) for name in self._inputs if name.startswith(STATE)}
        parts, first = [], 0
        for count in (*_CHUNKS, flush):
            now, samples = slice(first, first + count), slice(first * hop, (first + count) * hop)
            feed = {"mel": mel[:, now], "f0": f0[now], "mask": mask[now], "noise": noise[samples]}
            parts.append(self._results(feed, state))
            state = {name: parts[-1][f"next_{name}"] for name in state}
            first += count
        wave = np.concatenate([part["waveform"][0] for part in parts])[delay:][: frames * hop]
        if "f0" not in self._outputs:
            return wave, None
        return wave, np.concatenate([part["f0"][0] for part in parts])[:frames]

    def _zeros(self, name: str) -> np.ndarray:
        node = self._inputs[name]
        return np.zeros((1, *node.shape[1:]), _DTYPES[node.type])

    def _results(
        self, utterance: dict[str, np.ndarray], state: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """The outputs of one run by name.

        Arrays of the utterance that are no input of the graph are left out; the others become a
        batch of one.
        """
        feed = {
            name: np.asarray(value)[None]
            for name, value in utterance.items()
            if name in self._inputs
        }
        return dict(zip(self._outputs, self._session.run(None, feed | state), strict=True))

"""The network between two spectra as operators.

Its twins are nn/generator.py, nn/multistream.py and nn/layers.py. Hidden activations are
[B, C, T, F], with frames before bins, so that a stream's state lies before its new frames in
memory.
"""

from __future__ import annotations

import math

import numpy as np

from wavehax.checkpoint import Model
from wavehax.config import (
    FLOOR_TOLERANCE,
    MAX_MAGNITUDE,
    MIN_POWER,
    NORM_EPSILON,
    PRIOR_RMS,
)
from wavehax.export.graph import Tensor, integers
from wavehax.export.timeline import Reach, Timeline
from wavehax.export.transforms import window_energy


class Network:
    """Computes the spectra of the waves, [B, S * 2F, T].

    Its inputs are the normalised mel [B, n_mels, T] and the prior's spectra [B, S * 2F, T].
    """

    def __init__(self, time: Timeline, model: Model) -> None:
        self.time, self.config, self.weights = time, time.config, model.weights
        # The largest values of a silent frame, normalised as the mel is.
        silent = np.float32(math.log(model.features.magnitude_floor) + FLOOR_TOLERANCE)
        self.silence = (silent - self.weights["mel_mean"]) / self.weights["mel_scale"]
        self.reflect = self.config.time_padding == "reflect"
        taps = self.config.projection_taps
        self.after = taps // 2 if self.reflect else self.config.lookahead
        self.before = taps - 1 - self.after

    def __call__(self, mel: Tensor, spectra: Tensor) -> Tensor:
        time, config, lags = self.time, self.config, self.time.lags
        streams, bins = config.num_streams, config.num_bins
        shape, wait = (2 * streams * bins, -1), lags.network - lags.spectrum
        spectra = time.keep(self._features(spectra), shape, lags.spectrum)
        cond, mel = self._project("cond_proj", mel, config.n_mels, lags.network)
        projections = []
        if config.has_prior_proj:
            projected, spectra = self._project("prior_proj", spectra, 2 * bins, wait)
            projections = [(projected, 2)]
        else:
            spectra = time.window(spectra, "spectra", shape, Reach(0, 0, wait))
        of_mel, of_prior = [(cond, streams)], [(spectra, 2 * streams), *projections]
        planes = of_prior + of_mel if streams == 1 else of_mel + of_prior
        first, *others = (plane.reshape(0, count, bins, -1) for plane, count in planes)
        x = first.op("Concat", *others, axis=1).op("Transpose", perm=[0, 1, 3, 2])
        refined = (
            self._refine(x).op("Transpose", perm=[0, 1, 3, 2]).reshape(0, 2 * streams * bins, -1)
        )
        return time.keep(self._spectra(refined, spectra, mel), shape, lags.network)

    def _features(self, spectra: Tensor) -> Tensor:
        """The network's inputs from the prior's spectra."""
        config = self.config
        if config.output == "excitation":
            return spectra / (PRIOR_RMS[config.prior] * math.sqrt(window_energy(config.n_fft)))
        if not config.use_logmag_phase:
            return spectra
        re, im = self._halves(spectra)
        log_magnitude = (re * re + im * im).op("Max", MIN_POWER).op("Log") * 0.5
        return log_magnitude.op("Concat", _angle(re, im), axis=1)

    def _spectra(self, refined: Tensor, spectra: Tensor, mel: Tensor) -> Tensor:
        """The real and imaginary parts that the network's outputs stand for."""
        if self.config.output == "excitation":
            envelope = mel.op(
                "Conv", self.weights["env_proj.weight"], self.weights["env_proj.bias"]
            ).op("Exp")
            sounds = (mel - self.silence[:, None]).op("ReduceMax", integers(1)) > 0
            envelope = sounds.where(envelope, 0)
            return envelope.op("Concat", envelope, axis=1) * (spectra + refined)
        if not self.config.use_logmag_phase:
            return refined
        log_magnitude, phase = self._halves(refined)
        magnitude = log_magnitude.op("Exp").op("Min", MAX_MAGNITUDE)
        return (magnitude * phase.op("Cos")).op("Concat", magnitude * phase.op("Sin"), axis=1)

    def _halves(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        bins = self.config.num_bins
        return spectra.slice(1, 0, bins), spectra.slice(1, bins)

    def _project(self, name: str, x: Tensor, channels: int, wait: int) -> tuple[Tensor, Tensor]:
        """A convolution over frames with bins as channels, and `x` at the frames of its result."""
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        reach = Reach(self.before, self.after, wait, self.reflect)
        longer = self.time.window(x, name, (channels, -1), reach)
        x = longer.slice(2, self.before, -self.after or None)
        inputs = weight.shape[1]
        if inputs == channels:
            return longer.op("Conv", weight, bias), x
        # Real and imaginary parts have the same weights.
        return longer.reshape(-1, inputs, 0).op("Conv", weight, bias).reshape(-1, channels, 0), x

    def _refine(self, x: Tensor) -> Tensor:
        """The layers from [B, planes, T, F] to [B, planes, T, F] (docs/design.md#network)."""
        x = self._normalise(
            x.op("Conv", _pointwise(self.weights["input_proj.weight"])), "input_norm"
        )
        for i in range(self.config.num_blocks):
            x = self._block(x, f"blocks.{i}")
        x = self._normalise(x, "output_norm")
        return x.op(
            "Conv", _pointwise(self.weights["output_proj.weight"]), self.weights["output_proj.bias"]
        )

    def _block(self, x: Tensor, name: str) -> Tensor:
        """A block: x + gamma * pw2(GELU(pw1(norm(dw(x)))))."""
        config, weights = self.config, self.weights
        bins, frames = config.kernel_size
        x = self.time.keep(x, (config.channels, -1, config.num_bins), self.time.lags.network)
        y = (
            x.op("Pad", integers(bins // 2, bins // 2), None, integers(3), mode="reflect")
            if bins > 1
            else x
        )
        after = frames // 2 if self.reflect else 0
        shape = (config.channels, -1, config.num_bins + bins - 1)
        y = self.time.window(y, name, shape, Reach(frames - 1 - after, after, reflect=self.reflect))
        y = y.op(
            "Conv", weights[f"{name}.dwconv.weight"].transpose(0, 1, 3, 2), group=config.channels
        )
        y = self._normalise(y, f"{name}.norm")
        y = y.op(
            "Conv", _pointwise(weights[f"{name}.pwconv1.weight"]), weights[f"{name}.pwconv1.bias"]
        ).gelu()
        gamma = weights[f"{name}.gamma"]
        weight, bias = (
            gamma[:, None] * weights[f"{name}.pwconv2.weight"],
            gamma * weights[f"{name}.pwconv2.bias"],
        )
        return x + y.op("Conv", _pointwise(weight), bias)

    def _normalise(self, x: Tensor, name: str) -> Tensor:
        """The norm `name`: by statistics of the training, or by moments of a frame, or of all."""
        norm = self.config.norm if name.startswith("blocks") else self.config.outer_norm
        scale, shift = (
            self.weights[f"{name}.{part}"][:, None, None] for part in ("weight", "bias")
        )
        if norm == "batch":
            mean, variance = (
                self.weights[f"{name}.running_{part}"][:, None, None] for part in ("mean", "var")
            )
            scale = scale / np.sqrt(variance + np.float32(NORM_EPSILON))
            return x * scale + (shift - mean * scale)
        x = x - _mean(x, norm)
        return x * (scale / (_mean(x * x, norm) + NORM_EPSILON).op("Sqrt")) + shift


def _mean(x: Tensor, norm: str) -> Tensor:
    """The mean over channels and bins; with norm "utterance" that of all frames.

    Frames are averaged in a second step, because one long sum would lose digits.
    """
    x = x.op("ReduceMean", integers(1, 3))
    return x.op("ReduceMean", integers(2)) if norm == "utterance" else x


def _angle(re: Tensor, im: Tensor) -> Tensor:
    """The angle atan2(im, re), 0 for silence, from the arc tangent, which is all that ONNX has."""
    angle = (im / re).op("Atan")
    angle = (re < 0).where(angle + (im < 0).where(-math.pi, math.pi), angle)
    upright = (im < 0).where(-math.pi / 2, (im > 0).where(math.pi / 2, 0))
    return re.op("Equal", 0).where(upright, angle)


def _pointwise(weight: np.ndarray) -> np.ndarray:
    """A matrix [outputs, inputs] as the weight of a convolution over frames and bins."""
    return weight[:, :, None, None]

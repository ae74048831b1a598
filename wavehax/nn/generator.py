"""The Wavehax generator: mel and F0 in, waveform out (arXiv 2411.06807).

docs/design.md#the-generator specifies it.
"""

from __future__ import annotations

import math

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from wavehax.config import (
    FLOOR_TOLERANCE,
    MAX_MAGNITUDE,
    MIN_POWER,
    PRIOR_RMS,
    FeatureConfig,
    GeneratorConfig,
)
from wavehax.nn import prior as priors
from wavehax.nn.envelope import envelope_weights
from wavehax.nn.layers import NORM_LAYERS, ConvNeXtBlock, Projection, init_weights
from wavehax.nn.stft import STFT


class WaveGenerator(nn.Module):
    """Base of every generator, other vocoders' too (wavehax.nn.baselines).

    It checks the inputs, normalises the mel, makes the prior and places the frames. A subclass
    defines `synthesise`.
    """

    mel_mean: Tensor
    mel_scale: Tensor

    def __init__(self, config: GeneratorConfig, log_floor: float = 0.0) -> None:
        """
        Args:
            config: the shape of the generator.
            log_floor: the least magnitude that the mel describes, `FeatureConfig.magnitude_floor`;
                0 where there is none.
        """
        super().__init__()
        self.config = config
        self.mel_floor = math.log(log_floor) if log_floor > 0 else -math.inf
        self.register_buffer("mel_mean", torch.zeros(config.n_mels))
        self.register_buffer("mel_scale", torch.ones(config.n_mels))

    def forward(self, mel: Tensor, f0: Tensor, prior: Tensor | None = None) -> Tensor:
        """Synthesise a waveform.

        Args:
            mel: [B, n_mels, T], log-mel-spectrogram as defined by the model's features, not
                normalised. A finite value below the floor of the definition counts as the floor.
            f0: [B, 1, T] in Hz, 0 where unvoiced.
            prior: [B, 1, prior_length(T)]; by default made from `f0`, with random initial phase and
                noise.

        Returns:
            [B, 1, T * hop_length], nominally in [-1, 1].

        Raises:
            ValueError: an input has another shape; the message names it.
        """
        self._check_shapes(mel, f0, prior)
        if mel.shape[-1] == 0:
            return mel.new_zeros(mel.shape[0], 1, 0)
        mel = (mel.clamp(min=self.mel_floor) - self.mel_mean[:, None]) / self.mel_scale[:, None]
        prior = self.make_prior(f0) if prior is None else prior
        if not self.centred:
            return self.synthesise(mel, prior)
        half = self.config.hop_length // 2
        return self.synthesise(_repeat_last(mel), prior)[..., half:-half]

    @property
    def centred(self) -> bool:
        """Whether frame t describes the samples within half a hop of sample t * hop_length.

        The last samples then lie in a hop for which there is no frame: the last frame is repeated.
        """
        return self.config.frame_alignment == "centre"

    def prior_length(self, frames: int) -> int:
        """Number of samples in the prior for `frames` frames.

        It is as long as the waveform; with centred frames, half a hop longer at either end.
        """
        return (frames + self.centred) * self.config.hop_length

    def synthesise(self, mel: Tensor, prior: Tensor) -> Tensor:
        """Return the waveform [B, 1, N] for a normalised mel [B, n_mels, T] and prior [B, 1, N]."""
        raise NotImplementedError

    def make_prior(
        self, f0: Tensor, *, noise: Tensor | bool = True, phase: Tensor | bool = True
    ) -> Tensor:
        """Make the prior [B, 1, prior_length(T)] of the model's kind for `f0` [B, 1, T] in Hz.

        `noise` [B, 1, prior_length(T)] and `phase` [B] are as in `wavehax.nn.prior.make_prior`.
        """
        config = self.config
        f0 = _repeat_last(f0) if self.centred else f0
        unvoiced_std = PRIOR_RMS[config.prior] if config.output == "excitation" else None
        return priors.make_prior(
            config.prior,
            f0,
            config.hop_length,
            config.sample_rate,
            noise=noise,
            phase=phase,
            unvoiced_std=unvoiced_std,
        )

    @torch.no_grad()
    def set_normalization(self, mean: ArrayLike, scale: ArrayLike) -> None:
        """Store the mean and scale [n_mels] of the training mels.

        Raises:
            ValueError: another shape, a value that is not finite, or a scale that is not positive.
        """
        means, scales = (torch.as_tensor(x, dtype=torch.float32) for x in (mean, scale))
        if means.shape != self.mel_mean.shape or scales.shape != self.mel_scale.shape:
            raise ValueError(
                f"mean {tuple(means.shape)}, scale {tuple(scales.shape)}: expected"
                f" [{self.config.n_mels}] each"
            )
        finite = torch.isfinite(means).all() and torch.isfinite(scales).all()
        if not (finite and (scales > 0).all()):
            raise ValueError(
                "mean and scale: expected finite values, and a positive scale in every band"
            )
        self.mel_mean.copy_(means)
        self.mel_scale.copy_(scales)

    def _check_shapes(self, mel: Tensor, f0: Tensor, prior: Tensor | None) -> None:
        batch, frames = mel.shape[0], mel.shape[-1]
        expected = {
            "mel": (mel, (batch, self.config.n_mels, frames)),
            "f0": (f0, (batch, 1, frames)),
            "prior": (prior, (batch, 1, self.prior_length(frames))),
        }
        for name, (value, shape) in expected.items():
            if value is not None and tuple(value.shape) != shape:
                raise ValueError(f"{name} of shape {list(value.shape)}: expected {list(shape)}")


def _repeat_last(x: Tensor) -> Tensor:
    return torch.cat([x, x[..., -1:]], dim=-1)


class BaseGenerator(WaveGenerator):
    """Base of Wavehax and MS-Wavehax: the network between the prior's spectra and the output's."""

    def __init__(
        self, config: GeneratorConfig, log_floor: float, in_channels: int, out_channels: int
    ) -> None:
        super().__init__(config, log_floor)
        self.stft = STFT(config.n_fft, config.stream_hop)
        self.input_proj = nn.Linear(in_channels, config.channels, bias=False)
        self.input_norm = NORM_LAYERS[config.outer_norm](config.channels)
        self.blocks = nn.ModuleList(ConvNeXtBlock(config) for _ in range(config.num_blocks))
        self.output_norm = NORM_LAYERS[config.outer_norm](config.channels)
        self.output_proj = nn.Linear(config.channels, out_channels)

    def refine(self, x: Tensor) -> Tensor:
        """Map [B, F, T, in_channels] to [B, F, T, out_channels] (docs/design.md#network)."""
        x = self.input_norm(self.input_proj(x))
        for block in self.blocks:
            x = block(x)
        return self.output_proj(self.output_norm(x))


class Generator(BaseGenerator):
    """Wavehax with one stream, in all its variants: one STFT, two channels out."""

    def __init__(self, config: GeneratorConfig, log_floor: float = 0.0) -> None:
        super().__init__(config, log_floor, in_channels=config.planes, out_channels=2)
        if config.has_prior_proj:
            self.prior_proj = Projection(config.num_bins, config.num_bins, config)
        self.cond_proj = Projection(config.n_mels, config.num_bins, config)
        self.apply(init_weights)
        if config.output == "excitation":
            self.env_proj = nn.Conv1d(config.n_mels, config.num_bins, 1)
            window_gain = float(self.stft.window.square().sum().sqrt())
            self.prior_gain = PRIOR_RMS[config.prior] * window_gain
            for parameter in self.env_proj.parameters():
                nn.init.zeros_(parameter)  # a flat envelope, until initialize_envelope
            # At first the network changes the prior hardly at all.
            nn.init.trunc_normal_(self.output_proj.weight, std=1e-3)

    def synthesise(self, mel: Tensor, prior: Tensor) -> Tensor:
        re, im = self.stft(prior[:, 0])  # [B, F, T] each
        if self.config.output == "excitation":
            re, im = re / self.prior_gain, im / self.prior_gain
            d_re, d_im = self._refine_spectrum(re, im, mel)
            # In bfloat16 the exponential would make the envelope wrong by percents.
            with torch.autocast(mel.device.type, enabled=False):
                envelope = torch.exp(self.env_proj(mel.to(self.env_proj.weight.dtype)))
            envelope = envelope.masked_fill(self._silent(mel), 0)
            re, im = envelope * (re + d_re), envelope * (im + d_im)
        elif self.config.use_logmag_phase:
            log_magnitude = 0.5 * torch.log((re**2 + im**2).clamp(min=MIN_POWER))
            # The FFT may turn a silent frame into -0. Adding 0 makes its phase 0 instead of pi.
            phase = torch.atan2(im, re + 0.0)
            log_magnitude, phase = self._refine_spectrum(log_magnitude, phase, mel)
            magnitude = torch.exp(log_magnitude.clamp(max=math.log(MAX_MAGNITUDE)))
            re, im = magnitude * torch.cos(phase), magnitude * torch.sin(phase)
        else:
            re, im = self._refine_spectrum(re, im, mel)
        return self.stft.inverse(re, im).unsqueeze(1)

    def _refine_spectrum(self, a: Tensor, b: Tensor, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Refine two channels [B, F, T] of the prior's spectrum, given the normalised mel."""
        projected = [self.prior_proj(a), self.prior_proj(b)] if self.config.has_prior_proj else []
        planes = [a, b, *projected, self.cond_proj(mel)]
        refined = self.refine(torch.stack(planes, dim=-1))  # [B, F, T, planes] -> [B, F, T, 2]
        if refined.dtype == torch.bfloat16:  # under autocast; the inverse STFT cannot take it
            refined = refined.float()
        return refined[..., 0], refined[..., 1]

    def _silent(self, mel: Tensor) -> Tensor:
        """Whether all bands of a frame are at the floor, [B, 1, T]; such frames stay silent.

        `mel` [B, n_mels, T] is normalised.
        """
        silence = (self.mel_floor + FLOOR_TOLERANCE - self.mel_mean) / self.mel_scale
        return (mel <= silence[:, None]).all(dim=1, keepdim=True)

    @torch.no_grad()
    def initialize_envelope(self, features: FeatureConfig) -> None:
        """Set `env_proj` to the envelope that a mel defined by `features` describes.

        It uses the mean and scale of the mel: call `set_normalization` before.

        Raises:
            ValueError: the model has no envelope, or `features` has other bands or another sample
                rate.
        """
        if self.config.output != "excitation":
            raise ValueError(
                f"output={self.config.output!r}: only an 'excitation' model has an envelope"
            )
        weight, bias = (
            torch.as_tensor(x, dtype=torch.float32, device=self.mel_mean.device)
            for x in envelope_weights(self.config, features)
        )
        normalised = {
            "weight": (weight * self.mel_scale).unsqueeze(-1),
            "bias": bias + weight @ self.mel_mean,
        }
        self.env_proj.load_state_dict(normalised)

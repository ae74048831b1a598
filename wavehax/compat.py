"""Our models under the interface of Vocos (Siuzdak, arXiv 2306.00814). Needs PyTorch.

For code that calls Vocos today. The mel is Vocos' own, the preset `vocos-24k`. Unlike Vocos, the
network runs on the CPU, whatever device the tensors are on, and no gradient flows through it.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from wavehax.config import FEATURES, FeatureConfig
from wavehax.mel.features import log_mel
from wavehax.models.locate import is_repository
from wavehax.vocoder import Vocoder
from wavehax.voice.loading import load

_MEL = FEATURES["vocos-24k"]
_ENCODEC = (
    "models on EnCodec tokens are not offered, only models on mels: give a mel-spectrogram to"
    " decode()"
)
_THEIRS = {
    "charactr/vocos-mel-24khz": "holds Vocos' own weights: leave the name out for our model of the"
    " same mel",
    "charactr/vocos-encodec-24khz": _ENCODEC,
}


class Vocos(torch.nn.Module):
    """Takes the place of a `vocos.Vocos`.

    It has `decode`, `__call__`, `feature_extractor` and `from_pretrained`. A module without
    parameters: `eval()`, `to(device)` and the like are accepted, and change nothing.
    """

    def __init__(self, vocoder: Vocoder | None = None) -> None:
        """
        Args:
            vocoder: a model of the mel `vocos-24k` that predicts F0. None is the default model.

        Raises:
            ValueError: the model takes another mel, or needs F0, which Vocos is never given.
        """
        super().__init__()
        vocoder = load() if vocoder is None else vocoder
        if dataclasses.replace(vocoder.features, name=_MEL.name) != _MEL:
            raise ValueError(
                f"vocoder takes the mel {vocoder.features.name!r}: expected that of Vocos,"
                f" {_MEL.name!r}"
            )
        if not vocoder.predicts_f0:
            raise ValueError("vocoder needs F0 beside the mel: expected a model that predicts it")
        self.vocoder = vocoder
        self.feature_extractor = MelSpectrogramFeatures(vocoder.features)

    @classmethod
    def from_pretrained(
        cls, path_or_name: str | os.PathLike[str] | None = None, revision: str | None = None
    ) -> Vocos:
        """Load a model.

        Args:
            path_or_name: what `wavehax.load` takes; None is the default model.
            revision: branch, tag or commit of a repository of the Hugging Face hub.

        Returns:
            the model, ready for use.

        Raises:
            ValueError: as the constructor; or the name is that of Vocos' own weights; or
                `revision` is given and the name is not that of a repository.
            ModelError, ModuleNotFoundError: as `wavehax.load`.
        """
        if path_or_name in _THEIRS:
            raise ValueError(f"{path_or_name}: {_THEIRS[path_or_name]}")
        if revision is None:
            return cls(load(path_or_name))
        if not is_repository(path_or_name):
            raise ValueError(
                f"revision={revision!r} of {path_or_name!r}: expected owner/name, a repository of"
                " the hub"
            )
        return cls(load(f"{path_or_name}@{revision}"))

    def forward(
        self, audio_input: torch.Tensor, bandwidth_id: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Copy-synthesis: `decode` of the mel of a recording.

        Args:
            audio_input: floating [B, N] or [N] at 24 kHz, nominally in [-1, 1]; N >= 1.
            bandwidth_id: an argument of EnCodec models; refused.

        Returns:
            float32 [B, N // 256 * 256], or without B where `audio_input` has none, on its device.

        Raises:
            ValueError: as `decode`, or the audio is not such a tensor.
        """
        return self.decode(self.feature_extractor(audio_input), bandwidth_id)

    @torch.no_grad()
    def decode(
        self,
        features_input: torch.Tensor,
        bandwidth_id: torch.Tensor | None = None,
        *,
        lengths: Sequence[int] | torch.Tensor | None = None,
        threads: int = 1,
        force_definition: bool = False,
    ) -> torch.Tensor:
        """Synthesise waveforms from mels, with F0 predicted from each mel.

        Args:
            features_input: floating [B, 100, T] or [100, T], the log-mel `vocos-24k`, on any
                device; T >= 1.
            bandwidth_id: an argument of EnCodec models; refused.
            lengths: the frames of each mel where shorter ones are padded, [B], from 1 to T; None is
                T for all. Vocos itself has no such argument.
            threads: the most threads that share the mels; the samples do not depend on it.
            force_definition: take mels that look like those of another definition.

        Returns:
            float32 [B, (T - 1) * 256], or without B where `features_input` has none, on its
            device. The length is that of Vocos, whose frames are centred on the first sample of
            their hop. `Vocoder` also gives the hop that the last frame begins. With `lengths`,
            zeros are behind the (lengths[i] - 1) * 256 samples of mel i.

        Raises:
            ValueError: not such a tensor, a value that is not finite, a mel that is clearly one of
                another definition, `lengths` does not fit, or `bandwidth_id` is given.
        """
        if bandwidth_id is not None:
            raise ValueError(f"bandwidth_id={bandwidth_id}: {_ENCODEC}")
        _check("features_input", features_input, (2, 3), "[B, 100, T] or [100, T]")
        hop = self.vocoder.hop_length
        options: dict[str, Any] = {"threads": threads, "force_definition": force_definition}
        waves = self.vocoder(features_input, lengths=lengths, **options)
        waves = waves[..., : waves.shape[-1] - hop]
        if lengths is not None:
            for wave, length in zip(waves, lengths, strict=True):
                wave[(int(length) - 1) * hop :] = 0
        return torch.from_numpy(waves).to(features_input.device)

    def decode_list(
        self, mels: Iterable[torch.Tensor], *, threads: int = 1, force_definition: bool = False
    ) -> list[torch.Tensor]:
        """`decode` of mels of any lengths, each without padding.

        Vocos itself has no such method.

        Args:
            mels: floating [100, T] each, on any device; T >= 1.
            threads: the most threads that work at once; the samples do not depend on it.
            force_definition: as in `decode`.

        Returns:
            float32 [(T - 1) * 256] for each mel, on its device.

        Raises:
            ValueError: as `decode`, for one mel, which the message names by its index.
        """
        mels = list(mels)
        for index, mel in enumerate(mels):
            _check(f"mels[{index}]", mel, (2,), "[100, T]")
        waves = self.vocoder.batch(mels, threads=threads, force_definition=force_definition)
        hop = self.vocoder.hop_length
        return [
            torch.from_numpy(wave[: len(wave) - hop]).to(mel.device)
            for wave, mel in zip(waves, mels, strict=True)
        ]

    def codes_to_features(self, codes: torch.Tensor) -> torch.Tensor:
        """Raises ValueError: there are no models on EnCodec tokens here."""
        raise ValueError(_ENCODEC)


class MelSpectrogramFeatures(torch.nn.Module):
    """Vocos' feature extractor: recordings to log-mels."""

    def __init__(self, features: FeatureConfig) -> None:
        super().__init__()
        self.features = features

    @torch.no_grad()
    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        """The log-mel of recordings at 24 kHz.

        Args:
            audio: floating [B, N] or [N], nominally in [-1, 1].

        Returns:
            float32 [B, 100, N // 256 + 1], or without B where `audio` has none, on its device.

        Raises:
            ValueError: not such a tensor, or a sample that is not finite.
        """
        _check("audio", audio, (1, 2), "[B, N] or [N]")
        recordings = audio.detach().to("cpu", torch.float32).numpy()
        mels = [
            log_mel(recording, self.features)
            for recording in recordings.reshape(-1, recordings.shape[-1])
        ]
        return _as_tensor(mels, audio, audio.dim() == 2)


def _check(name: str, tensor: torch.Tensor, dims: tuple[int, ...], expected: str) -> None:
    if not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point():
        kind = tensor.dtype if isinstance(tensor, torch.Tensor) else type(tensor).__name__
        raise ValueError(f"{name} is of type {kind}: expected a floating point tensor {expected}")
    if tensor.dim() not in dims or 0 in tensor.shape:
        raise ValueError(f"{name} has shape {list(tensor.shape)}: expected {expected}")


def _as_tensor(results: list[np.ndarray], like: torch.Tensor, batched: bool) -> torch.Tensor:
    """Stacks the results of a batch, or takes the only one, on the device of `like`."""
    return torch.from_numpy(np.stack(results) if batched else results[0]).to(like.device)

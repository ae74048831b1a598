"""Vocoder: checked inputs over the engine, which does the arithmetic and releases the GIL."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from wavehax import _engine
from wavehax.checkpoint import Model, load_model
from wavehax.checks import (
    MIN_F0,
    checked_f0,
    checked_mel,
    checked_prior,
    checked_scale,
    checked_seed,
    checked_threads,
)
from wavehax.config import FeatureConfig, GeneratorConfig, to_dict
from wavehax.mel.harmonics import flatten_harmonics
from wavehax.models.locate import model_path
from wavehax.stream import Stream

__all__ = [
    "PRECISIONS",
    "Stream",
    "Vocoder",
    "available_isas",
    "available_precisions",
    "load",
    "model_path",
]

PRECISIONS = ("fp32", "bf16", "mixed")
"""Slowest first; what each rounds is said in `load`. Sums are always float32."""

_MAX_F0 = float(np.finfo(np.float32).max)


def load(
    path_or_name: str | os.PathLike[str] | None = None,
    *,
    isa: str = "auto",
    precision: str = "fp32",
) -> Vocoder:
    """Load a model.

    Args:
        path_or_name: a file; a folder with a model.safetensors; the name of a shipped model; or
            "owner/name" of a repository of the Hugging Face hub with that file, perhaps pinned:
            "owner/name@revision". What exists here is never looked for there. None takes the
            shipped default.
        isa: instruction set, "auto" or one of `available_isas()`; WAVEHAX_ISA in the environment
            replaces "auto".
        precision: "fp32"; "bf16", which rounds the weights of the projections (most of a model) and
            nothing else, and makes streams of few frames faster; "mixed", which rounds weights and
            inputs of all large products and needs a processor with matrix tiles (AMX); or "auto",
            the fastest of `available_precisions(isa)`.

    Raises:
        ModelError: no such model, or not exactly as its configuration describes it.
        ModuleNotFoundError: it would come from the hub, and huggingface_hub (extra `hub`) is not
            installed.
        ValueError: `isa` or `precision` is unknown, or this machine does not have it.
    """
    return Vocoder(load_model(model_path(path_or_name)), isa=isa, precision=precision)


def available_isas() -> list[str]:
    """Instruction sets that this machine can run, fastest first."""
    return _engine.available_isas()


def available_precisions(isa: str = "auto") -> list[str]:
    """Those of PRECISIONS that this machine can run with an instruction set."""
    return _engine.available_precisions(isa)


class Vocoder:
    """A loaded model. Immutable: any number of threads may call it at once, and make streams of
    it."""

    def __init__(self, model: Model, *, isa: str = "auto", precision: str = "fp32") -> None:
        if precision not in ("auto", *PRECISIONS):
            raise ValueError(
                f"precision={precision!r}: expected one of auto, {', '.join(PRECISIONS)}"
            )
        self.config: GeneratorConfig = model.generator
        self.features: FeatureConfig = model.features
        self.provenance: dict[str, Any] = model.provenance
        floor = model.features.log_floor
        self._engine = _engine.Engine(
            to_dict(model.generator), model.weights, isa, precision, floor
        )
        self._f0_predictor: Any = None
        if model.f0 is not None:
            config, n_mels = model.f0.config, model.features.n_mels
            self._f0_predictor = _engine.F0Predictor(
                n_mels, to_dict(config), model.f0.weights, isa, floor
            )
            self._f0_range = config.f0_min, config.f0_max

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.config.sample_rate

    @property
    def hop_length(self) -> int:
        """Samples of output for every frame."""
        return self.config.hop_length

    @property
    def isa(self) -> str:
        """The instruction set in use."""
        return self._engine.isa

    @property
    def precision(self) -> str:
        """The precision in use, one of PRECISIONS."""
        return self._engine.precision

    @property
    def predicts_f0(self) -> bool:
        """Whether the mel is enough: the model file holds a predictor of F0."""
        return self._f0_predictor is not None

    def __call__(
        self,
        mel: np.ndarray,
        f0: np.ndarray | None = None,
        *,
        f0_scale: float = 1.0,
        seed: int = 0,
        prior: np.ndarray | None = None,
        threads: int = 1,
    ) -> np.ndarray:
        """Synthesise a whole utterance.

        Args:
            mel: floating [n_mels, T], the log-mel-spectrogram that `features` defines; T >= 1.
                float32 of any strides is read in place. A finite value below the floor of the
                definition counts as the floor.
            f0: [T] in Hz, at least 1, or 0 where unvoiced; None: predicted from the mel, where the
                model can.
            f0_scale: F0 is multiplied by it, more than 0; unless it is 1, the mel loses the
                harmonics that it shows.
            seed: of the prior's noise and initial phase, 0 <= seed < 2**64; the same seed gives the
                same bits.
            prior: a waveform in place of the prior that `f0` describes: [T * hop_length], or where
                the model's frame_alignment is "centre" [(T + 1) * hop_length], from half a hop
                before to half a hop after.
            threads: at most so many share the utterance, each at least a second or so of it; the
                samples are the same. With norm `utterance` they share the blocks, most of the work.

        Returns:
            float32 [T * hop_length], nominally in [-1, 1].

        Raises:
            ValueError: a shape, type or value other than these; the message names the argument and
                the index.
        """
        mel, f0 = self.check(mel, f0, f0_scale)
        if prior is not None:
            hops = mel.shape[1] + (self.config.frame_alignment == "centre")
            prior = checked_prior(prior, hops * self.hop_length)
        return self._engine.vocode(mel, f0, checked_seed(seed), prior, checked_threads(threads))

    def prior(self, f0: np.ndarray) -> np.ndarray:
        """The prior's harmonics alone, from phase 0 on: what `__call__` takes as `prior`, without
        the noise.

        Args:
            f0: [T], as `__call__`.

        Returns:
            float32, as long as `__call__` wants it.

        Raises:
            ValueError: as `__call__`.
        """
        return self._engine.prior(checked_f0(f0, None), 0, noise=False)

    def f0(self, mel: np.ndarray) -> np.ndarray:
        """The F0 that the model predicts from a mel [n_mels, T]: float32 [T] in Hz, 0 where
        unvoiced.

        Raises:
            ValueError: as `__call__`, or the model does not predict F0.
        """
        mel = self._checked_whole_mel(mel)
        return self._f0_stream(1.0).push(mel)

    def check(
        self, mel: np.ndarray, f0: np.ndarray | None, f0_scale: float = 1.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """The inputs of a whole utterance as float32, F0 predicted and scaled as need be; errors as
        `__call__`."""
        mel, f0_scale = self._checked_whole_mel(mel), checked_scale(f0_scale)
        f0 = self._f0_stream(f0_scale).push(mel) if f0 is None else f0
        return self._scaled(mel, f0, f0_scale)

    def _scaled(
        self, mel: np.ndarray, f0: np.ndarray, f0_scale: float, first: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Checked F0 times `f0_scale`; where that is not 1, the mel without the harmonics of its
        own pitch."""
        scaled = checked_f0(f0, mel.shape[1], first, f0_scale)
        if f0_scale != 1:
            mel = flatten_harmonics(mel, np.asarray(f0), self.features)
        return mel, scaled

    def _f0_stream(self, f0_scale: float) -> Any:
        """The engine's predictor at the start of a voice, whose F0 can be multiplied by
        `f0_scale`."""
        if self._f0_predictor is None:
            raise ValueError(
                "f0 is missing, and this model does not estimate it from the mel: give it (--f0),"
                " or measure it on the"
                " recording with wavehax.features.f0_from_audio, which needs pip install"
                " 'wavehax[f0]'"
            )
        low, high = self._f0_range
        if not MIN_F0 <= f0_scale * low <= f0_scale * high < _MAX_F0:
            raise ValueError(
                f"f0_scale={f0_scale:g}: out of range for the F0 of this model, {low:g} to"
                f" {high:g} Hz"
            )
        return self._f0_predictor.stream()

    def _checked_whole_mel(self, mel: np.ndarray) -> np.ndarray:
        mel = checked_mel(mel, self.features)
        if mel.shape[1] == 0:
            raise ValueError("mel is empty: expected at least one frame")
        return mel

    def stream(self, seed: int = 0, *, f0_scale: float = 1.0) -> Stream:
        """Begin a voice that takes frames as they come.

        Args:
            seed: as in `__call__`.
            f0_scale: as in `__call__`.

        Raises:
            ValueError: the model cannot be computed frame by frame.
        """
        if not self.config.streamable:
            raise ValueError(
                "this model cannot stream: its norm takes mean and variance over the whole"
                " utterance"
                " (norm 'utterance'); expected a model with norm 'frame' or 'batch'"
            )
        return Stream(self, checked_seed(seed), checked_scale(f0_scale))

"""Vocoder: checks inputs and hands them to the engine, which computes without holding the GIL."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from wavehax import _engine
from wavehax.checkpoint import Model
from wavehax.checks import (
    as_array,
    checked_f0,
    checked_formant_scale,
    checked_prior,
    checked_scale,
    checked_seed,
    checked_threads,
)
from wavehax.config import FeatureConfig, GeneratorConfig, to_dict
from wavehax.voice.inputs import Inputs
from wavehax.voice.stream import Stream
from wavehax.voice.utterances import vocode_list, vocode_padded

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

PRECISIONS = ("fp32", "bf16", "mixed")
"""Precisions; each rounds more than the one before. `load` says what; sums are float32 in all."""


class Vocoder:
    """A loaded model; `wavehax.load` makes it.

    It never changes: any number of threads may call it at once, and make streams of it.

    Attributes:
        config: the shape of the generator.
        features: the definition of the mel that the model takes.
        provenance: what the model file says of its origin, as JSON: licence, data, scores.
    """

    def __init__(self, model: Model, *, isa: str = "auto", precision: str = "fp32") -> None:
        if precision not in ("auto", *PRECISIONS):
            raise ValueError(
                f"precision={precision!r}: expected one of auto, {', '.join(PRECISIONS)}"
            )
        self.config: GeneratorConfig = model.generator
        self.features: FeatureConfig = model.features
        self.provenance: dict[str, Any] = model.provenance
        floor = model.features.magnitude_floor
        self._engine = _engine.Engine(
            to_dict(model.generator), model.weights, isa, precision, floor
        )
        self._inputs = Inputs(model, isa)

    @property
    def sample_rate(self) -> int:
        """Samples a second of the output, Hz."""
        return self.config.sample_rate

    @property
    def hop_length(self) -> int:
        """Samples of output for each frame of mel."""
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
    def f0_range(self) -> tuple[float, float] | None:
        """Lowest and highest F0 that the model is made for, Hz; None where it does not say.

        It is `f0_range` of the provenance, a list of both, or else that of the predictor.
        """
        return self._inputs.f0_range

    @property
    def predicts_f0(self) -> bool:
        """Whether the mel is enough, because the model file holds a predictor of F0."""
        return self._inputs.predictor is not None

    def __call__(
        self,
        mel: ArrayLike,
        f0: ArrayLike | None = None,
        *,
        f0_scale: float = 1.0,
        formant_scale: float = 1.0,
        seed: int = 0,
        prior: ArrayLike | None = None,
        threads: int = 1,
        lengths: ArrayLike | None = None,
        force_definition: bool = False,
    ) -> np.ndarray:
        """Synthesise a whole utterance, or several that are padded to one length.

        Every array may also be a PyTorch tensor, on any device.

        Args:
            mel: floating [n_mels, T], the log-mel-spectrogram that `features` defines; T >= 1.
                float32 of any strides is read in place. A finite value below the floor of the
                definition counts as the floor.
            f0: [T] in Hz, at least 1, or 0 where unvoiced. With one frame more or less than the
                mel the last is dropped or held, and a warning says so. None lets the model predict
                it from the mel, which some models can.
            f0_scale: a factor of F0, more than 0. Unless it is 1, the harmonics that the mel shows
                are smoothed away, as they are those of the F0 before scaling.
            formant_scale: a factor of the frequencies of formants, 0.5 to 2. Less than 1 makes a
                voice sound larger and more than 1 smaller, at the same pitch. Unless it is 1, the
                harmonics that the mel shows are smoothed away, as they would move too.
            seed: determines the noise and the initial phase of the prior, 0 <= seed < 2**64. The
                same seed gives the same bits.
            prior: floating, a waveform in place of the prior that `f0` describes. It has
                T * hop_length samples. Where the model's frame_alignment is "centre" it has
                (T + 1) * hop_length, from half a hop before the output to half a hop after.
            threads: the most threads that share the work, at least 1; the samples do not depend on
                it. Each takes about a second of the utterance or more, so short ones use fewer.
                With norm `utterance`, which needs the whole, they share the work of each block.
            lengths: makes sense with a mel of several utterances, [B, n_mels, T], whose `f0` is
                [B, T]. It has the frames of each, [B], from 1 to T; what lies behind is not read.
                None is T for all. Seed and threads are then as in `batch`, and there is no `prior`.
            force_definition: take a mel that is clearly one of another preset. A mel with levels
                that no speech has by the definition gives a warning unless this is set.

        Returns:
            float32 [T * hop_length], nominally in [-1, 1]; or [B, T * hop_length], with zeros
            behind each utterance.

        Raises:
            ValueError: an argument has another shape, type or value than these, or `f0` is None and
                the model cannot predict it; the message names the argument and the index. F0 that
                is logarithms, or another unit by what the model predicts, is refused too, and a mel
                that is clearly one of another preset.
        """
        mel = as_array(mel)
        scales = {"f0_scale": f0_scale, "formant_scale": formant_scale}
        if mel.ndim == 3 and prior is None:
            options = {**scales, "seed": seed, "threads": threads}
            return vocode_padded(
                self, mel, f0, lengths, **options, force_definition=force_definition
            )
        if lengths is not None:
            raise ValueError(
                f"lengths is given and mel has shape {list(mel.shape)}: expected [B,"
                f" {self.features.n_mels}, T] and no prior"
            )
        mel, f0 = self.prepare(mel, f0, **scales, force_definition=force_definition)
        if prior is not None:
            hops = mel.shape[1] + (self.config.frame_alignment == "centre")
            prior = checked_prior(prior, hops * self.hop_length)
        return self._engine.vocode(mel, f0, checked_seed(seed), prior, checked_threads(threads))

    def batch(
        self,
        mels: Iterable[ArrayLike],
        f0s: Iterable[ArrayLike | None] | None = None,
        *,
        f0_scale: float = 1.0,
        formant_scale: float = 1.0,
        seed: int = 0,
        threads: int = 1,
        force_definition: bool = False,
    ) -> list[np.ndarray]:
        """Synthesise utterances of any lengths; each is bit for bit what `__call__` gives for it.

        Args:
            mels: the mel of each utterance, as in `__call__`.
            f0s: the F0 of each utterance, as in `__call__`. None lets the model predict it for all.
            f0_scale, formant_scale: as in `__call__`.
            seed: as in `__call__`. Each utterance gets this same seed, so that its samples do not
                depend on its place among the others.
            threads: the most threads that work at once, at least 1. Each takes one utterance after
                the other; where there are more threads than utterances, they share these.
            force_definition: as in `__call__`.

        Returns:
            float32 [T * hop_length] for each utterance, in order.

        Raises:
            ValueError: as `__call__`, for one utterance, which the message names by its index;
                nothing is synthesised before all inputs are checked.
        """
        prepare = partial(
            self.prepare,
            f0_scale=checked_scale(f0_scale),
            formant_scale=checked_formant_scale(formant_scale),
            force_definition=force_definition,
        )
        synthesise = partial(self.synthesise, seed=checked_seed(seed))
        return vocode_list(mels, f0s, prepare, synthesise, checked_threads(threads))

    def prior(self, f0: ArrayLike) -> np.ndarray:
        """The prior's harmonics without its noise, from phase 0 on.

        Args:
            f0: [T] in Hz, at least 1, or 0 where unvoiced.

        Returns:
            float32 [T * hop_length], or [(T + 1) * hop_length] where the model's frame_alignment is
            "centre"; `__call__` takes it as `prior`.

        Raises:
            ValueError: `f0` has another shape, type or value; the message names the frame.
        """
        return self._engine.prior(checked_f0(f0, None), 0, noise=False)

    def f0(self, mel: ArrayLike) -> np.ndarray:
        """Predict F0 from a mel.

        Args:
            mel: floating [n_mels, T], as in `__call__`.

        Returns:
            float32 [T] in Hz, 0 where unvoiced.

        Raises:
            ValueError: `mel` is not as in `__call__`, or the model does not predict F0.
        """
        return self._inputs.predicted_f0(mel)

    def prepare(
        self,
        mel: ArrayLike,
        f0: ArrayLike | None,
        f0_scale: float = 1.0,
        formant_scale: float = 1.0,
        *,
        force_definition: bool = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Make the inputs of a whole utterance what the engine takes: checked, with F0, scaled.

        Arguments and errors are those of `__call__`.

        Returns:
            the natural mel [n_mels, T] (`wavehax.config.written`), without harmonics where F0 or
            formants are scaled, and F0 [T] in Hz, both float32. `synthesise` takes them, not
            `__call__`, which expects the mel as `features` says.
        """
        return self._inputs.prepare(mel, f0, f0_scale, formant_scale, force_definition)

    def synthesise(
        self, mel: np.ndarray, f0: np.ndarray, *, seed: int = 0, threads: int = 1
    ) -> np.ndarray:
        """Synthesise what `prepare` returned; the rest is as in `__call__`."""
        return self._engine.vocode(mel, f0, checked_seed(seed), None, checked_threads(threads))

    def stream(self, seed: int = 0, *, f0_scale: float = 1.0, formant_scale: float = 1.0) -> Stream:
        """Begin a voice that takes frames as they come.

        Args:
            seed: as in `__call__`.
            f0_scale: as in `__call__`.
            formant_scale: as in `__call__`.

        Returns:
            the voice; it takes frames with `push`.

        Raises:
            ValueError: an argument is out of range, or the model cannot be computed frame by frame
                because its norm needs the whole utterance.
        """
        if not self.config.streamable:
            raise ValueError(
                "this model cannot stream: its norm takes mean and variance over the whole"
                " utterance (norm 'utterance'); expected a model with norm 'frame' or 'batch'"
            )
        scales = checked_scale(f0_scale), checked_formant_scale(formant_scale)
        return Stream(self, checked_seed(seed), *scales)

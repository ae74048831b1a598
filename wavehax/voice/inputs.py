"""Inputs of a model: mels and F0 checked, F0 predicted, both scaled."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from wavehax import _engine
from wavehax.checkpoint import Model
from wavehax.checks import (
    MIN_F0,
    as_array,
    checked_f0,
    checked_formant_scale,
    checked_mel,
    checked_scale,
    fitted_f0,
)
from wavehax.config import to_dict
from wavehax.errors import warn
from wavehax.mel import plausible_f0
from wavehax.mel.formants import move_formants
from wavehax.mel.harmonics import flatten_harmonics
from wavehax.mel.plausible_mel import Finding, check_definition, finding

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_BOUNDS = [[low, high] for low in (int, float) for high in (int, float)]  # types of a range
# Frames of predicted F0 beyond the range that are more than errors of the prediction: so many, and
# this share of the voiced ones. A semitone moves a frame of 41 % of the recordings of dev, unseen
# and singing beyond the range of vocos-24k, and a twentieth of the frames of none.
_LEAST_BEYOND, _MOST_WRONG = 10, 0.05
_MAX_F0 = float(np.finfo(np.float32).max)


class F0Range:
    """Warns of F0 beyond the range that a model is made for, once in an utterance.

    Of given F0, each frame counts. A prediction is in the range, but where it is wrong it is often
    at an end, which any scale moves beyond it. So predicted F0 must be beyond in more frames.

    Args:
        bounds: lowest and highest F0, Hz; None where the model does not say.
        f0_scale: the factor that F0 has.
        predicted: whether F0 is predicted.
    """

    def __init__(
        self, bounds: tuple[float, float] | None, f0_scale: float, predicted: bool
    ) -> None:
        self._bounds = bounds
        self._scale = f0_scale
        self._least, self._share = (_LEAST_BEYOND, _MOST_WRONG) if predicted else (1, 0.0)
        self._voiced = self._beyond = 0
        self._first: tuple[int, float] | None = None  # frame beyond, and its F0

    def look(self, f0: np.ndarray, first: int = 0) -> None:
        """Look at the next frames, [n] in Hz with their scale, of which the first is `first`."""
        if self._bounds is None:
            return
        low, high = self._bounds
        voiced = f0 > 0
        beyond = np.flatnonzero(voiced & ((f0 < low) | (f0 > high)))
        if beyond.size and self._first is None:
            self._first = first + int(beyond[0]), float(f0[beyond[0]])
        self._voiced += int(np.count_nonzero(voiced))
        self._beyond += beyond.size
        enough = max(self._least, self._share * self._voiced)
        if self._first is not None and self._beyond >= enough:
            frame, value = self._first
            scaled = "" if self._scale == 1 else f" with f0_scale={self._scale:g}"
            warn(
                f"f0 is {value:g} Hz in frame {frame}{scaled}: this model is made for {low:g} to"
                f" {high:g} Hz"
            )
            self._bounds = None


class Inputs:
    """Makes what callers of a `Vocoder` give into what its engine takes.

    Attributes:
        predictor: the engine's predictor of F0, which many threads may use; None where the model
            has none.
        f0_range: lowest and highest F0 that the model is made for, Hz; None where it does not say.
    """

    def __init__(self, model: Model, isa: str) -> None:
        self.features = model.features
        # The mean and deviation of the mel that the model learned from.
        self._mel_statistics = model.weights["mel_mean"], model.weights["mel_scale"]
        self.predictor: Any = None
        if model.f0 is not None:
            config, features = model.f0.config, model.features
            self.predictor = _engine.F0Predictor(
                features.n_mels, to_dict(config), model.f0.weights, isa, features.magnitude_floor
            )
            self._predicted_range = config.f0_min, config.f0_max
        self.f0_range = self._stated_range(model.provenance)

    def _stated_range(self, provenance: dict[str, Any]) -> tuple[float, float] | None:
        """`f0_range` of the provenance, a list of both bounds, or else that of the predictor."""
        stated = provenance.get("f0_range")
        if isinstance(stated, list) and [type(bound) for bound in stated] in _BOUNDS:
            return float(stated[0]), float(stated[1])
        return None if self.predictor is None else self._predicted_range

    def prepare(
        self,
        mel: ArrayLike,
        f0: ArrayLike | None,
        f0_scale: float,
        formant_scale: float,
        force_definition: bool,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Prepare a whole utterance; `Vocoder.prepare` describes it."""
        mel, f0_scale = self.whole_mel(mel), checked_scale(f0_scale)
        if not force_definition:
            check_definition(self.finding(mel), self.features)
        formant_scale = checked_formant_scale(formant_scale)
        used = self.prediction(f0_scale).push(mel) if f0 is None else fitted_f0(f0, mel.shape[1])
        plain, scaled = self.scaled(mel, used, f0_scale, formant_scale)
        if f0 is not None:
            self._question(mel, as_array(used))
        self.range_of(f0_scale, predicted=f0 is None).look(scaled)
        return plain, scaled

    def finding(self, mel: np.ndarray) -> Finding | None:
        """What a natural mel [n_mels, T] seems to be, where it seems to be none of this model."""
        return finding(mel, self.features, *self._mel_statistics)

    def _question(self, mel: np.ndarray, given: np.ndarray) -> None:
        """Refuse F0 in another unit; warn of F0 at another time."""
        head = slice(plausible_f0.FRAMES)
        predict = None
        if self.predictor is not None:
            predict = partial(self.predictor.stream().push, mel[:, head])
        plausible_f0.question(given[head], predict)

    def range_of(self, f0_scale: float, *, predicted: bool) -> F0Range:
        """What warns of the F0 of one utterance, given or predicted, beyond the model's range."""
        return F0Range(self.f0_range, f0_scale, predicted)

    def predicted_f0(self, mel: ArrayLike) -> np.ndarray:
        """F0 [T] in Hz of a whole utterance; `Vocoder.f0` describes it."""
        return self.prediction(1.0).push(self.whole_mel(mel))

    def whole_mel(self, mel: ArrayLike) -> np.ndarray:
        """The natural mel, float32 [n_mels, T], of a whole utterance.

        Raises:
            ValueError: `mel` has no frames, or is none of this model (`checked_mel`).
        """
        checked = checked_mel(mel, self.features)
        if checked.shape[1] == 0:
            raise ValueError("mel is empty: expected at least one frame")
        return checked

    def prediction(self, f0_scale: float) -> Any:
        """The engine's predictor for one voice.

        Raises:
            ValueError: there is none, or its F0 times `f0_scale` would be out of range.
        """
        if self.predictor is None:
            raise ValueError(
                "f0 is missing, and this model does not estimate it from the mel: give it (--f0),"
                " or measure it on the recording with wavehax.features.f0_from_audio, which needs"
                " pip install 'wavehax[f0]'"
            )
        low, high = self._predicted_range
        if not MIN_F0 <= f0_scale * low <= f0_scale * high < _MAX_F0:
            raise ValueError(
                f"f0_scale={f0_scale:g}: out of range for the F0 of this model, {low:g} to"
                f" {high:g} Hz"
            )
        return self.predictor.stream()

    def scaled(
        self,
        mel: np.ndarray,
        f0: ArrayLike,
        f0_scale: float,
        formant_scale: float,
        first: int = 0,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The mel with its formants scaled, and F0 checked and scaled.

        Unless both scales are 1, the mel is without harmonics. Messages count frames from `first`.
        """
        f0 = as_array(f0)
        checked = checked_f0(f0, mel.shape[1], first, f0_scale)
        if f0_scale != 1 or formant_scale != 1:
            mel = flatten_harmonics(mel, f0, self.features)
        if formant_scale != 1:
            mel = move_formants(mel, checked, formant_scale, self.features)
        return mel, checked

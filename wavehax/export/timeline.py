"""Defines the operations over time that the stages of an exported graph use.

`Whole` implements them for a graph of whole utterances and `Streaming` for a graph of a stream, so
that every stage is written once. The two differ in the values that a stage sees before and after
the frames it is given: an utterance is padded, and a stream keeps earlier values as state. Values
have a rate (values per frame) and, in a stream, a lag (`Lags`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wavehax.config import GeneratorConfig
from wavehax.export.graph import DType, Tensor, integers
from wavehax.export.lags import Lags

STATE, NEXT_STATE = "state.", "next_state."
"""Prefixes of the names of a stream's state, as inputs and as outputs."""


@dataclass(frozen=True)
class Reach:
    """The values that a convolution over time needs for one result."""

    before: int  # number of values before the result
    after: int  # number of values after it
    wait: int = 0  # values by which the result lags in a stream, at least `after`
    reflect: bool = False  # beyond its ends the utterance is mirrored; otherwise there are zeros


class Timeline(ABC):
    """The operations over time.

    Tensors are [B, *shape], and -1 in `shape` marks the axis of time.
    """

    streaming: bool
    lags: Lags

    def __init__(self, mel: Tensor, config: GeneratorConfig) -> None:
        self.mel, self.config = mel, config
        self.centred = config.frame_alignment == "centre"

    @abstractmethod
    def repeat_last(self, x: Tensor, name: str, shape: Sequence[int]) -> Tensor:
        """`x`, and once more its last frame if frames are centred (as in nn/generator.py)."""

    @abstractmethod
    def window(self, x: Tensor, name: str, shape: Sequence[int], reach: Reach) -> Tensor:
        """`x` made so much longer at its ends that a convolution of this reach keeps its length.

        A stream keeps the values before in a state called `name`.
        """

    @abstractmethod
    def keep(self, x: Tensor, shape: Sequence[int], lag: int, rate: int = 1) -> Tensor:
        """`x` with zeros where there is no frame."""

    @abstractmethod
    def mask(self, lag: int, rate: int = 1, history: int = 0) -> Tensor:
        """A mask [B or 1, history + T * rate]: 1 for values that belong to a frame, 0 elsewhere."""

    @abstractmethod
    def initial_phase(self) -> Tensor:
        """Phase [B] just before the first sample of this run, float64, in cycles."""

    @abstractmethod
    def set_phase(self, phase: Tensor) -> None:
        """Takes the phase [B] just after the last sample of this run."""

    def finish(self) -> None:  # noqa: B027 - not abstract: a whole utterance has no state
        """Declare the state that the next frames need as outputs."""


class Whole(Timeline):
    """All frames of an utterance at once.

    Its initial phase, in cycles, is an input unless it is given.
    """

    streaming = False
    lags = Lags()

    def __init__(self, mel: Tensor, config: GeneratorConfig, phase: float | None = None) -> None:
        super().__init__(mel, config)
        self._phase = phase

    def frames(self) -> Tensor:
        """The number of frames, int64 [1], with the one that centred frames repeat."""
        return self.mel.op("Shape", start=2) + int(self.centred)

    def repeat_last(self, x: Tensor, name: str, shape: Sequence[int]) -> Tensor:
        axis = _time_axis(shape)
        return x.op("Concat", x.slice(axis, -1), axis=axis) if self.centred else x

    def window(self, x: Tensor, name: str, shape: Sequence[int], reach: Reach) -> Tensor:
        if reach.before == reach.after == 0:
            return x
        axis = _time_axis(shape)
        if reach.reflect:
            return x.op("Gather", self._mirror(x, axis, reach), axis=axis)
        return x.op("Pad", integers(reach.before, reach.after), 0, integers(axis))

    def _mirror(self, x: Tensor, axis: int, reach: Reach) -> Tensor:
        """Indices of a mirrored axis, as `wavehax.nn.padding.reflect_index` gives them."""
        length = x.op("Shape", start=axis, end=axis + 1).op("Squeeze")
        period = ((length - 1) * 2).op("Max", 1)  # 1 for a single value: every index is then 0
        index = x.graph.op("Range", np.int64(-reach.before), length + reach.after, np.int64(1)).op(
            "Mod", period
        )
        return index.op("Min", period - index)

    def keep(self, x: Tensor, shape: Sequence[int], lag: int, rate: int = 1) -> Tensor:
        return x

    def mask(self, lag: int, rate: int = 1, history: int = 0) -> Tensor:
        shape = self.mel.graph.op("Concat", integers(1), self.frames() * rate, axis=0)
        return self.mel.graph.op("Expand", np.float32(1), shape)

    def initial_phase(self) -> Tensor:
        if self._phase is not None:
            return self.mel.graph.op("Identity", np.array([self._phase]))
        text = "phase before the first sample, in cycles, 0 to 1"
        return self.mel.graph.input("phase", ["batch"], text, np.float64)

    def set_phase(self, phase: Tensor) -> None:
        pass


class Streaming(Timeline):
    """Frames as they come.

    Earlier values that a window needs are state, which is zero when a voice begins. The input
    `mask` [B, T] is 1 for a frame of the utterance and 0 for one after its end. Zeros in the
    initial state of the mask say that the utterance has not begun.
    """

    streaming = True

    def __init__(self, mel: Tensor, config: GeneratorConfig) -> None:
        super().__init__(mel, config)
        self.lags = Lags.of_stream(config)
        self._states: list[tuple[str, Tensor, list[int | str]]] = []
        mask = mel.graph.input(
            "mask", ["batch", "frames"], "1: a frame of the utterance; 0: one after its end"
        )
        self._present = mask > 0
        if self.centred:
            mask = mask.op(
                "Max", self.window(mask, "last_mask", (-1,), Reach(1, 0)).slice(1, 0, -1)
            )
        # The largest lag in frames, and the frames that the window of the last transform spans.
        self._history = -(-self.lags.wave // config.hop_length) + -(
            -config.n_fft // config.stream_hop
        )
        self._mask = self.window(mask, "mask", (-1,), Reach(self._history, 0))

    def finish(self) -> None:
        for name, value, shape in self._states:
            self.mel.graph.output(
                NEXT_STATE + name, value, ["batch", *shape], "state after these frames"
            )

    def repeat_last(self, x: Tensor, name: str, shape: Sequence[int]) -> Tensor:
        if not self.centred:
            return x
        before = self.window(x, f"last_{name}", shape, Reach(1, 0)).slice(_time_axis(shape), 0, -1)
        return _over(self._present, shape).where(x, before)

    def window(self, x: Tensor, name: str, shape: Sequence[int], reach: Reach) -> Tensor:
        length = reach.before + reach.wait
        if length == 0:
            return x
        axis = _time_axis(shape)
        sizes: list[int | str] = [length if size == -1 else size for size in shape]
        longer = self._state(name, sizes, x.dtype).op("Concat", x, axis=axis)
        self._states.append((name, longer.slice(axis, -length), sizes))
        return longer.slice(axis, 0, reach.after - reach.wait or None)

    def keep(self, x: Tensor, shape: Sequence[int], lag: int, rate: int = 1) -> Tensor:
        return _over(self.mask(lag, rate) > 0, shape).where(x, 0)

    def mask(self, lag: int, rate: int = 1, history: int = 0) -> Tensor:
        mask = self._mask
        if rate > 1:
            mask = (mask.unsqueeze(2) * np.ones(rate, np.float32)).reshape(0, -1)
        return mask.slice(1, self._history * rate - lag - history, -lag or None)

    def initial_phase(self) -> Tensor:
        return self._state("phase", [], np.float64)

    def set_phase(self, phase: Tensor) -> None:
        self._states.append(("phase", phase, []))

    def _state(self, name: str, sizes: Sequence[int | str], dtype: DType) -> Tensor:
        return self.mel.graph.input(
            STATE + name, ["batch", *sizes], "zeros for a voice that begins", dtype
        )


def _time_axis(shape: Sequence[int]) -> int:
    return 1 + list(shape).index(-1)


def _over(mask: Tensor, shape: Sequence[int]) -> Tensor:
    """A mask [B, T] in a shape that broadcasts over [B, *shape]."""
    axes = [axis + 1 for axis, size in enumerate(shape) if size != -1]
    return mask.unsqueeze(*axes) if axes else mask

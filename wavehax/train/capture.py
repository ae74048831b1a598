"""Work of a training step as CUDA graphs: one launch, where the host would need longer for
thousands than they run."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

_EAGER_CALLS = 3  # until libraries have chosen their algorithms, and optimisers made their state


class Captured:
    """A function of tensors on one GPU that neither looks at their values nor changes what it does
    from call to call.

    Its first calls run as they are; then what it launches is captured, and replayed from there on.
    It may change tensors in place, gradients included, if nobody puts others in their place between
    calls.
    """

    def __init__(self, function: Callable[..., dict[str, Tensor] | None]) -> None:
        self.function, self.calls = function, 0
        self.graph = torch.cuda.CUDAGraph()
        self.stream = torch.cuda.Stream()  # both the eager calls and the captured one run on it

    def __call__(self, *inputs: Tensor) -> dict[str, Tensor] | None:
        """What the function returns, which the next call overwrites; `inputs` have the same shapes
        every time."""
        self.calls += 1
        if self.calls <= _EAGER_CALLS:
            return self._run(inputs)
        if self.calls == _EAGER_CALLS + 1:
            self._capture(inputs)
        for mine, given in zip(self.inputs, inputs, strict=True):
            mine.copy_(given)
        self.graph.replay()
        return self.results

    def _run(self, inputs: tuple[Tensor, ...]) -> dict[str, Tensor] | None:
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream), warnings.catch_warnings():
            # Of an optimiser that is made to be captured and is not yet.
            warnings.filterwarnings("ignore", "This instance was constructed with capturable=True")
            results = self.function(*inputs)
        torch.cuda.current_stream().wait_stream(self.stream)
        return results

    def _capture(self, inputs: tuple[Tensor, ...]) -> None:
        self.inputs = [x.clone() for x in inputs]
        # A thread that draws the next batch may take memory meanwhile.
        with torch.cuda.graph(self.graph, stream=self.stream, capture_error_mode="thread_local"):
            self.results = self.function(*self.inputs)

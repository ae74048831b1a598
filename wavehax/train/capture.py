"""Replays the work of a training step as CUDA graphs.

The host launches a graph at once. Launching its thousands of kernels one by one would take longer
than running them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

R = TypeVar("R")

_EAGER_CALLS = 3  # until libraries have chosen their algorithms, and optimisers made their state


class Captured(Generic[R]):
    """A function of tensors on one GPU, replayed as a graph.

    It must launch the same kernels at every call, and must not look at values of tensors. Its first
    calls run as they are. The next one captures the kernels that it launches, and all later ones
    replay them. The function may change tensors in place, gradients included, if nobody replaces
    those tensors between calls.
    """

    def __init__(self, function: Callable[..., R]) -> None:
        self.function, self.calls = function, 0
        self.graph = torch.cuda.CUDAGraph()
        self.stream = torch.cuda.Stream()  # both the eager calls and the captured one run on it

    def __call__(self, *inputs: Tensor) -> R:
        """Call the function; the next call overwrites what it returns.

        `inputs` have the same shapes every time.
        """
        self.calls += 1
        if self.calls <= _EAGER_CALLS:
            return self._run(inputs)
        if self.calls == _EAGER_CALLS + 1:
            self._capture(inputs)
        for mine, given in zip(self.inputs, inputs, strict=True):
            mine.copy_(given)
        self.graph.replay()
        return self.results

    def _run(self, inputs: tuple[Tensor, ...]) -> R:
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream), warnings.catch_warnings():
            # An optimiser made to be captured warns as long as it is not.
            warnings.filterwarnings("ignore", "This instance was constructed with capturable=True")
            results = self.function(*inputs)
        torch.cuda.current_stream().wait_stream(self.stream)
        return results

    def _capture(self, inputs: tuple[Tensor, ...]) -> None:
        self.inputs = [x.clone() for x in inputs]
        # In the mode "thread_local", the thread that draws the next batch may allocate meanwhile.
        with torch.cuda.graph(self.graph, stream=self.stream, capture_error_mode="thread_local"):
            self.results = self.function(*self.inputs)

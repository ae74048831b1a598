# Types of csrc/training/bindings.cpp, for wavehax.nn.cpu. Arrays are C-contiguous; the last
# ones are written to.
import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float32]

def depthwise_forward(
    x: _Floats,
    weight: _Floats,
    before: int,
    causal: bool,
    threads: int,
    out: _Floats,
    mean: _Floats,
    variance: _Floats,
    isa: str = "auto",
) -> None: ...
def depthwise_backward(
    x: _Floats,
    weight: _Floats,
    grad: _Floats,
    out: _Floats,
    offset: _Floats,
    slope: _Floats,
    grad_residual: _Floats,
    before: int,
    causal: bool,
    threads: int,
    grad_x: _Floats,
    grad_weight: _Floats,
    isa: str = "auto",
) -> None: ...
def mlp_forward(
    x: _Floats,
    w1: _Floats,
    b1: _Floats,
    w2: _Floats,
    b2: _Floats,
    residual: _Floats,
    threads: int,
    out: _Floats,
    isa: str = "auto",
) -> None: ...
def mlp_backward(
    x: _Floats,
    w1: _Floats,
    b1: _Floats,
    w2: _Floats,
    b2: _Floats,
    grad_out: _Floats,
    threads: int,
    grad_x: _Floats,
    grad_w1: _Floats,
    grad_b1: _Floats,
    grad_w2: _Floats,
    grad_b2: _Floats,
    isa: str = "auto",
) -> None: ...

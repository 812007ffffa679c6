from typing import Any

import numpy.typing

def isas() -> list[str]:
    """Instruction sets that this CPU can run, the best one last."""

def isa() -> str:
    """The instruction set in use."""

def set_isa(name: str) -> None:
    """Use this instruction set from now on."""

def lanes() -> int:
    """float32 elements in one vector."""

def num_threads() -> int:
    """Threads that kernels run on."""

def set_num_threads(n: int) -> None: ...
def measure_peak(kind: str, seconds: float) -> float:
    """
    The most that this machine does with all threads: GFLOP/s, or GB/s for 'memory'.
    """

def attention_forward(
    q: numpy.typing.NDArray[Any],
    k: numpy.typing.NDArray[Any],
    v: numpy.typing.NDArray[Any],
    scale: float,
    causal: bool,
    dropout: float,
    key: int,
) -> tuple[numpy.typing.NDArray[Any], numpy.typing.NDArray[Any]]: ...
def attention_backward(
    dy: numpy.typing.NDArray[Any],
    q: numpy.typing.NDArray[Any],
    k: numpy.typing.NDArray[Any],
    v: numpy.typing.NDArray[Any],
    y: numpy.typing.NDArray[Any],
    lse: numpy.typing.NDArray[Any],
    scale: float,
    causal: bool,
    dropout: float,
    key: int,
) -> tuple[numpy.typing.NDArray[Any], numpy.typing.NDArray[Any], numpy.typing.NDArray[Any]]: ...
def add(
    a: numpy.typing.NDArray[Any], b: numpy.typing.NDArray[Any]
) -> numpy.typing.NDArray[Any]: ...
def mul(
    a: numpy.typing.NDArray[Any], b: numpy.typing.NDArray[Any]
) -> numpy.typing.NDArray[Any]: ...
def cast(
    x: numpy.typing.NDArray[Any], dtype: numpy.typing.DTypeLike
) -> numpy.typing.NDArray[Any]: ...
def gelu_forward(x: numpy.typing.NDArray[Any], tanh: bool) -> numpy.typing.NDArray[Any]: ...
def gelu_backward(
    dy: numpy.typing.NDArray[Any], x: numpy.typing.NDArray[Any], tanh: bool
) -> numpy.typing.NDArray[Any]: ...
def relu_forward(x: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...
def relu_backward(
    dy: numpy.typing.NDArray[Any], y: numpy.typing.NDArray[Any]
) -> numpy.typing.NDArray[Any]: ...
def sigmoid_forward(x: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...
def sigmoid_backward(
    dy: numpy.typing.NDArray[Any], y: numpy.typing.NDArray[Any]
) -> numpy.typing.NDArray[Any]: ...
def tanh_forward(x: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...
def tanh_backward(
    dy: numpy.typing.NDArray[Any], y: numpy.typing.NDArray[Any]
) -> numpy.typing.NDArray[Any]: ...
def silu_forward(x: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...
def silu_backward(
    dy: numpy.typing.NDArray[Any], x: numpy.typing.NDArray[Any]
) -> numpy.typing.NDArray[Any]: ...
def swiglu_forward(
    gate: numpy.typing.NDArray[Any], up: numpy.typing.NDArray[Any]
) -> numpy.typing.NDArray[Any]: ...
def swiglu_backward(
    dy: numpy.typing.NDArray[Any], gate: numpy.typing.NDArray[Any], up: numpy.typing.NDArray[Any]
) -> tuple[numpy.typing.NDArray[Any], numpy.typing.NDArray[Any]]: ...
def dropout_forward(
    x: numpy.typing.NDArray[Any], p: float, key: int
) -> numpy.typing.NDArray[Any]: ...
def dropout_backward(
    dy: numpy.typing.NDArray[Any], p: float, key: int
) -> numpy.typing.NDArray[Any]: ...
def matmul(
    a: numpy.typing.NDArray[Any],
    b: numpy.typing.NDArray[Any],
    transpose_a: bool = False,
    transpose_b: bool = False,
) -> numpy.typing.NDArray[Any]: ...
def linear_forward(
    x: numpy.typing.NDArray[Any], w: numpy.typing.NDArray[Any], b: numpy.typing.NDArray[Any] | None
) -> numpy.typing.NDArray[Any]: ...
def linear_backward(
    dy: numpy.typing.NDArray[Any],
    x: numpy.typing.NDArray[Any],
    w: numpy.typing.NDArray[Any],
    bias: bool,
) -> tuple[
    numpy.typing.NDArray[Any], numpy.typing.NDArray[Any], numpy.typing.NDArray[Any] | None
]: ...
def adam_step(
    p: numpy.typing.NDArray[Any],
    g: numpy.typing.NDArray[Any],
    m: numpy.typing.NDArray[Any],
    v: numpy.typing.NDArray[Any],
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    step: int,
    decoupled: bool,
) -> None: ...
def sgd_step(
    p: numpy.typing.NDArray[Any],
    g: numpy.typing.NDArray[Any],
    buf: numpy.typing.NDArray[Any] | None,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    first: bool,
) -> None: ...
def sum_of_squares(x: numpy.typing.NDArray[Any]) -> float: ...
def softmax_forward(x: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...
def softmax_backward(
    dy: numpy.typing.NDArray[Any], y: numpy.typing.NDArray[Any]
) -> numpy.typing.NDArray[Any]: ...
def log_softmax_forward(x: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...
def log_softmax_backward(
    dy: numpy.typing.NDArray[Any], y: numpy.typing.NDArray[Any]
) -> numpy.typing.NDArray[Any]: ...
def layer_norm_forward(
    x: numpy.typing.NDArray[Any],
    w: numpy.typing.NDArray[Any] | None,
    b: numpy.typing.NDArray[Any] | None,
    eps: float,
    dtype: numpy.typing.DTypeLike,
) -> tuple[numpy.typing.NDArray[Any], numpy.typing.NDArray[Any], numpy.typing.NDArray[Any]]: ...
def layer_norm_backward(
    dy: numpy.typing.NDArray[Any],
    x: numpy.typing.NDArray[Any],
    w: numpy.typing.NDArray[Any] | None,
    mean: numpy.typing.NDArray[Any],
    rstd: numpy.typing.NDArray[Any],
    bias: bool,
) -> tuple[
    numpy.typing.NDArray[Any], numpy.typing.NDArray[Any] | None, numpy.typing.NDArray[Any] | None
]: ...
def rms_norm_forward(
    x: numpy.typing.NDArray[Any],
    w: numpy.typing.NDArray[Any] | None,
    eps: float,
    dtype: numpy.typing.DTypeLike,
) -> tuple[numpy.typing.NDArray[Any], numpy.typing.NDArray[Any]]: ...
def rms_norm_backward(
    dy: numpy.typing.NDArray[Any],
    x: numpy.typing.NDArray[Any],
    w: numpy.typing.NDArray[Any] | None,
    rstd: numpy.typing.NDArray[Any],
) -> tuple[numpy.typing.NDArray[Any], numpy.typing.NDArray[Any] | None]: ...
def rotary_forward(
    x: numpy.typing.NDArray[Any], cos: numpy.typing.NDArray[Any], sin: numpy.typing.NDArray[Any]
) -> numpy.typing.NDArray[Any]: ...
def rotary_backward(
    dy: numpy.typing.NDArray[Any], cos: numpy.typing.NDArray[Any], sin: numpy.typing.NDArray[Any]
) -> numpy.typing.NDArray[Any]: ...
def embedding_forward(
    w: numpy.typing.NDArray[Any], ids: numpy.typing.NDArray[Any]
) -> numpy.typing.NDArray[Any]: ...
def embedding_backward(
    dy: numpy.typing.NDArray[Any], ids: numpy.typing.NDArray[Any], V: int
) -> numpy.typing.NDArray[Any]: ...
def cross_entropy_forward(
    logits: numpy.typing.NDArray[Any], targets: numpy.typing.NDArray[Any], ignore_index: int
) -> tuple[numpy.typing.NDArray[Any], numpy.typing.NDArray[Any]]: ...
def cross_entropy_backward(
    dlosses: numpy.typing.NDArray[Any],
    logits: numpy.typing.NDArray[Any],
    targets: numpy.typing.NDArray[Any],
    lse: numpy.typing.NDArray[Any],
    ignore_index: int,
) -> numpy.typing.NDArray[Any]: ...

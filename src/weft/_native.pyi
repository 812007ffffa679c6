from collections.abc import Sequence
from typing import Annotated, Any

import numpy
import numpy.typing
from numpy.typing import NDArray


def isas() -> list[str]:
    """Instruction sets that this CPU can run, the best one last."""

def isa() -> str:
    """The instruction set in use."""

def set_isa(name: str) -> None:
    """Use this instruction set from now on."""

def lanes() -> int:
    """float32 elements in one vector."""

def num_threads() -> int:
    """Threads that kernels run on, where there are processors."""

def set_num_threads(n: int) -> None: ...

def processors() -> int:
    """Processors that threads are spread over."""

def set_processors(n: int) -> None:
    """
    Count on this many: for tests, and where the system does not say how many there are.
    """

def measure_peak(kind: str, seconds: float) -> float:
    """
    The most that this machine does with all threads: GFLOP/s, or GB/s for 'memory'.
    """

def attention_forward(q: numpy.typing.NDArray[Any], k: numpy.typing.NDArray[Any], v: numpy.typing.NDArray[Any], scale: float, causal: bool, dropout: float, key: int) -> tuple[numpy.typing.NDArray[Any], numpy.typing.NDArray[Any]]: ...

def attention_backward(dy: numpy.typing.NDArray[Any], q: numpy.typing.NDArray[Any], k: numpy.typing.NDArray[Any], v: numpy.typing.NDArray[Any], y: numpy.typing.NDArray[Any], lse: numpy.typing.NDArray[Any], scale: float, causal: bool, dropout: float, key: int) -> tuple[numpy.typing.NDArray[Any], numpy.typing.NDArray[Any], numpy.typing.NDArray[Any]]: ...

def attention_qkv_backward(dy: numpy.typing.NDArray[Any], qkv: numpy.typing.NDArray[Any], y: numpy.typing.NDArray[Any], lse: numpy.typing.NDArray[Any], scale: float, causal: bool, dropout: float, key: int) -> numpy.typing.NDArray[Any]: ...

def pack_matrix(w: numpy.typing.NDArray[Any], kind: str, transposed: bool = False) -> Annotated[NDArray[numpy.uint8], dict(shape=(None,))]: ...

def packed_linear(x: numpy.typing.NDArray[Any], data: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)], kind: str, outputs: int, many: bool = False) -> numpy.typing.NDArray[Any]: ...

class Decoder:
    def __init__(self, sizes: dict[str, Any], outer: dict[str, Any], blocks: list[dict[str, Any]]) -> None: ...

    def read(self, sequences: list[tuple[Any, ...]], tokens: list[numpy.typing.NDArray[Any]], every: bool = False) -> numpy.typing.NDArray[Any]: ...

def empty(shape: Sequence[int], dtype: numpy.typing.DTypeLike) -> numpy.typing.NDArray[Any]: ...

def add(a: numpy.typing.NDArray[Any], b: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...

def mul(a: numpy.typing.NDArray[Any], b: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...

def cast(x: numpy.typing.NDArray[Any], dtype: numpy.typing.DTypeLike) -> numpy.typing.NDArray[Any]: ...

def gelu_forward(x: numpy.typing.NDArray[Any], tanh: bool) -> numpy.typing.NDArray[Any]: ...

def gelu_backward(dy: numpy.typing.NDArray[Any], x: numpy.typing.NDArray[Any], tanh: bool) -> numpy.typing.NDArray[Any]: ...

def relu_forward(x: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...

def relu_backward(dy: numpy.typing.NDArray[Any], y: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...

def sigmoid_forward(x: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...

def sigmoid_backward(dy: numpy.typing.NDArray[Any], y: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...

def tanh_forward(x: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...

def tanh_backward(dy: numpy.typing.NDArray[Any], y: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...

def silu_forward(x: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...

def silu_backward(dy: numpy.typing.NDArray[Any], x: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...

def swiglu_forward(gate: numpy.typing.NDArray[Any], up: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...

def swiglu_backward(dy: numpy.typing.NDArray[Any], gate: numpy.typing.NDArray[Any], up: numpy.typing.NDArray[Any]) -> tuple[numpy.typing.NDArray[Any], numpy.typing.NDArray[Any]]: ...

def dropout_forward(x: numpy.typing.NDArray[Any], p: float, key: int) -> numpy.typing.NDArray[Any]: ...

def dropout_backward(dy: numpy.typing.NDArray[Any], p: float, key: int) -> numpy.typing.NDArray[Any]: ...

def matmul(a: numpy.typing.NDArray[Any], b: numpy.typing.NDArray[Any], transpose_a: bool = False, transpose_b: bool = False) -> numpy.typing.NDArray[Any]: ...

def linear_forward(x: numpy.typing.NDArray[Any], w: numpy.typing.NDArray[Any], b: numpy.typing.NDArray[Any] | None, residual: numpy.typing.NDArray[Any] | None = None, p: float = 0.0, key: int = 0) -> numpy.typing.NDArray[Any]: ...

def linear_gelu_forward(x: numpy.typing.NDArray[Any], w: numpy.typing.NDArray[Any], b: numpy.typing.NDArray[Any] | None, tanh: bool) -> tuple[numpy.typing.NDArray[Any], numpy.typing.NDArray[Any]]: ...

def linear_swiglu_forward(x: numpy.typing.NDArray[Any], w: numpy.typing.NDArray[Any], b: numpy.typing.NDArray[Any] | None, gate: numpy.typing.NDArray[Any]) -> tuple[numpy.typing.NDArray[Any], numpy.typing.NDArray[Any]]: ...

def linear_swiglu_backward(dy: numpy.typing.NDArray[Any], x: numpy.typing.NDArray[Any], w: numpy.typing.NDArray[Any], bias: bool, gate: numpy.typing.NDArray[Any], up: numpy.typing.NDArray[Any]) -> tuple[numpy.typing.NDArray[Any], numpy.typing.NDArray[Any], numpy.typing.NDArray[Any], numpy.typing.NDArray[Any] | None]: ...

def linear_backward(dy: numpy.typing.NDArray[Any], x: numpy.typing.NDArray[Any], w: numpy.typing.NDArray[Any], bias: bool, pre: numpy.typing.NDArray[Any] | None = None, tanh: bool = True) -> tuple[numpy.typing.NDArray[Any], numpy.typing.NDArray[Any], numpy.typing.NDArray[Any] | None]: ...

def adam_step(p: Sequence[numpy.typing.NDArray[Any]], g: Sequence[numpy.typing.NDArray[Any]], m: Sequence[numpy.typing.NDArray[Any]], v: Sequence[numpy.typing.NDArray[Any]], steps: Sequence[numpy.typing.NDArray[Any]], scale: float, lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, decoupled: bool) -> None: ...

def sgd_step(p: Sequence[numpy.typing.NDArray[Any]], g: Sequence[numpy.typing.NDArray[Any]], buf: Sequence[numpy.typing.NDArray[Any]] | None, scale: float, lr: float, momentum: float, dampening: float, weight_decay: float, nesterov: bool, first: bool) -> None: ...

def sum_of_squares(x: Sequence[numpy.typing.NDArray[Any]]) -> float: ...

def softmax_forward(x: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...

def softmax_backward(dy: numpy.typing.NDArray[Any], y: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...

def log_softmax_forward(x: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...

def log_softmax_backward(dy: numpy.typing.NDArray[Any], y: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...

def layer_norm_forward(x: numpy.typing.NDArray[Any], w: numpy.typing.NDArray[Any] | None, b: numpy.typing.NDArray[Any] | None, eps: float, dtype: numpy.typing.DTypeLike) -> tuple[numpy.typing.NDArray[Any], numpy.typing.NDArray[Any], numpy.typing.NDArray[Any]]: ...

def layer_norm_backward(dy: numpy.typing.NDArray[Any], x: numpy.typing.NDArray[Any], w: numpy.typing.NDArray[Any] | None, mean: numpy.typing.NDArray[Any], rstd: numpy.typing.NDArray[Any], bias: bool) -> tuple[numpy.typing.NDArray[Any], numpy.typing.NDArray[Any] | None, numpy.typing.NDArray[Any] | None]: ...

def rms_norm_forward(x: numpy.typing.NDArray[Any], w: numpy.typing.NDArray[Any] | None, eps: float, dtype: numpy.typing.DTypeLike) -> tuple[numpy.typing.NDArray[Any], numpy.typing.NDArray[Any]]: ...

def rms_norm_backward(dy: numpy.typing.NDArray[Any], x: numpy.typing.NDArray[Any], w: numpy.typing.NDArray[Any] | None, rstd: numpy.typing.NDArray[Any]) -> tuple[numpy.typing.NDArray[Any], numpy.typing.NDArray[Any] | None]: ...

def rotary_forward(x: numpy.typing.NDArray[Any], cos: numpy.typing.NDArray[Any], sin: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...

def rotary_backward(dy: numpy.typing.NDArray[Any], cos: numpy.typing.NDArray[Any], sin: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...

def split_pieces(text: str) -> object:
    """The pieces of GPT-2's pattern."""

class BytePairEncoder:
    """Text to ids by byte pairs."""

    def __init__(self, byte_ids: Annotated[NDArray[numpy.int64], dict(order='C', device='cpu', writable=False)], merges: Annotated[NDArray[numpy.int64], dict(order='C', device='cpu', writable=False)]) -> None:
        """
        byte_ids (256,), -1 for none; merges (N, 3): left, right and merged id, by rank.
        """

    def encode(self, text: str) -> object:
        """Ids (T,) in uint32."""

    def merge(self, ids: Sequence[int]) -> list[int]:
        """The ids of one piece, merged."""

class TokenBytes:
    """Ids to bytes."""

    def __init__(self, tokens: list[bytes]) -> None: ...

    def of_array(self, ids: Annotated[NDArray[numpy.uint32], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> object:
        """The bytes of ids (T,) in uint32."""

    def of_list(self, ids: list[int]) -> object:
        """The bytes of a list of integers."""

class PieceCounter:
    """How often each piece of a text occurs."""

    def __init__(self) -> None: ...

    def add(self, text: str) -> bool:
        """Count all pieces of a text; False: not possible."""

    def counts(self) -> dict[str, int]:
        """Piece to frequency."""

def learn_merges(pieces: dict[str, int], count: int, byte_order: bytes) -> object:
    """Tokens and merges, by the rule of bpe_training.learn_merges."""

def embedding_forward(w: numpy.typing.NDArray[Any], ids: numpy.typing.NDArray[Any]) -> numpy.typing.NDArray[Any]: ...

def embedding_backward(dy: numpy.typing.NDArray[Any], ids: numpy.typing.NDArray[Any], V: int) -> numpy.typing.NDArray[Any]: ...

def cross_entropy_forward(logits: numpy.typing.NDArray[Any], targets: numpy.typing.NDArray[Any], ignore_index: int) -> tuple[numpy.typing.NDArray[Any], numpy.typing.NDArray[Any]]: ...

def cross_entropy_backward(dlosses: numpy.typing.NDArray[Any], logits: numpy.typing.NDArray[Any], targets: numpy.typing.NDArray[Any], lse: numpy.typing.NDArray[Any], ignore_index: int) -> numpy.typing.NDArray[Any]: ...

def linear_cross_entropy(x: numpy.typing.NDArray[Any], w: numpy.typing.NDArray[Any], targets: numpy.typing.NDArray[Any], ignore_index: int, scale: float) -> tuple[numpy.typing.NDArray[Any], numpy.typing.NDArray[Any], numpy.typing.NDArray[Any]]: ...

"""The kernels in use: each function is its native twin where there is one, else its definition.

A native twin returns NotImplemented for what it does not cover (float64, for one); the definition
then does the work. Which is chosen when: see choice.py.
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from weft.kernels import reference
from weft.kernels.choice import choose_native

Function = TypeVar("Function", bound=Callable[..., Any])

native = choose_native()


def _choose(definition: Function) -> Function:
    # A NaN or an infinity is a result, as in the native twin, and not a warning on stderr.
    quiet = np.errstate(all="ignore")(definition)
    twin = getattr(native, definition.__name__, None)
    if twin is None:
        return quiet

    @functools.wraps(definition)
    def call(*args: Any, **kwargs: Any) -> Any:
        result = twin(*args, **kwargs)
        return quiet(*args, **kwargs) if result is NotImplemented else result

    return typing.cast(Function, call)


def empty(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Memory for a large result of NumPy's, from where the kernels' own results come.

    NumPy gives large arrays back to the system, and every one costs its page faults again.
    """
    array = NotImplemented if native is None else native.empty(shape, dtype)
    return np.empty(shape, dtype) if array is NotImplemented else array


gelu_forward = _choose(reference.gelu_forward)
gelu_backward = _choose(reference.gelu_backward)
relu_forward = _choose(reference.relu_forward)
relu_backward = _choose(reference.relu_backward)
relu2_forward = _choose(reference.relu2_forward)
relu2_backward = _choose(reference.relu2_backward)
sigmoid_forward = _choose(reference.sigmoid_forward)
sigmoid_backward = _choose(reference.sigmoid_backward)
silu_forward = _choose(reference.silu_forward)
silu_backward = _choose(reference.silu_backward)
swiglu_forward = _choose(reference.swiglu_forward)
swiglu_backward = _choose(reference.swiglu_backward)
tanh_forward = _choose(reference.tanh_forward)
tanh_backward = _choose(reference.tanh_backward)
attention_forward = _choose(reference.attention_forward)
attention_backward = _choose(reference.attention_backward)
attention_qkv_backward = _choose(reference.attention_qkv_backward)
dropout_forward = _choose(reference.dropout_forward)
dropout_backward = _choose(reference.dropout_backward)
philox = _choose(reference.philox)
add = _choose(reference.add)
add_ = _choose(reference.add_)
cast = _choose(reference.cast)
mul = _choose(reference.mul)
embedding_forward = _choose(reference.embedding_forward)
embedding_backward = _choose(reference.embedding_backward)
cross_entropy_forward = _choose(reference.cross_entropy_forward)
cross_entropy_backward = _choose(reference.cross_entropy_backward)
linear_cross_entropy = _choose(reference.linear_cross_entropy)
linear_forward = _choose(reference.linear_forward)
linear_activation_forward = _choose(reference.linear_activation_forward)
linear_scaled_backward = _choose(reference.linear_scaled_backward)
linear_swiglu_forward = _choose(reference.linear_swiglu_forward)
linear_swiglu_backward = _choose(reference.linear_swiglu_backward)
linear_backward = _choose(reference.linear_backward)
matmul = _choose(reference.matmul)
layer_norm_forward = _choose(reference.layer_norm_forward)
layer_norm_backward = _choose(reference.layer_norm_backward)
rms_norm_forward = _choose(reference.rms_norm_forward)
rms_norm_backward = _choose(reference.rms_norm_backward)
adam_step = _choose(reference.adam_step)
muon_step = _choose(reference.muon_step)
scale_ = _choose(reference.scale_)
sgd_step = _choose(reference.sgd_step)
sum_of_squares = _choose(reference.sum_of_squares)
pack_matrix = _choose(reference.pack_matrix)
pack_quantized = _choose(reference.pack_quantized)
packed_linear = _choose(reference.packed_linear)
quantize_int4 = _choose(reference.quantize_int4)
quantize_int8 = _choose(reference.quantize_int8)
quantize_rows = _choose(reference.quantize_rows)
dequantize = _choose(reference.dequantize)
rnn_forward = _choose(reference.rnn_forward)
rnn_backward = _choose(reference.rnn_backward)
gru_forward = _choose(reference.gru_forward)
gru_backward = _choose(reference.gru_backward)
lstm_forward = _choose(reference.lstm_forward)
lstm_backward = _choose(reference.lstm_backward)
rotary_forward = _choose(reference.rotary_forward)
rotary_backward = _choose(reference.rotary_backward)
rotary_qkv_forward = _choose(reference.rotary_qkv_forward)
rotary_qkv_backward = _choose(reference.rotary_qkv_backward)
log_softmax_forward = _choose(reference.log_softmax_forward)
log_softmax_backward = _choose(reference.log_softmax_backward)
softmax_forward = _choose(reference.softmax_forward)
softmax_backward = _choose(reference.softmax_backward)

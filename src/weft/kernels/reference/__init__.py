"""The kernels' definitions in NumPy: what every native twin is held equal to.

Plain functions of arrays: forward returns what its backward needs. An install without a compiler
runs on these. The names below are all there is; `kernels.active` chooses among their twins.
"""

from weft.kernels.reference.activation import (
    gelu_backward,
    gelu_forward,
    relu2_backward,
    relu2_forward,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    silu_backward,
    silu_forward,
    swiglu_backward,
    swiglu_forward,
    tanh_backward,
    tanh_forward,
)
from weft.kernels.reference.attention import (
    attention_backward,
    attention_forward,
    attention_qkv_backward,
)
from weft.kernels.reference.dropout import dropout_backward, dropout_forward, philox
from weft.kernels.reference.elementwise import add, add_, cast, mul
from weft.kernels.reference.embedding import embedding_backward, embedding_forward
from weft.kernels.reference.loss import (
    cross_entropy_backward,
    cross_entropy_forward,
    linear_cross_entropy,
)
from weft.kernels.reference.matmul import (
    linear_activation_forward,
    linear_backward,
    linear_forward,
    linear_scaled_backward,
    linear_swiglu_backward,
    linear_swiglu_forward,
    matmul,
)
from weft.kernels.reference.muon import muon_step
from weft.kernels.reference.norm import (
    layer_norm_backward,
    layer_norm_forward,
    rms_norm_backward,
    rms_norm_forward,
)
from weft.kernels.reference.optimizer import adam_step, scale_, sgd_step, sum_of_squares
from weft.kernels.reference.packed import pack_matrix, pack_quantized, packed_linear
from weft.kernels.reference.quantize import (
    dequantize,
    quantize_int4,
    quantize_int8,
    quantize_rows,
)
from weft.kernels.reference.recurrent import (
    gru_backward,
    gru_forward,
    lstm_backward,
    lstm_forward,
    rnn_backward,
    rnn_forward,
)
from weft.kernels.reference.rotary import (
    rotary_backward,
    rotary_forward,
    rotary_qkv_backward,
    rotary_qkv_forward,
)
from weft.kernels.reference.softmax import (
    log_softmax_backward,
    log_softmax_forward,
    softmax_backward,
    softmax_forward,
)

__all__ = [
    "adam_step",
    "add",
    "add_",
    "attention_backward",
    "attention_forward",
    "attention_qkv_backward",
    "cast",
    "cross_entropy_backward",
    "cross_entropy_forward",
    "dequantize",
    "dropout_backward",
    "dropout_forward",
    "embedding_backward",
    "embedding_forward",
    "gelu_backward",
    "gelu_forward",
    "gru_backward",
    "gru_forward",
    "layer_norm_backward",
    "layer_norm_forward",
    "linear_activation_forward",
    "linear_backward",
    "linear_cross_entropy",
    "linear_forward",
    "linear_scaled_backward",
    "linear_swiglu_backward",
    "linear_swiglu_forward",
    "log_softmax_backward",
    "log_softmax_forward",
    "lstm_backward",
    "lstm_forward",
    "matmul",
    "mul",
    "muon_step",
    "pack_matrix",
    "pack_quantized",
    "packed_linear",
    "philox",
    "quantize_int4",
    "quantize_int8",
    "quantize_rows",
    "relu2_backward",
    "relu2_forward",
    "relu_backward",
    "relu_forward",
    "rms_norm_backward",
    "rms_norm_forward",
    "rnn_backward",
    "rnn_forward",
    "rotary_backward",
    "rotary_forward",
    "rotary_qkv_backward",
    "rotary_qkv_forward",
    "scale_",
    "sgd_step",
    "sigmoid_backward",
    "sigmoid_forward",
    "silu_backward",
    "silu_forward",
    "softmax_backward",
    "softmax_forward",
    "sum_of_squares",
    "swiglu_backward",
    "swiglu_forward",
    "tanh_backward",
    "tanh_forward",
]

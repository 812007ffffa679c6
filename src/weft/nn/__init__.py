"""Layers and losses, with PyTorch's names, argument order and defaults.

A layer that starts from random numbers takes `generator` as its last keyword; by default it draws
from `weft.random.default_generator()`.
"""

from weft.nn import clip_grad, functional, init
from weft.nn import clip_grad as utils  # PyTorch's name for where clip_grad_norm_ lives
from weft.nn.activation import GELU, ReLU, Sigmoid, SiLU, Softmax, Tanh
from weft.nn.container import ModuleDict, ModuleList, Sequential
from weft.nn.dropout import Dropout
from weft.nn.embedding import Embedding
from weft.nn.flatten import Flatten, Identity
from weft.nn.linear import Linear
from weft.nn.loss import CrossEntropyLoss, MSELoss
from weft.nn.module import Module
from weft.nn.normalization import LayerNorm, RMSNorm
from weft.nn.parameter import Parameter
from weft.nn.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell

__all__ = [
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "CrossEntropyLoss",
    "Dropout",
    "Embedding",
    "Flatten",
    "GRUCell",
    "Identity",
    "LSTMCell",
    "LayerNorm",
    "Linear",
    "MSELoss",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "RMSNorm",
    "RNNCell",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "clip_grad",
    "functional",
    "init",
    "utils",
]

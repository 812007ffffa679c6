"""Optimisers, with PyTorch's names, argument order and defaults."""

from weft.optim import lr_scheduler
from weft.optim.adam import Adam, AdamW
from weft.optim.muon import Muon
from weft.optim.optimizer import Optimizer
from weft.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Muon", "Optimizer", "lr_scheduler"]

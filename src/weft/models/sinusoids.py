"""Sinusoidal positions, which the decoder-only and the encoder-decoder Transformer both have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def waves(length: int, width: int) -> NDArray[np.float64]:
    """sin and cos of position · 10000^(-2i/C), in turns: (T, C) (arXiv:1706.03762, section 3.5)."""
    frequencies = 10000.0 ** (-np.arange(0, width, 2) / width)  # (C/2,), rounded up
    angles = np.arange(length)[:, None] * frequencies
    both = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, -1)
    return np.asarray(both[:, :width])

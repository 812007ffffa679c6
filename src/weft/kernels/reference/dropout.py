"""Dropout from a counter-based generator, so that backward draws the mask again and none is kept.

Philox4x32-10: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11. Element i takes
word i % 4 of the block whose counter is i // 4: any part of the mask can be drawn by itself, by any
thread. csrc/dropout.cpp has the same functions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray

from weft.kernels.reference.precision import Array, narrow, widen

WORD = 0xFFFFFFFF
MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL = 0x9E3779B9, 0xBB67AE85  # the golden ratio and √3 - 1, added to the key after each round
ROUNDS = 10


def dropout_forward(x: Array, p: float, key: int) -> Array:
    """Zero with probability p, else x/(1 - p): (...) -> (...)."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: probability {p} is not between 0 and 1; choose one that is")
    scale = keep_scale(philox(key, x.size), p).reshape(x.shape)
    u = widen(x)
    return narrow(np.where(scale > 0, u * scale.astype(u.dtype), 0), x.dtype)


def dropout_backward(dy: Array, p: float, key: int, dtype: DTypeLike) -> Array:
    """The same mask and scale, applied to the gradient: (...) -> (...) in dtype."""
    return narrow(dropout_forward(widen(dy), p, key), dtype)


def keep_scale(words: NDArray[np.uint32], p: float) -> NDArray[np.float64]:
    """0 where dropped, 1/(1 - p) where kept: word >= ⌊p 2³²⌋."""
    keep = words >= int(p * 2**32)
    return np.where(keep, 1 / (1 - p) if p < 1 else 0.0, 0.0)


def philox(key: int, n: int, start: int = 0) -> NDArray[np.uint32]:
    """Words start … start + n of the stream of a 64-bit key: (n,)."""
    first, last = start // 4, (start + n + 3) // 4
    counter = np.arange(first, last, dtype=np.uint64)
    zero = np.zeros_like(counter)
    low, high = counter & np.uint64(WORD), counter >> np.uint64(32)
    words = np.stack(philox_rounds((low, high, zero, zero), key), axis=-1)  # (blocks, 4)
    return words.reshape(-1)[start - 4 * first :][:n].astype(np.uint32)


def philox_rounds(
    counter: tuple[Array, Array, Array, Array], key: int
) -> tuple[Array, Array, Array, Array]:
    """Four 32-bit words for each counter of four 32-bit words, all held in uint64."""
    a, b, c, d = counter
    low, high = key & WORD, key >> 32 & WORD
    for _ in range(ROUNDS):
        product_a, product_c = MULTIPLIERS[0] * a, MULTIPLIERS[1] * c  # 32 x 32 -> 64 bits
        a, b, c, d = (
            (product_c >> np.uint64(32)) ^ b ^ np.uint64(low),
            product_c & np.uint64(WORD),
            (product_a >> np.uint64(32)) ^ d ^ np.uint64(high),
            product_a & np.uint64(WORD),
        )
        low, high = (low + WEYL[0]) & WORD, (high + WEYL[1]) & WORD
    return a, b, c, d

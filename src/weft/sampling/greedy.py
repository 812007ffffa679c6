"""Greedy decoding of many rows at once: always the likeliest token, until each row has ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def greedy_rows(
    read: Callable[[NDArray[np.int64]], NDArray[Any]], begin: int, end: int, rows: int, longest: int
) -> list[list[int]]:
    """The ids that follow `begin` in each of B rows, without the `end` that closes them.

    `read` takes the rows' next tokens (B, 1) and gives the logits after them (B, V). A row that has
    not ended after `longest` tokens is cut there.
    """
    written: list[list[int]] = [[] for _ in range(rows)]
    open_rows = np.full(rows, True)
    tokens = np.full((rows, 1), begin, np.int64)
    for _ in range(longest):
        tokens = np.argmax(read(tokens), axis=-1)[:, None]
        open_rows &= tokens[:, 0] != end
        if not open_rows.any():
            break
        for i in np.flatnonzero(open_rows):
            written[i].append(int(tokens[i, 0]))
    return written

"""Truncated backpropagation through time: streams of text, and the state that is carried along.

The text is cut into as many streams as a step has rows; a step reads each one's next window, and
begins with the states that the step before ended with, as numbers: the gradient goes back through
one window (Williams & Peng, Neural Computation 1990). A checkpoint holds the states, so that a
resumed run goes on to the same bits. Where the streams end, they and the states begin anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from weft.checkpoint.tensors import Array
from weft.data import stream_batch, stream_windows
from weft.training.step import Batch, MicroBatch

PREFIX = "carried/"  # of the states among a checkpoint's arrays
Sizes = tuple[int, int, int]  # batch_size, accumulate, block_size


class Streams:
    """The batches of a recurrent model's run, step by step, and its states between them."""

    def __init__(self, model: Any, tokens: Array, seed: int, sizes: Sizes) -> None:
        self.model, self.tokens, self.seed = model, tokens, seed
        self.rows, self.accumulate, self.block_size = sizes
        self.states = self._begin()

    def batches(self, step: int) -> list[MicroBatch]:
        """The micro-batches of `step`, the one after the step before, with their states."""
        rows = self.rows * self.accumulate
        x, y = stream_batch(self.tokens, step, self.seed, rows, self.block_size)
        if step % stream_windows(len(self.tokens), rows, self.block_size) == 0:
            self.states = self._begin()
        return [(*_rows(x, y, i, self.rows), state) for i, state in enumerate(self.states)]

    def arrays(self) -> dict[str, Array]:
        """The states after the last step, for a checkpoint: (L, B · accumulate, C) each."""
        parts = zip(*(state.arrays for state in self.states), strict=True)
        return {f"{PREFIX}{i}": np.concatenate(part, axis=1) for i, part in enumerate(parts)}

    def load(self, arrays: Mapping[str, Array]) -> bool:
        """Go on from `arrays()`; False, and zeros, if they are of another number of streams."""
        expected = self.arrays()
        if {k: a.shape for k, a in arrays.items()} != {k: a.shape for k, a in expected.items()}:
            return False
        for i, state in enumerate(self.states):
            mine = slice(i * self.rows, (i + 1) * self.rows)
            state.arrays = [
                np.array(arrays[key][:, mine], a.dtype, order="C") for key, a in expected.items()
            ]
        return True

    def _begin(self) -> list[Any]:
        return [self.model.start(self.rows) for _ in range(self.accumulate)]


def _rows(x: Array, y: Array, i: int, rows: int) -> Batch:
    mine = slice(i * rows, (i + 1) * rows)
    return x[mine], y[mine]


def split_carried(arrays: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    """A checkpoint's arrays beside the weights: the optimiser's, and the carried states."""
    carried = {key: array for key, array in arrays.items() if key.startswith(PREFIX)}
    return {key: array for key, array in arrays.items() if key not in carried}, carried

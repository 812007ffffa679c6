"""Greedy rows: each row is what it would be alone, and ends by itself."""

from __future__ import annotations

import numpy as np
import pytest

from weft.sampling import greedy_rows

V, BEGIN, END = 6, 0, 1


def chain(following: list[int], rows: int):
    """A model whose likeliest next token is `following[token]`; counts its calls."""
    calls = []

    def read(tokens: np.ndarray) -> np.ndarray:
        assert tokens.shape == (rows, 1)
        calls.append(tokens[:, 0].tolist())
        return np.eye(V)[[following[t] for t in tokens[:, 0]]]

    return read, calls


def test_a_row_ends_at_its_end() -> None:
    read, calls = chain([2, 5, 3, 1, 4, 4], 2)
    assert greedy_rows(read, BEGIN, END, 2, 10) == [[2, 3], [2, 3]]
    assert calls == [[0, 0], [2, 2], [3, 3]]


@pytest.mark.parametrize("longest", [0, 1, 3])
def test_a_row_without_an_end_is_cut(longest: int) -> None:
    read, _ = chain([4, 5, 3, 1, 4, 4], 1)
    assert greedy_rows(read, BEGIN, END, 1, longest) == [[4] * longest]


def test_rows_of_different_lengths() -> None:
    answers = iter([[2, END, 2], [3, 4, 3], [END, 4, 3], [5, 4, END]])
    rows = greedy_rows(lambda _: np.eye(V)[next(answers)], BEGIN, END, 3, 9)
    assert rows == [[2, 3], [], [2, 3, 3]]  # what comes after an end does not count

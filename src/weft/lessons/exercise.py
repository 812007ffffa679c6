"""Does an answer to an exercise hold? One line: right, or what came and what should have come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def check(
    what: str, answer: Callable[[], Any], expected: Any, tolerance: float | None = None
) -> None:
    """Print whether `answer()` is `expected`: equal, or numbers no further than `tolerance` away.

    Numbers may be Python's, arrays or tensors, of any shape that is the expected one. An answer
    that raises is not right yet, and its error is shown: the lesson goes on.
    """
    try:
        got = answer()
        right = _holds(got, expected, tolerance)
    except Exception as error:
        print(f"Not yet: {what}: {type(error).__name__}: {error}")
        return
    if right:
        print(f"Right: {what}.")
    else:
        print(f"Not yet: {what}: your answer gives {got}; it should be {expected}.")


def _holds(got: Any, expected: Any, tolerance: float | None) -> bool:
    if got is None or got is NotImplemented:
        return False
    if tolerance is None:
        return bool(np.all(got == expected))
    ours, theirs = (np.asarray(_plain(v), np.float64) for v in (got, expected))
    return ours.shape == theirs.shape and bool(np.all(np.abs(ours - theirs) <= tolerance))


def _plain(value: Any) -> Any:
    return value.detach().numpy() if hasattr(value, "detach") else value

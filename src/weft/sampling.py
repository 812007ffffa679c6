"""From logits to the next token: pure functions on arrays of logits (N, V), no state.

The order is fixed, the same as in the transformers library: repetition penalty, temperature,
top-k, top-p, min-p, then one draw by inverting the cumulative distribution. Each filter returns
new logits in which what it removes is minus infinity, so filters compose in any order.
Not here: the loop over tokens (`weft.inference`).

Nucleus (top-p): Holtzman et al. 2020; min-p: Nguyen et al. 2024; repetition penalty: Keskar et
al. 2019 (CTRL).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from weft.errors import ConfigError, NonFiniteError

Logits = NDArray[Any]


class UniformSource(Protocol):
    """What a draw needs of a random generator: `weft.random.Generator` has it."""

    def uniform(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Uniform numbers in [0, 1) of the given shape."""
        ...


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen; every value is checked when it is built (`ConfigError`)."""

    temperature: float = 0.8
    """Logits are divided by it; 0 takes the likeliest token always. 0 to 100."""
    top_k: int | None = None
    """Keep the k likeliest tokens; from 1; None keeps all."""
    top_p: float = 1.0
    """Keep the fewest likeliest tokens whose probabilities reach this sum; above 0, to 1."""
    min_p: float = 0.0
    """Keep tokens at least this share as likely as the likeliest one; from 0, below 1."""
    repetition_penalty: float = 1.0
    """Makes tokens that were there already less likely; above 0, to 100; 1 is off."""

    def __post_init__(self) -> None:
        _check("temperature", self.temperature, "from 0 to 100", lambda t: 0 <= t <= 100)
        if self.top_k is not None:
            if isinstance(self.top_k, bool) or not isinstance(self.top_k, (int, np.integer)):
                raise ConfigError(f"top_k = {self.top_k!r}; sampling; give a whole number, from 1")
            _check("top_k", self.top_k, "a whole number, from 1", lambda k: k >= 1)
        _check("top_p", self.top_p, "above 0, to 1", lambda p: 0 < p <= 1)
        _check("min_p", self.min_p, "from 0, below 1", lambda p: 0 <= p < 1)
        _check("repetition_penalty", self.repetition_penalty, "above 0, to 100", _is_penalty)

    def filter(self, logits: Logits, previous: Sequence[int] = ()) -> Logits:
        """All that changes the distribution, in order. (N, V) -> (N, V), -inf = never drawn."""
        if self.repetition_penalty != 1 and len(previous):
            logits = penalise_repetition(logits, previous, self.repetition_penalty)
        if self.temperature == 0:
            return logits
        logits = apply_temperature(logits, self.temperature)
        if self.top_k is not None:
            logits = keep_top_k(logits, self.top_k)
        if self.top_p < 1:
            logits = keep_top_p(logits, self.top_p)
        return keep_min_p(logits, self.min_p) if self.min_p > 0 else logits


def _is_penalty(value: float) -> bool:
    return 0 < value <= 100


def _check(name: str, value: float, span: str, holds: Callable[[float], bool]) -> None:
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not holds(value):
        raise ConfigError(f"{name} = {value!r}; sampling; give {span}")


def apply_temperature(logits: Logits, temperature: float) -> Logits:
    """Sharper below 1, flatter above. (N, V) -> (N, V) of at most 0: the largest becomes 0.

    The largest logit is taken off first, so that a tiny temperature cannot overflow.
    """
    shifted = logits - _largest(logits)
    with np.errstate(over="ignore"):  # a difference / 1e-300 is -inf: that token is never drawn
        return np.asarray(shifted / shifted.dtype.type(max(temperature, _tiny(shifted.dtype))))


def _tiny(dtype: np.dtype[Any]) -> float:
    return float(np.finfo(dtype).tiny)


def penalise_repetition(logits: Logits, previous: Sequence[int], penalty: float) -> Logits:
    """Divide positive logits of the tokens in `previous` by the penalty, multiply negative ones."""
    ids = np.unique(np.asarray(previous, dtype=np.int64))
    result = logits.copy()
    seen = result[..., ids]
    result[..., ids] = np.where(seen > 0, seen / penalty, seen * penalty)
    return result


def keep_top_k(logits: Logits, k: int) -> Logits:
    """Keep exactly the k largest logits of each row (fewer if V < k); of equals, the lowest id."""
    V = logits.shape[-1]
    if k >= V:
        return logits
    kth = np.partition(logits, V - k, axis=-1)[..., V - k, None]  # (N, 1)
    above, equal = logits > kth, logits == kth
    room = k - above.sum(-1, keepdims=True)
    return _mask(logits, above | (equal & (np.cumsum(equal, -1) <= room)))


def keep_top_p(logits: Logits, p: float) -> Logits:
    """Keep the fewest likeliest tokens whose probabilities reach p; of equals, the lowest id."""
    probs = probabilities(logits)
    keep = np.zeros(logits.shape, dtype=bool)
    for row, kept in zip(probs.reshape(-1, probs.shape[-1]), _rows(keep), strict=True):
        kept[_nucleus(row, p)] = True
    return _mask(logits, keep)


def _rows(array: NDArray[Any]) -> NDArray[Any]:
    return array.reshape(-1, array.shape[-1])


def _nucleus(probs: NDArray[np.float64], p: float) -> NDArray[np.intp]:
    """Ids of the nucleus of one row, likeliest first. Sorts only as many as turn out to matter."""
    V = len(probs)
    most = 256  # nearly always enough, and a full sort of 50,000 costs more than the model's head
    while True:
        ids = np.arange(V)
        if most < V:
            ids = np.flatnonzero(probs >= np.partition(probs, V - most)[V - most])
        order = ids[np.argsort(-probs[ids], kind="stable")]
        reached = np.cumsum(probs[order])
        if reached[-1] >= p or len(ids) == V:
            return order[: int(np.searchsorted(reached, p, side="left")) + 1]
        most *= 8


def keep_min_p(logits: Logits, p: float) -> Logits:
    """Keep the tokens whose probability is at least p times the largest."""
    return _mask(logits, logits >= logits.max(-1, keepdims=True) + math.log(p)) if p else logits


def _mask(logits: Logits, keep: NDArray[np.bool_]) -> Logits:
    return np.where(keep, logits, logits.dtype.type(-np.inf))


def probabilities(logits: Logits) -> NDArray[np.float64]:
    """Softmax over the last axis in float64. (N, V) -> (N, V). NaN or +inf: `NonFiniteError`."""
    largest = _largest(logits)
    weights = np.exp((logits - largest).astype(np.float64))
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def _largest(logits: Logits) -> Logits:
    """The largest logit of each row (N, 1), which must be finite: NaN, +inf or all -inf is not."""
    largest = np.asarray(logits.max(-1, keepdims=True))
    if not np.isfinite(largest).all():
        raise NonFiniteError(
            "the model's output is not finite (NaN or infinite logits); sampling; "
            "its weights are damaged: take another checkpoint"
        )
    return largest


def draw(probs: NDArray[np.float64], generator: UniformSource) -> NDArray[np.int64]:
    """One id per row by inversion, with one uniform number (24 bits) each. (N, V) -> (N,)."""
    cumulative = np.cumsum(probs, -1)
    u = generator.uniform((len(probs),)).astype(np.float64)
    ids = np.empty(len(probs), dtype=np.int64)
    for n, row in enumerate(cumulative):
        # Scaled by the true sum, so that rounding can never point past the last possible token.
        ids[n] = np.searchsorted(row, u[n] * row[-1], side="right")
    return ids


def sample(
    logits: Logits,
    generator: UniformSource,
    sampling: Sampling | None = None,
    previous: Sequence[int] = (),
) -> NDArray[np.int64]:
    """Choose the next token of each row. (N, V) -> (N,).

    `previous` holds the ids that the repetition penalty counts as seen. Temperature 0 takes the
    largest logit (the lowest id of equals) and draws no random number. Raises `NonFiniteError`.
    """
    sampling = sampling or Sampling()
    if logits.ndim != 2 or not logits.shape[-1]:
        raise ValueError(f"expected logits of shape (N, V), got {logits.shape}")
    if logits.dtype not in (np.float32, np.float64):
        logits = logits.astype(np.float32)  # bfloat16 has no sorting kernels worth using
    _largest(logits)
    filtered = sampling.filter(logits, previous)
    if sampling.temperature == 0:
        return np.asarray(filtered.argmax(-1), dtype=np.int64)
    return draw(probabilities(filtered), generator)

"""`Sampling`, the settings, and `sample`, the choice: filters in one fixed order, then a draw."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from weft.errors import ConfigError
from weft.sampling.distribution import Logits, UniformSource, draw, largest
from weft.sampling.filters import (
    apply_temperature,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    keep_typical,
)
from weft.sampling.penalties import (
    add_bias,
    ban_words,
    keep_allowed,
    penalise_frequency,
    penalise_presence,
    penalise_repetition,
)

MOST_BIASED = 1024
MOST_BANNED = 1024
LONGEST_BANNED = 256


class Context(NamedTuple):
    """What a filter may look at besides the logits."""

    previous: Sequence[int]
    """The ids so far: the prompt's, then the generated ones."""
    generated: Sequence[int]
    """The generated ones of them."""


Step = Callable[[Logits, Context], Logits]


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
    typical_p: float = 1.0
    """Keep the fewest most typical tokens whose probabilities reach this sum; above 0, to 1."""
    frequency_penalty: float = 0.0
    """Taken off a token's logit each time that it was generated; -2 to 2; 0 is off."""
    presence_penalty: float = 0.0
    """Taken off a token's logit once it was generated; -2 to 2; 0 is off."""
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    """Added to the logits of these ids; -100 to 100 each."""
    banned: Sequence[Sequence[int]] = ()
    """Sequences of ids that never come; the last id of one is removed after all others of it."""

    def __post_init__(self) -> None:
        _check("temperature", self.temperature, "from 0 to 100", lambda t: 0 <= t <= 100)
        if self.top_k is not None:
            if isinstance(self.top_k, bool) or not isinstance(self.top_k, (int, np.integer)):
                raise ConfigError(f"top_k = {self.top_k!r}; sampling; give a whole number, from 1")
            _check("top_k", self.top_k, "a whole number, from 1", lambda k: k >= 1)
        for name in ("top_p", "typical_p"):
            _check(name, getattr(self, name), "above 0, to 1", lambda p: 0 < p <= 1)
        _check("min_p", self.min_p, "from 0, below 1", lambda p: 0 <= p < 1)
        _check("repetition_penalty", self.repetition_penalty, "above 0, to 100", _is_penalty)
        for name in ("frequency_penalty", "presence_penalty"):
            _check(name, getattr(self, name), "from -2 to 2", lambda p: -2 <= p <= 2)
        _check_bias(self.logit_bias)
        _check_banned(self.banned)

    @cached_property
    def steps(self) -> tuple[tuple[str, Step], ...]:
        """The filters that are on, by the names of their settings, in the order they run."""
        return (*self._adjustments(), *(() if self.temperature == 0 else self._cuts()))

    def _adjustments(self) -> list[tuple[str, Step]]:
        """What raises, lowers or forbids certain tokens; it counts for greedy choice too."""
        steps: list[tuple[str, Step]] = []
        bias, repetition, banned = self.logit_bias, self.repetition_penalty, self.banned
        frequency, presence = self.frequency_penalty, self.presence_penalty
        if bias:
            steps += [("logit_bias", lambda x, c: add_bias(x, bias))]
        if repetition != 1:
            steps += [
                ("repetition_penalty", lambda x, c: penalise_repetition(x, c.previous, repetition))
            ]
        if frequency:
            steps += [
                ("frequency_penalty", lambda x, c: penalise_frequency(x, c.generated, frequency))
            ]
        if presence:
            steps += [
                ("presence_penalty", lambda x, c: penalise_presence(x, c.generated, presence))
            ]
        if banned:
            steps += [("banned", lambda x, c: ban_words(x, c.previous, banned))]
        return steps

    def _cuts(self) -> list[tuple[str, Step]]:
        """What shapes the distribution that is drawn from."""
        temperature, top_k, top_p = self.temperature, self.top_k, self.top_p
        min_p, typical_p = self.min_p, self.typical_p
        steps: list[tuple[str, Step]] = []
        if temperature != 1:
            steps += [("temperature", lambda x, c: apply_temperature(x, temperature))]
        if top_k is not None:
            steps += [("top_k", lambda x, c: keep_top_k(x, top_k))]
        if top_p < 1:
            steps += [("top_p", lambda x, c: keep_top_p(x, top_p))]
        if min_p > 0:
            steps += [("min_p", lambda x, c: keep_min_p(x, min_p))]
        if typical_p < 1:
            steps += [("typical_p", lambda x, c: keep_typical(x, typical_p))]
        return steps

    def filter(
        self,
        logits: Logits,
        previous: Sequence[int] = (),
        prompt_length: int = 0,
        allowed: NDArray[np.bool_] | None = None,
    ) -> Logits:
        """All that changes the distribution, in order. (N, V) -> (N, V), -inf = never drawn.

        The first `prompt_length` of the `previous` ids are the prompt: the repetition penalty and
        banned words look at them too, the frequency and presence penalties do not. `allowed`
        (V,) is what may come at all. Raises `ConfigError` when no token is left.
        """
        if not self.steps and allowed is None:
            return logits
        context = Context(previous, previous[prompt_length:])
        if allowed is not None:
            logits = something_left(keep_allowed(logits, allowed))
        for name, step in self.steps:
            logits = step(logits, context)
            if name == "banned":
                something_left(logits)
        return logits


def something_left(logits: Logits) -> Logits:
    """The same logits; `ConfigError` if a row of them has no token left."""
    if (logits.max(-1) == -np.inf).any():
        raise ConfigError(
            "no token is left to choose from; sampling; ban fewer words, or widen the constraint"
        )
    return logits


def sample(
    logits: Logits,
    generator: UniformSource,
    sampling: Sampling | None = None,
    previous: Sequence[int] = (),
    prompt_length: int = 0,
    allowed: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Choose the next token of each row. (N, V) -> (N,).

    `previous`, `prompt_length` and `allowed` are those of `Sampling.filter`. Temperature 0 takes
    the largest logit (the lowest id of equals) and draws no random number. Raises `NonFiniteError`.
    """
    sampling = sampling or Sampling()
    logits = checked(logits)
    filtered = sampling.filter(logits, previous, prompt_length, allowed)
    if sampling.temperature == 0:
        return np.asarray(filtered.argmax(-1), dtype=np.int64)
    return draw(np.exp(filtered - largest(filtered)), generator)


def checked(logits: Logits) -> Logits:
    """Logits (N, V) in float32 or float64, finite where they are largest. Raises as `sample`."""
    if logits.ndim != 2 or not logits.shape[-1]:
        raise ValueError(f"expected logits of shape (N, V), got {logits.shape}")
    if logits.dtype not in (np.float32, np.float64):
        logits = logits.astype(np.float32)  # bfloat16 has no sorting kernels worth using
    largest(logits)
    return logits


def _is_penalty(value: float) -> bool:
    return 0 < value <= 100


def _is_number(value: Any) -> bool:
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    return bool(number and math.isfinite(value))


def _is_id(value: Any) -> bool:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return bool(whole and value >= 0)


def _check(name: str, value: float, span: str, holds: Callable[[float], bool]) -> None:
    if not _is_number(value) or not holds(value):
        raise ConfigError(f"{name} = {value!r}; sampling; give {span}")


def _check_bias(bias: Mapping[int, float]) -> None:
    if not isinstance(bias, Mapping) or len(bias) > MOST_BIASED or not all(map(_is_id, bias)):
        raise ConfigError(f"logit_bias; sampling; give at most {MOST_BIASED} ids with numbers")
    for i, value in bias.items():
        _check(f"logit_bias of id {i}", value, "from -100 to 100", lambda b: -100 <= b <= 100)


def _check_banned(words: Sequence[Sequence[int]]) -> None:
    if len(words) > MOST_BANNED:
        raise ConfigError(f"{len(words)} banned words; sampling; give at most {MOST_BANNED}")
    for word in words:
        if not 1 <= len(word) <= LONGEST_BANNED or not all(map(_is_id, word)):
            raise ConfigError(
                f"banned = {list(word)[:8]!r}; sampling; give 1 to {LONGEST_BANNED} ids for a word"
            )

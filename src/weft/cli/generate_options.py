"""The options of `weft generate` that say how tokens are chosen, how texts are found, and why.

Each group is a dataclass with the names that `LoadedModel.stream` takes; `values` gives those.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from weft.cli.options import flag, off
from weft.errors import ConfigError


@dataclass(frozen=True)
class Sampling:
    """How a token is chosen, in the order in which the filters run."""

    logit_bias: Annotated[tuple[str, ...], off("ID=BIAS")] = ()
    """Make a token likelier, or less so: -100 (all but never) to 100. (repeatable)"""
    repetition_penalty: float = 1.0
    """Above 1, tokens that were there already become less likely; above 0, to 100; 1 is off."""
    frequency_penalty: float = 0.0
    """The same for each time that a token was generated; -2 to 2; 0 is off."""
    presence_penalty: float = 0.0
    """The same once a token was generated; -2 to 2; 0 is off."""
    banned_words: Annotated[tuple[str, ...], off("TEXT")] = ()
    """Never write this word, with or without a space before it. (repeatable)"""
    temperature: float = 0.8
    """Randomness, 0 to 100; 0 takes the likeliest token always."""
    top_k: Annotated[int | None, off("INT")] = None
    """Keep only the k likeliest tokens; from 1. Off unless given."""
    top_p: float = 1.0
    """Keep the likeliest tokens that together reach this probability; above 0, to 1 (off)."""
    min_p: float = 0.0
    """Keep tokens at least this share as likely as the likeliest; from 0 (off), below 1."""
    typical_p: float = 1.0
    """Keep the most typical tokens that together reach this probability; above 0, to 1 (off)."""


@dataclass(frozen=True)
class Searching:
    """Other ways to find a text than to draw token after token; one of them at a time."""

    best_of: int = 1
    """Compute so many texts and show those that the model finds likeliest per token."""
    beams: int = 1
    """Beam search: the likeliest text as a whole, with so many beams; 1 is off, to 256."""
    length_penalty: Annotated[float | None, off("FLOAT")] = None
    """Beams are judged by log-probability over length to this power; 1 unless given."""
    early_stopping: Annotated[Literal["no", "yes", "never"] | None, off("{no,yes,never}")] = None
    """With as many texts ended as there are beams: stop (yes), go on while one may still become
    better (never), or only if it is better at its length so far (no, unless given)."""
    contrastive_alpha: float = 0.0
    """Contrastive search among --top-k tokens (4): weight of being unlike the text so far, to 1."""
    draft: Annotated[str | None, off("MODEL")] = None
    """A smaller model with the same tokens, which guesses what this one then checks at once."""
    prompt_lookup: int = 0
    """Guess what followed the same last tokens before, as many as this; 0 is off, to 64."""
    guesses: Annotated[int | None, off("INT")] = None
    """Tokens guessed at a time, 1 to 64; 5 unless given."""


@dataclass(frozen=True)
class Explaining:
    """Why these tokens."""

    logprobs: Annotated[int | None, off("INT")] = None
    """With --json: each token's log-probability, and those of so many likeliest; 0 to 100."""
    trace: Annotated[bool, *flag()] = False
    """Show on stderr what every filter removed for each token; JSON lines with --json."""


def values(*groups: Any) -> dict[str, Any]:
    """The options of `LoadedModel.stream` that groups give; a draft is still its path.

    Raises `ConfigError` for a bias that is none.
    """
    found: dict[str, Any] = {}
    for group in groups:
        found |= {f.name: getattr(group, f.name) for f in dataclasses.fields(group)}
    found.pop("best_of", None)
    if "logit_bias" in found:
        found["logit_bias"] = biases(found["logit_bias"])
    return found


def biases(words: Sequence[str]) -> dict[int, float]:
    """ID=BIAS, ... as a mapping."""
    found = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            found[int(name)] = float(value)
        except ValueError:
            raise ConfigError(
                f"logit_bias = {word!r}; generate; give a token's id and a number, as 262=-5"
            ) from None
    return found

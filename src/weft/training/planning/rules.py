"""The rules of a plan: facts in, a value and its reason out. docs/planning.md has the runs behind.

A rule knows nothing of options that were given; `plan.py` lets those win. All numbers of this file
were fitted on runs of ours, on texts from 10 KB to some MB and budgets from 5 seconds to 5 minutes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple


class Ruled(NamedTuple):
    """What a rule comes to."""

    value: Any
    reason: str


@dataclass(frozen=True)
class Rung:
    """A size of model, with the batch it is trained on."""

    n_embd: int
    n_layer: int
    n_head: int
    block_size: int
    batch_size: int


RUNGS = (
    Rung(64, 2, 2, 64, 12),
    Rung(96, 2, 3, 64, 12),
    Rung(128, 4, 4, 128, 16),
    Rung(192, 4, 6, 128, 16),
    Rung(256, 6, 8, 256, 16),
    Rung(384, 6, 6, 256, 32),
    Rung(512, 8, 8, 512, 32),
    Rung(768, 12, 12, 512, 32),
)
CHARACTERS_UP_TO = 3_000_000  # bytes of a text whose characters are the better tokens
MOST_CHARACTERS = 512  # in a vocabulary of characters
FEW_STEPS, AT_SECONDS, GROWTH = 700, 5.0, 0.28  # see `fewest_steps`
DECAY = 0.6


def tokenizer(size: int, characters: int, seconds: float) -> Ruled:
    """char or bpe, from the bytes and the different characters of the text."""
    if characters > MOST_CHARACTERS:
        return Ruled("bpe", f"{characters:,} different characters are too many for one token each")
    if size <= CHARACTERS_UP_TO:
        return Ruled("char", f"a text of {_bytes(size)} has too few words to learn them as tokens")
    return Ruled("bpe", f"{_bytes(size)} are enough to learn pieces of words, which say more each")


def vocabulary(size: int, seconds: float) -> Ruled:
    """Entries of a bpe vocabulary: more for more text and more time."""
    entries = 2 ** round(math.log2(min(size / 2000, 40 * seconds, 16384)))
    entries = max(512, entries)
    return Ruled(entries, f"for {_bytes(size)} of text and {_time(seconds)} of training")


def fewest_steps(seconds: float) -> float:
    """Steps below which a smaller model is better: 700 in 5 seconds, and more in more time.

    The best of our sizes took 800 steps in 5 s and 1,570 in a minute: t^0.28.
    """
    return float(FEW_STEPS * (seconds / AT_SECONDS) ** GROWTH)


def dropout(epochs: float) -> Ruled:
    """Against learning by heart, from how often the text will be read."""
    if epochs < 2:
        return Ruled(0.0, f"the text is read {epochs:.1f} times: nothing to learn by heart yet")
    value = min(0.4, 0.1 * math.log2(epochs))
    return Ruled(
        round(value, 2), f"the text will be read {epochs:.0f} times: it must not be learnt"
    )


def weight_decay(epochs: float) -> Ruled:
    """Of matrices."""
    return Ruled(0.1, "pulls on matrices only")


def rates(n_embd: int) -> tuple[Ruled, Ruled]:
    """Peak learning rates of AdamW and of Muon."""
    rate = round(1e-2 * min(1.0, 128 / n_embd), 5)
    adamw = Ruled(rate, "for embeddings, norms and the last layer")
    return adamw, Ruled(0.02, "for the matrices of the blocks")


def expected_bits(seconds: float, size: int, kind: str) -> tuple[float, float]:
    """A band for bits per byte on text that was not seen."""
    middle = 2.15 * (seconds / 55) ** -0.04
    return 0.85 * middle, 1.15 * middle


def _bytes(count: float) -> str:
    for unit in ("B", "KB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"

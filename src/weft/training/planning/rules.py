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
    Rung(64, 2, 2, 64, 32),
    Rung(96, 2, 3, 64, 24),
    Rung(128, 2, 4, 128, 12),
    Rung(128, 3, 4, 128, 12),
    Rung(128, 4, 4, 256, 8),
    Rung(160, 4, 5, 256, 8),
    Rung(192, 4, 6, 256, 8),
    Rung(192, 5, 6, 256, 8),
    Rung(256, 5, 8, 256, 8),
    Rung(256, 6, 8, 256, 12),
    Rung(320, 6, 10, 256, 16),
    Rung(384, 7, 12, 256, 24),
    Rung(512, 8, 16, 512, 16),
    Rung(640, 10, 10, 512, 24),
    Rung(768, 12, 12, 512, 32),
)
SMALLEST_FOR_PAIRS = 30_000  # bytes; a shorter text has too few of any piece of a word
PASSES_BY_CHARACTERS = 4.0  # from where on characters are as good as pieces of words
READ_IN_5_S, READING = 0.6e6, 0.7  # characters; reading grows as time ** 0.7, models with it
MOST_CHARACTERS = 512  # in a vocabulary of characters
TOKENS_PER_WEIGHT = 3.2
DECAY = 0.6
DROPOUTS, MOST_DROPOUT = ((20.0, 0.0), (60.0, 0.1), (400.0, 0.2)), 0.3  # below which index
MOST_PASSES = 40.0  # over a text; what more of them bring is learning by heart
SHORT_RUN = 1000  # steps below which Muon's momentum should forget faster


def tokenizer(size: int, characters: int, distinct: int, seconds: float) -> Ruled:
    """char or bpe, from the text's bytes, its characters and its different ones.

    In 5 s a megabyte of English came to 2.25 bits per byte with 2,048 pieces, to 2.48 by
    characters; in a minute both came to 2.15; 10 KB to 3.28 and 3.03.
    """
    if distinct > MOST_CHARACTERS:
        return Ruled("bpe", f"{distinct:,} different characters are too many for one token each")
    if size < SMALLEST_FOR_PAIRS:
        return Ruled("char", f"a text of {_bytes(size)} has too few words to learn them as tokens")
    passes = READ_IN_5_S * (seconds / 5) ** READING / max(characters, 1)
    if passes < PASSES_BY_CHARACTERS:
        return Ruled("bpe", "pieces of words: more of the text is read in the time")
    return Ruled("char", f"there is time to read {_bytes(size)} letter by letter, again and again")


def vocabulary(size: int, seconds: float) -> Ruled:
    """Entries of a bpe vocabulary: more for more text and more time."""
    most = 4096 if seconds < 120 else 8192 if seconds < 600 else 16384
    entries = min(max(2 ** round(math.log2(2 * math.sqrt(size))), 512), most)
    return Ruled(entries, f"for {_bytes(size)} of text and {_time(seconds)} of training")


def size_error(tokens: float, weights: int) -> float:
    """How far a model is below (above 0) or beyond the best size for the tokens that it will read.

    Its weights are a third of them: 0.6 million tokens in 5 s were best spent on 0.23 million
    weights of blocks, 3.2 million in a minute on 0.86 million. Half or twice the size cost 1 %.
    Of a tiny text the passes count that are worth their while: `MOST_PASSES`.
    """
    return math.log(tokens / (TOKENS_PER_WEIGHT * weights))


def dropout(epochs: float, weights: int, train_tokens: int) -> Ruled:
    """Against learning by heart, from how often the text is read and how large the model is.

    It costs 0.07 nats where it is not needed (index 3), gains 0.19 a token at index 25, and saves
    a text of 10 KB that is read 25 times.
    """
    index = epochs * weights / max(train_tokens, 1)
    value = next((rate for most, rate in DROPOUTS if index < most), MOST_DROPOUT)
    why = "hardly learnt by heart" if value == 0 else "it could be learnt by heart"
    return Ruled(value, f"the text is read {epochs:.1f} times: {why}")


def learning_rate(n_embd: int, vocab_size: int) -> Ruled:
    """Peak learning rate of AdamW beside Muon: half as much for many tokens as for characters."""
    peak = 0.02 if vocab_size <= MOST_CHARACTERS else 0.01
    rate = round(peak * min(1.0, 160 / n_embd), 5)
    return Ruled(rate, "AdamW's, for embeddings, norms and the last layer")


def momentum(steps: int) -> Ruled:
    """Muon's, by the length of the run."""
    if steps < SHORT_RUN:
        return Ruled(0.9, "a short run does better with a short memory")
    return Ruled(0.95, "Muon's own")


def expected_bits(
    seconds: float, size: int, zlib_bits: float, bytes_per_character: float
) -> tuple[float, float]:
    """A band for bits per byte on text that was not seen.

    From what zlib makes of a character, from the text's length, and from the time, of which a long
    text makes more: fitted to thirteen runs on five texts (docs/planning.md), so the band is wide.
    """
    middle = (1.66 + 0.14 * zlib_bits) / bytes_per_character
    gain = 0.018 + 0.015 * max(0.0, math.log(max(size, 1) / 1e6))
    middle *= (1 + 3500 / max(size, 1)) * (seconds / 50) ** -gain
    return 0.88 * middle, 1.12 * middle


def _bytes(count: float) -> str:
    for unit in ("B", "KB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"

"""The `stories` corpus: story after story, none of them twice, from one seed.

A story is its paragraphs, one per line; an empty line ends it. So two newlines are the sign that a
new story begins, and the text has no other empty lines. "Once upon a time" is how every story
begins, for a model as for a reader.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from weft.data.stories.plots import PLOTS, all_frames
from weft.data.stories.teller import Draw, Story, Teller

SEED = 1
SIZE = 8_000_000  # characters in the built-in corpus


def story(seed: int, plot: str | None = None) -> Story:
    """The story of a seed, and of one plot if it is named; the same for ever."""
    draw = Draw(seed)
    name = draw.pick(tuple(PLOTS))
    teller = Teller(draw, all_frames())
    PLOTS[plot or name](teller)
    return teller.finish(plot or name)


def stories(seed: int = SEED) -> Iterator[Story]:
    """Endless stories, each text once."""
    seen: set[bytes] = set()
    number = seed << 40
    while True:
        told = story(number)
        mark = hashlib.blake2b(told.text.encode(), digest_size=12).digest()
        if mark not in seen:
            seen.add(mark)
            yield told
        number += 1


def corpus(seed: int = SEED, size: int = SIZE) -> Iterator[str]:
    """The text of stories, each ended by an empty line, until at least `size` characters."""
    told = 0
    for one in stories(seed):
        text = f"{one.text}\n\n"
        yield text
        told += len(text)
        if told >= size:
            return


def default_corpus() -> Iterator[str]:
    return corpus()


@cache
def fingerprint() -> str:
    """What the text depends on: seed, size and the source files of this package."""
    digest = hashlib.sha256(f"{SEED} {SIZE}".encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]

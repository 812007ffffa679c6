"""Single sentences, whatever stands before them: the frames turned round, and the known words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from types import ModuleType

from weft.data.stories import frames, scenes, vocabulary
from weft.data.stories.language import SLOT, titled
from weft.data.stories.plots import MODULES, all_frames

WORD = re.compile(r"[^\W\d_]+(?:'[a-z]+)?(?:-[a-z]+)*")
SPLIT = re.compile(r'(?<=[.!?])(?= )|(?<=[.!?]")(?= )')
ANYTHING = r'[A-Za-z][^.!?"]*?'  # what a slot may hold, when nothing is known of the story


def texts(value: object) -> Iterator[str]:
    """All texts in a constant of a module."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from (*texts(key), *texts(part))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts(part)


def constants(module: ModuleType) -> Iterator[str]:
    for name, value in vars(module).items():
        if name.isupper():
            yield from texts(value)


@cache
def words() -> frozenset[str]:
    """Every word of the frames and the vocabulary, in small letters."""
    lines = [
        line for module in (frames, scenes, vocabulary, *MODULES) for line in constants(module)
    ]
    forms = [p.name for p in (*vocabulary.cast(), scenes.MOTHER)]
    pronouns = (
        "he him his himself was she her herself it its itself they them their themselves were"
    )
    text = " ".join(SLOT.sub(" ", line) for line in (*lines, *forms, pronouns, "a an the boy girl"))
    return frozenset(word.lower() for word in WORD.findall(text))


def unknown(sentence: str) -> list[str]:
    """The words of a sentence that no story has."""
    found = (word for word in WORD.findall(sentence))
    return [
        w for w in found if w.lower() not in words() and w.lower().removesuffix("'s") not in words()
    ]


@cache
def patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Each sentence of each frame with its key; a slot holds any words."""
    lines = [(key, frame.line) for key, all_ in all_frames().items() for frame in all_]
    said = [
        (module.__name__.rpartition(".")[2], cell)
        for module in (vocabulary, *MODULES)
        for line in constants(module)
        for row in line.splitlines()
        if not row.startswith("@")
        for cell in row.split("|")
        if cell.endswith((".", "!", '"'))
    ]
    found = dict.fromkeys(
        (key, part.strip()) for key, line in (*lines, *said) for part in SPLIT.split(line)
    )  # fmt: skip
    return tuple((key, pattern(sentence)) for key, sentence in found)


def pattern(sentence: str) -> re.Pattern[str]:
    parts = SLOT.split(sentence)[::3]
    inner = ANYTHING.join(re.escape(part) for part in parts)
    return re.compile(inner[:1].upper() + inner[1:] if sentence[:1] != "{" else inner)


def keys(sentence: str) -> list[str]:
    """The keys of the frames that have this sentence, with whomever and whatever in the slots."""
    return [key for key, one in patterns() if one.fullmatch(sentence)]


__all__ = ["keys", "titled", "unknown", "words"]

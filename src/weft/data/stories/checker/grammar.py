"""Single sentences, whatever stands before them: the frames turned round, and the known words."""

from __future__ import annotations

import re
from functools import cache

from weft.data.stories import scenes, vocabulary
from weft.data.stories.language import PRONOUNS, SLOT
from weft.data.stories.plots import MODULES, all_frames

WORD = re.compile(r"[^\W\d_]+(?:'[a-z]+)?(?:-[a-z]+)*")
SPLIT = re.compile(r'(?<=[.!?])(?= )|(?<=[.!?]")(?= )')
ANYTHING = r'[A-Za-z][^.!?"]*?'  # what a slot may hold, when nothing is known of the story


@cache
def words() -> frozenset[str]:
    """Every word of the frames and the vocabulary, in small letters."""
    constants = [vars(module) for module in (scenes, vocabulary, *MODULES)]
    texts = [value for names in constants for name, value in names.items()
             if name.isupper() and isinstance(value, str)]  # fmt: skip
    forms = [form for pronoun in PRONOUNS.values() for form in pronoun]
    text = " ".join((*texts, *scenes.DAYS, scenes.MOTHER.name, *forms, "a an the"))
    return frozenset(word.lower() for word in WORD.findall(SLOT.sub(" ", text)))


def unknown(sentence: str) -> list[str]:
    """The words of a sentence that no story has."""
    return [
        word
        for word in WORD.findall(sentence)
        if not words() & {word.lower(), word.lower().removesuffix("'s")}
    ]


@cache
def patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Each sentence of each frame with its key; a slot holds any words."""
    lines = [(key, frame.line) for key, all_ in all_frames().items() for frame in all_]
    lines += [("say", line) for hero in vocabulary.heroes() for line in (hero.habit, hero.echo)]
    found = dict.fromkeys((key, part.strip()) for key, line in lines for part in SPLIT.split(line))
    return tuple((key, pattern(sentence)) for key, sentence in found)


def pattern(sentence: str) -> re.Pattern[str]:
    return re.compile(ANYTHING.join(re.escape(part) for part in SLOT.split(sentence)[::3]))


def keys(sentence: str) -> list[str]:
    """The keys of the frames that have this sentence, with whomever and whatever in the slots."""
    return [key for key, one in patterns() if one.fullmatch(sentence)]

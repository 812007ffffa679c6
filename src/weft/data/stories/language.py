"""Sentence frames: text with slots, and who may be called `he` or `she` in it.

A frame is a line such as `{a} gave {b} {x.a}.`; a slot names a role and a form. A person without
a form is `Mia` or `she`, as the sentences before allow; `{a!}` is always the name; `{a.his}`,
`{a.him}`, `{a.he}` are pronouns; `{x}` is `the red kite` or `the kite`, `{x.a}` is `a red kite`.
Frames are compiled once; a later reader of stories can compile the same lines into patterns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

SLOT = re.compile(r"\{([a-z]+)(!|\.[A-Za-z]+)?\}")
SENTENCE_END = re.compile(r'[.!?]"? ')
PRONOUNS = {
    "he": ("he", "him", "his", "himself", "was"),
    "she": ("she", "her", "her", "herself", "was"),
    "it": ("it", "it", "its", "itself", "was"),
    "they": ("they", "them", "their", "themselves", "were"),
}
PRONOUN_FORMS = ("he", "him", "his", "himself", "was")


@dataclass(frozen=True)
class Slot:
    role: str
    form: str  # "" chooses between name and pronoun
    capital: bool  # it begins a sentence
    sentence: int  # of the frame; in the first one, 0, a pronoun may point further back
    spoken: bool  # inside quotation marks


@dataclass(frozen=True)
class Frame:
    """`texts[0] slots[0] texts[1] slots[1] ... texts[-1]`"""

    line: str
    texts: tuple[str, ...]
    slots: tuple[Slot, ...]


@cache
def compile_frame(line: str) -> Frame:
    """The frame that `line` describes."""
    texts, slots, position = [], [], 0
    for match in SLOT.finditer(line):
        before = line[: match.start()]
        form = "name" if match[2] == "!" else (match[2] or "").lstrip(".")
        texts.append(line[position : match.start()])
        spoken = before.count('"') % 2 == 1
        sentence = len(SENTENCE_END.findall(before))
        slots.append(Slot(match[1], form, begins_sentence(before), sentence, spoken))
        position = match.end()
    texts.append(line[position:])
    if "{" in "".join(texts) or "}" in "".join(texts):
        raise ValueError(f"malformed slot in frame: {line}")
    return Frame(line, tuple(texts), tuple(slots))


def begins_sentence(before: str) -> bool:
    """Whether a word after `before` begins a sentence; not after `?" `, as in `"Why?" he said`."""
    if before.endswith('"'):  # the first word that is spoken, unless the speech goes on
        return before.count('"') % 2 == 1 and not before.endswith(', "')
    return before == "" or before.endswith((". ", "! ", "? ", '." '))


def read_frames(text: str) -> dict[str, tuple[Frame, ...]]:
    """Frames by key from lines: `@key` begins a key, each line after it is one frame."""
    found: dict[str, list[Frame]] = {}
    key = ""
    for line in filter(None, (line.strip() for line in text.splitlines())):
        if line.startswith("@"):
            key = line[1:]
            if key in found:
                raise ValueError(f"frame key twice: {key}")
            found[key] = []
        else:
            found[key].append(compile_frame(line))
    return {key: tuple(frames) for key, frames in found.items()}


def titled(words: str) -> str:
    """`Walk on Stilts`: capitals as in a title."""
    small = ("a", "an", "the", "of", "on", "in", "out", "with", "from")
    return " ".join(w if w in small else w[0].upper() + w[1:] for w in words.split())


def with_article(words: str) -> str:
    """`an apple`, `a kite`."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def listed(words: list[str]) -> str:
    """`x`, `x and y`, `x, y and z`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"

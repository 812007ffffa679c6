"""Sentence frames: text with slots for people, things and words.

A frame is a line such as `{a} gave {b} {x.a}.`; a slot names a role and a form. A person is called
by name, `Mia` or `the crow`; `{a.he}`, `{a.him}`, `{a.his}` are pronouns, which only a frame can
ask for. `{x}` is `the red kite` at each mention, `{x.a}` is `a red kite`, `{x.noun}` is `kite`.
Frames are compiled once; what begins a sentence gets its capital by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

SLOT = re.compile(r"\{([a-z]+)(\.[a-z]+)?\}")
PRONOUNS = {
    "he": ("he", "him", "his"),
    "she": ("she", "her", "her"),
    "it": ("it", "it", "its"),
}
PRONOUN_FORMS = ("he", "him", "his")


@dataclass(frozen=True)
class Slot:
    role: str
    form: str  # "" is the name of a person, and the thing with its colour
    capital: bool  # it begins a sentence


@dataclass(frozen=True)
class Frame:
    """`texts[0] slots[0] texts[1] slots[1] ... texts[-1]`"""

    line: str
    texts: tuple[str, ...]
    slots: tuple[Slot, ...]


@cache
def compile_frame(line: str) -> Frame:
    """The frame that `line` describes. Raises ValueError for a slot that is none."""
    texts, slots, position = [], [], 0
    for match in SLOT.finditer(line):
        texts.append(line[position : match.start()])
        form = (match[2] or "").lstrip(".")
        slots.append(Slot(match[1], form, begins_sentence(line[: match.start()])))
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


def with_article(words: str) -> str:
    """`an apple`, `a kite`."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"

"""The teller of one story: it draws, lets events happen, and puts each into a sentence.

A plot calls `tell(key)`: the event is checked against the world, and one of the frames of that key
is drawn and filled with the roles. Only `Draw.number` is random, and it is
`random.Random(seed).random()`, which is the same on every platform.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from weft.data.stories.language import Frame, Slot, compile_frame
from weft.data.stories.world import World

Item = TypeVar("Item")


class Draw:
    """All chance in a story."""

    def __init__(self, seed: int) -> None:
        self.number = random.Random(seed).random

    def pick(self, items: Sequence[Item]) -> Item:
        return items[int(self.number() * len(items))]

    def chance(self) -> bool:
        """One time in two: what a story may tell or leave out is as likely as not."""
        return self.pick((True, False))


@dataclass(frozen=True)
class Event:
    """What was told: the key of the frame, the roles, and the words."""

    key: str
    roles: dict[str, Any]
    sentence: str


@dataclass(frozen=True)
class Story:
    """A finished story. `text` is its paragraphs, one per line."""

    text: str
    events: list[Event]
    plot: str


@dataclass
class Teller:
    """A story that is being told. `roles` are the ones that frames may name."""

    draw: Draw
    frames: dict[str, tuple[Frame, ...]]
    world: World = field(default_factory=World)
    roles: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    _paragraphs: list[list[str]] = field(default_factory=lambda: [[]])

    def tell(self, *keys: str) -> None:
        """Let the event of each key happen, and tell it in a sentence of that key."""
        for key in keys:
            self.world.apply(key.partition(".")[0], self.roles)
            self._put(key, self.frames[key])

    def say(self, line: str) -> None:
        """Tell sentences whose frame is given, not drawn; the event's key is `say`."""
        self._put("say", (compile_frame(line),))

    def paragraph(self) -> None:
        """Begin a new paragraph."""
        self._paragraphs.append([])

    def finish(self, plot: str) -> Story:
        text = "\n".join(" ".join(lines) for lines in self._paragraphs if lines)
        return Story(text, self.events, plot)

    def _put(self, key: str, frames: Sequence[Frame]) -> None:
        self._add(key, "".join(words for words, _ in self.parts(self.draw.pick(frames))))

    def _add(self, key: str, sentence: str) -> None:
        self.events.append(Event(key, dict(self.roles), sentence))
        self._paragraphs[-1].append(sentence)

    def parts(self, frame: Frame) -> list[tuple[str, Slot | None]]:
        """The words of a frame, each with the slot that they fill, if it is one."""
        found: list[tuple[str, Slot | None]] = [(frame.texts[0], None)]
        for slot, text in zip(frame.slots, frame.texts[1:], strict=True):
            value = self.roles[slot.role]
            words = value if isinstance(value, str) else value.forms[slot.form]
            found.append((words[0].upper() + words[1:] if slot.capital else words, slot))
            found.append((text, None))
        return found

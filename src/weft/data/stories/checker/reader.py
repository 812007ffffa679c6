"""The teller turned round: it tells a plot along a page, and stops where the page differs.

Plots run as they are. Where they draw, a `Guess` decides; where they tell, one of the sentences
that may be told must stand on the page, letter by letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from weft.data.stories.checker.page import Page, Place
from weft.data.stories.language import Frame, Slot
from weft.data.stories.teller import Draw, Teller

Item = TypeVar("Item")
START = Place(0, 0)


class StuckError(Exception):
    """The page does not go on as this course of events does."""


@dataclass(frozen=True)
class Halt:
    """How far a sentence agreed with the page: up to `place`, where `expected` should have been."""

    place: Place
    begin: Place  # where the sentence began
    key: str
    slot: Slot | None = None  # None: the frame's own words, or the end of the story
    expected: str = ""


class Guess(Draw):
    """Decisions instead of chance: those of `script`, then always the first of what may be.

    `made` are the decisions, each with how many there were to choose from.
    """

    def __init__(self, script: Sequence[int]) -> None:
        self.script = script
        self.made: list[tuple[int, int]] = []

    def pick(self, items: Sequence[Item]) -> Item:
        at = len(self.made)
        chosen = self.script[at] if at < len(self.script) else 0
        self.made.append((chosen, len(items)))
        return items[chosen]


@dataclass
class Reader(Teller):
    """A teller that reads `page`. `halts` are the farthest places where it did not agree."""

    page: Page = field(default_factory=lambda: Page(()))
    halts: list[Halt] = field(default_factory=list)
    at: Place = START
    _fresh: bool = True  # the next sentence begins a paragraph

    def paragraph(self) -> None:
        super().paragraph()
        self._fresh = True

    def end(self) -> None:
        """The plot is told: the page must end here. Raises StuckError if it goes on."""
        if not self.page.after_all(self.at):
            self._halt(Halt(self.at, self.at, "end"))
            raise StuckError

    def _put(self, key: str, frames: Sequence[Frame]) -> None:
        """Read one of `frames`; where several stand on the page, which one is a decision."""
        begin = self._begin(key)
        ends = [end for frame in frames if (end := self._match(begin, key, frame))]
        if not ends:
            raise StuckError
        self.at = self.draw.pick(ends)
        self._fresh = False
        self._add(key, self.page.paragraphs[begin.paragraph][begin.offset : self.at.offset])

    def _begin(self, key: str) -> Place:
        """Where the next sentence begins: after a space, or at the next paragraph."""
        now = self.at
        if not self._fresh:
            rest = self.page.paragraphs[now.paragraph][now.offset :]
            if rest.startswith(" "):
                return Place(now.paragraph, now.offset + 1)
        elif now.offset == 0:
            return now
        elif now.offset == len(self.page.paragraphs[now.paragraph]) and (
            now.paragraph + 1 < len(self.page.paragraphs)
        ):
            return Place(now.paragraph + 1, 0)
        self._halt(Halt(now, now, key))
        raise StuckError

    def _match(self, begin: Place, key: str, frame: Frame) -> Place | None:
        """Where `frame`, told from `begin`, ends on the page; None if it is not there."""
        text, at = self.page.paragraphs[begin.paragraph], begin.offset
        for words, slot in self.parts(frame):
            if not text.startswith(words, at):
                place = Place(begin.paragraph, at + agreeing(text, at, words) * (slot is None))
                self._halt(Halt(place, begin, key, slot, words))
                return None
            at += len(words)
        return Place(begin.paragraph, at)

    def _halt(self, halt: Halt) -> None:
        """Keep `halt` if no other is farther."""
        if self.halts and self.halts[0].place < halt.place:
            self.halts.clear()
        if halt not in self.halts and not (self.halts and halt.place < self.halts[0].place):
            self.halts.append(halt)


def agreeing(text: str, at: int, words: str) -> int:
    """How many characters of `words` stand in `text` at `at`."""
    count = 0
    for a, b in zip(text[at : at + len(words)], words, strict=False):
        if a != b:
            break
        count += 1
    return count

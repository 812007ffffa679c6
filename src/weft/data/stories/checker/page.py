"""A story as it stands on a page: its paragraphs, and sentences with their numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

SENTENCE = re.compile(r'(?<!\bMr)(?<!\bMrs)[.!?]"?(?= |$)')
LONGEST = 4_000  # characters; the longest story of the generator has 1,000


@dataclass(frozen=True)
class Place:
    """Somewhere on a page: `offset` characters into a paragraph."""

    paragraph: int
    offset: int

    def __lt__(self, other: Place) -> bool:
        return (self.paragraph, self.offset) < (other.paragraph, other.offset)


@dataclass(frozen=True)
class Page:
    paragraphs: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.paragraphs)

    def sentences(self) -> list[tuple[Place, str]]:
        """Each sentence and where it begins; a sentence that is cut off is one as well."""
        return [(Place(i, at), words) for i, text in enumerate(self.paragraphs)
                for at, words in split(text)]  # fmt: skip

    def number(self, place: Place) -> int:
        """The number of the sentence around `place`, from 1; the one after the last at the end."""
        if place.paragraph >= len(self.paragraphs) or self.after_all(place):
            return len(self.sentences()) + 1
        if place.offset >= len(self.paragraphs[place.paragraph]):
            place = Place(place.paragraph + 1, 0)
        begun = [start for start, _ in self.sentences() if not place < start]
        return max(len(begun), 1)

    def after_all(self, place: Place) -> bool:
        """Whether nothing follows `place`."""
        last = len(self.paragraphs) - 1
        return place.paragraph >= last and place.offset >= len(self.paragraphs[last])

    def rest(self, place: Place) -> str:
        """What follows `place` in its paragraph."""
        if place.paragraph >= len(self.paragraphs):
            return ""
        return self.paragraphs[place.paragraph][place.offset :].lstrip()


def split(paragraph: str) -> list[tuple[int, str]]:
    """Sentences with the offset where each begins."""
    found, start = [], 0
    for end in SENTENCE.finditer(paragraph):
        found.append((start, paragraph[start : end.end()]))
        start = end.end() + 1
    if start < len(paragraph):
        found.append((start, paragraph[start:]))
    return found


def read_page(text: str) -> Page:
    """The page of a text, cut after `LONGEST` characters."""
    return Page(tuple(text[:LONGEST].strip("\n").split("\n")))

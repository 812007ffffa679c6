"""What is wrong with a story, in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from weft.data.stories.checker.grammar import keys, unknown
from weft.data.stories.checker.page import Page, Place, read_page
from weft.data.stories.checker.reader import Halt
from weft.data.stories.checker.search import read
from weft.data.stories.language import SLOT
from weft.data.stories.plots import MODULES, PLOTS

KINDS = {
    "word": "a word that no story has",
    "sentence": "a sentence that no frame makes",
    "who": "somebody else, or a pronoun that does not fit",
    "what": "another thing, place or phrase than the story has",
    "order": "a sentence of another story, or without its cause, or twice",
    "end": "cut off, or going on after its end",
}


@dataclass(frozen=True)
class Violation:
    """What is wrong in a sentence; the first one is 1."""

    sentence: int
    kind: str  # a key of KINDS
    reason: str

    def __str__(self) -> str:
        return f"sentence {self.sentence}: {self.kind}: {self.reason}"


def check(text: str) -> list[Violation]:
    """What is wrong with one story; nothing if the generator could have told it.

    Unknown words are reported wherever they are. Beyond them it is the first thing that keeps the
    plot from going on, for what follows a wrong fact cannot be judged.
    """
    page = read_page(text)
    if not text.strip():
        return [Violation(1, "end", "there is no story")]
    wrong = list(single(page))
    halts: list[Halt] = []
    for plot in likely(page)[:2]:
        reader, stuck = read(page, plot)
        if reader is not None:
            return wrong
        halts += stuck
    return sorted([*wrong, explain(page, halts)], key=lambda one: one.sentence)


def single(page: Page) -> list[Violation]:
    """Words that no story has."""
    found = []
    for number, (_, sentence) in enumerate(page.sentences(), 1):
        strange = unknown(sentence)
        if strange:
            found.append(Violation(number, "word", f"no story has the word {strange[0]!r}"))
    return found


def likely(page: Page) -> list[str]:
    """The plots, first the one that has most of the page's sentences."""
    counts = {name: sum(one in page.text for one in parts) for name, parts in pieces().items()}
    return sorted(counts, key=lambda name: -counts[name])


@cache
def pieces() -> dict[str, list[str]]:
    """By plot, the longest run of words of each frame."""
    found = {}
    for name, module in zip(PLOTS, MODULES, strict=True):
        lines = [line for line in module.FRAMES.splitlines() if line and line[0] != "@"]
        found[name] = [max(SLOT.split(line)[::3], key=len) for line in lines]
    return found


def explain(page: Page, halts: list[Halt]) -> Violation:
    """The violation at the farthest place that a reading came to."""
    place = max(
        (h.place for h in halts), default=Place(0, 0), key=lambda p: (p.paragraph, p.offset)
    )
    last = [h for h in halts if h.place == place]
    number = page.number(place)
    if not last:
        return Violation(number, "order", "no story of the generator begins like this")
    halt = min(last, key=lambda h: (h.begin, h.slot is None))
    at = page.sentences()
    if page.after_all(halt.begin) and halt.key != "end":
        return Violation(
            len(at), "end", f"the story stops before its end ({halt.key} should follow)"
        )
    if halt.key == "end":
        return Violation(number, "end", "the story goes on after its end")
    sentence = at[min(number, len(at)) - 1][1]
    if halt.begin < place and halt.slot:
        kind = "who" if halt.slot.role in "abcdm" else "what"
        return Violation(
            number, kind, f'"{short(page.rest(place))}" where the story has "{halt.expected}"'
        )
    known = keys(sentence)
    if not known:
        return Violation(number, "sentence", f'no frame makes "{short(sentence)}"')
    return Violation(
        number, "order", f'"{short(sentence)}" ({known[0]}) where {halt.key} should follow'
    )


def short(words: str) -> str:
    return words if len(words) <= 40 else words[:37].rsplit(" ", 1)[0] + " ..."

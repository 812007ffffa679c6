"""The teller turned round: it tells a plot along a page, and stops where the page differs.

Plots run as they are. Where they draw, a `Guess` decides; where they tell, the sentence must stand
on the page. A person may be called by name wherever the teller would take a pronoun, and by a
pronoun wherever nobody else can be meant; a thing may be `the red kite` or `the kite`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar, cast

from weft.data.stories import vocabulary
from weft.data.stories.checker.page import Page, Place
from weft.data.stories.language import SLOT, Frame, Slot, compile_frame
from weft.data.stories.teller import Draw, Event, Teller
from weft.data.stories.world import ContradictionError, Person, Thing
from weft.data.stories.world import Place as Spot

Item = TypeVar("Item")


class StuckError(Exception):
    """The page does not go on as this course of events does."""


@dataclass(frozen=True)
class Halt:
    """How far a frame agreed with the page: up to `place`, where `expected` should have been."""

    place: Place
    begin: Place  # where the frame began
    key: str
    frame: Frame | None = None
    slot: Slot | None = None  # None: the frame's own words, or the end of the story
    expected: str = ""
    fact: str = ""  # what the world said


START = Place(0, 0)
COURSE = object()  # what was decided was the course of events, not somebody or something in it


class Guess(Draw):
    """Decisions instead of chance: those of `script`, then always the first of what may be.

    `made` are the decisions, how many there were to choose from, and what was chosen; `blamed` are
    those on which the words depend that were looked for since the page was last agreed with.
    """

    def __init__(self, script: Sequence[int], text: str, found: dict[int | str, int]) -> None:
        self.script, self.text = script, text.lower()
        self._found = found  # where items are mentioned, from one reading of the text to the next
        self.made: list[tuple[int, int, Any]] = []
        self.blamed: set[int] = set()
        self._told: set[int] = set()  # on the page already, so that they are right
        self._parts: dict[int, set[int]] = {}  # id of a part of what was chosen -> decisions
        self._words: list[tuple[str, int]] = []  # the same for texts

    def decide(self, options: Sequence[Item], course: bool = True) -> Item:
        if not options:
            raise StuckError
        at = len(self.made)
        chosen = self.script[at] if at < len(self.script) else 0
        self.made.append((chosen, len(options), COURSE if course else options[chosen]))
        if not course:
            self._note(at, options[chosen])
        return options[chosen]

    def pick(self, items: Sequence[Item], course: bool = False) -> Item:
        """What the page mentions; of what it does not mention, one is as good as another."""
        places = [self.first(item) for item in items]
        seen = sorted((at, i) for i, at in enumerate(places) if at >= 0)
        options = [items[i] for _, i in seen]
        if len(options) < len(items):
            options.append(items[places.index(-1)])
        return self.decide(options, course)

    def way(self, items: Sequence[Item]) -> Item:
        different = list(dict.fromkeys(items))
        return self.decide(sorted(different, key=lambda item: self.first(item) < 0))

    def chance(self, probability: float) -> bool:
        return self.decide((True, False))

    def first(self, item: Any) -> int:
        """Where the page first mentions `item`; -1 if it does not."""
        key = id(item) if isinstance(item, Person | Spot) else item  # those live in the vocabulary
        if isinstance(key, int | str) and key in self._found:
            return self._found[key]
        found = [at for trace in traces(item) if (at := self.find(trace)) >= 0]
        place = min(found) if found else -1
        if isinstance(key, int | str):
            self._found[key] = place
        return place

    def _note(self, decision: int, item: Any) -> None:
        if isinstance(item, tuple | list):
            for cell in item:
                self._note(decision, cell)
        elif isinstance(item, str):
            self._words.append((item.lower(), decision))
        else:
            self._parts.setdefault(id(item), set()).add(decision)

    def find(self, words: str) -> int:
        """Where `words` begin in the text as whole words, or -1."""
        text, at = self.text, self.text.find(words)
        while at >= 0 and (text[at - 1 : at].isalpha() or text[at + len(words) :][:1].isalpha()):
            at = text.find(words, at + 1)
        return at

    def blame(self, value: Any) -> None:
        """The words of `value` were looked for: the decisions for it matter."""
        self.blamed |= self._for(value)

    def agree(self, values: Iterable[Any]) -> None:
        """The words of `values` stand on the page."""
        for value in values:
            self._told |= self._for(value)
        self.blamed.clear()

    def conflict(self) -> set[int]:
        """The decisions without which a reading would not be stuck where it is.

        They are those for what was looked for; those which may have narrowed the choice of it,
        for they were made before it and have not been told yet; and the course of events.
        """
        course = {i for i, made in enumerate(self.made) if made[2] is COURSE}
        silent = set(range(len(self.made))) - self._told - course
        narrowed = {
            i
            for i in silent
            for last in self.blamed
            if i < last and sort(self.made[i][2]) in (list, sort(self.made[last][2]))
        }
        return course | self.blamed | narrowed

    def _for(self, value: Any) -> set[int]:
        """The decisions that gave a role the `value`, as it is or as a part."""
        if isinstance(value, str):
            low = value.lower()
            return {i for words, i in self._words if words in low or low in words}
        found = set(self._parts.get(id(value), ()))
        if isinstance(value, Person):
            for member in value.members:
                found |= self._for(member)
        elif isinstance(value, Thing):
            of = (value.adjective, *value.forms.values())
            found |= {i for words, i in self._words if words in of}
        return found


def sort(item: Any) -> type:
    """What kind of thing was chosen: of the same kind nobody and nothing is chosen twice."""
    return sort(item[0]) if isinstance(item, tuple) else type(item)


def traces(item: Any) -> list[str]:
    """Words in small letters, some of which a page that tells of `item` has."""
    if isinstance(item, str):
        return trace_of(item)
    if isinstance(item, Person):
        return [(item.kind if item.gender == "it" else item.name).lower()]
    if isinstance(item, Spot):
        return [item.forms.get("bare", item.name).lower()]
    if isinstance(item, Thing):
        return [item.forms["bare"]]
    if isinstance(item, list):  # a row of a table: not all of it needs to be told
        return [trace for cell in item for trace in traces(cell)]
    return traces(item[0]) if isinstance(item, tuple) else []


@cache
def trace_of(words: str) -> list[str]:
    return [max(SLOT.split(words)[::3], key=len).strip(" .,").lower()]


@dataclass
class Reader(Teller):
    """A teller that reads `page`. `halts` are the farthest places where it did not agree."""

    page: Page = field(default_factory=lambda: Page("", ()))
    halts: list[Halt] = field(default_factory=list)
    titled: bool = True  # the title agrees
    at: Place = START
    _fresh: bool = True  # the next sentence begins a paragraph

    @property
    def guess(self) -> Guess:
        return cast(Guess, self.draw)

    # -- what plots call

    def tell(self, *keys: str, **roles: Any) -> None:
        known = {**self.roles, **roles}
        for key in keys:
            begin = self._begin(key)
            try:
                self.world.apply(key.partition(".")[0], known)
            except ContradictionError as error:
                self._halt(Halt(begin, begin, key, fact=str(error)))
                raise StuckError from None
            self._read(key, self._open(key), known)

    def maybe(self, probability: float, *keys: str, **roles: Any) -> None:
        try:
            begin = self._begin(keys[0])
        except StuckError:
            return
        known = {**self.roles, **roles}
        fits = [f for f in self._open(keys[0]) if self._match(begin, keys[0], f, known)]
        if fits and self.draw.chance(probability):
            self.tell(*keys, **roles)

    def say(self, line: str, **roles: Any) -> None:
        self._read("say", (compile_frame(line),), {**self.roles, **roles})

    def paragraph(self) -> None:
        super().paragraph()
        self._fresh = True

    def call(self, *titles: str) -> None:
        fits = [t for t in titles if self._titled(compile_frame(t)) == self.page.title]
        self.titled = bool(fits) or not self.page.title

    def thing(self, kind: str, *flags: str, but: str = "") -> Thing:
        return self._thing_of(kind, lambda r: r[0] != but and all(f in r[2] for f in flags))

    def mendable(self, how: str) -> Thing:
        return self._thing_of("thing", lambda row: row[4] == how)

    def end(self) -> None:
        """The plot is told: the page must end here. Raises StuckError if it goes on."""
        if not self.page.after_all(self.at):
            self._halt(Halt(self.at, self.at, "end"))
            raise StuckError

    # -- reading

    def _thing_of(self, kind: str, fits: Callable[[vocabulary.Row], bool]) -> Thing:
        rows = [row for row in vocabulary.thing_rows(kind) if fits(row)]
        made = [vocabulary.make_thing(row, adjective) for row in rows for adjective in row[1]]
        return self.guess.pick(made, course=True)  # what a thing can do decides what happens

    def _open(self, key: str) -> tuple[Frame, ...]:
        """The frames of `key` that the story has not used, or all if it has used them all."""
        frames = self.frames[key]
        return tuple(f for f in frames if f.line not in self._used) or frames

    def _titled(self, frame: Frame) -> str:
        parts = [frame.texts[0]]
        for slot, text in zip(frame.slots, frame.texts[1:], strict=True):
            value = self.roles[slot.role]
            parts += [value if isinstance(value, str) else value.forms[slot.form], text]
        return "".join(parts)

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

    def _read(self, key: str, frames: Sequence[Frame], known: dict[str, Any]) -> None:
        begin = self._begin(key)
        found = [(end, f) for f in frames if (end := self._match(begin, key, f, known))]
        if not found:
            raise StuckError
        self.at, frame = self.guess.decide(found)
        self.guess.agree(known[slot.role] for slot in frame.slots)
        self._fresh = False
        self._used.add(frame.line)
        text = self.page.paragraphs[begin.paragraph][begin.offset : self.at.offset]
        self.events.append(Event(key, known, text))
        self._paragraphs[-1].append(text)
        self._after(frame, known)

    def _match(self, begin: Place, key: str, frame: Frame, known: dict[str, Any]) -> Place | None:
        """Where `frame`, told from `begin`, ends on the page; None if it is not there."""
        text = self.page.paragraphs[begin.paragraph]
        at = begin.offset
        mentioned: list[Person] = []
        for i, literal in enumerate(frame.texts):
            if not (same(text, at, literal) or (i == 0 and same(text, at, sentence(literal)))):
                place = Place(begin.paragraph, at + agreeing(text, at, literal))
                self._halt(Halt(place, begin, key, frame, expected=literal))
                return None
            at += len(literal)
            if i == len(frame.slots):
                break
            slot = frame.slots[i]
            self.guess.blame(known[slot.role])
            names = self._names(known[slot.role], slot, mentioned)
            upper = slot.capital or (i == 0 and not literal)
            fits = [n for n in names if same(text, at, sentence(n) if upper else n)]
            follow = [n for n in fits if same(text, at + len(n), frame.texts[i + 1])]
            if not fits:
                self._halt(Halt(Place(begin.paragraph, at), begin, key, frame, slot, names[0]))
                return None
            at += len((follow or fits)[0])
        return Place(begin.paragraph, at)

    def _names(self, value: Any, slot: Slot, mentioned: list[Person]) -> list[str]:
        """What may stand in a slot."""
        if isinstance(value, Person):
            names = self._people(value, slot, mentioned)
            mentioned.append(value)
            return names
        if isinstance(value, Thing):
            return [value.forms[f] for f in ([slot.form] if slot.form else ["full", "the"])]
        return [value.forms[slot.form or "the"] if isinstance(value, Spot) else value]

    def _people(self, person: Person, slot: Slot, mentioned: list[Person]) -> list[str]:
        if slot.form:
            return [person.forms[slot.form]]
        others = [p for p in mentioned if p is not person]
        if person not in mentioned and person is self._topic and slot.sentence == 0:
            others += [p for p in self._others if p is not person]
        elif person not in mentioned:
            return [person.name]
        clear = not any(p.gender == person.gender for p in others)
        return [person.name, person.forms["he"]] if clear else [person.name]

    def _after(self, frame: Frame, known: dict[str, Any]) -> None:
        """Who is meant by a pronoun after `frame`."""
        people = [(slot, known[slot.role]) for slot in frame.slots]
        people = [(slot, value) for slot, value in people if isinstance(value, Person)]
        topic, about = None, -1
        for slot, value in people:
            if not slot.spoken and slot.sentence > about:
                topic, about = value, slot.sentence
        self._turn(topic, [value for _, value in people])

    def _halt(self, halt: Halt) -> None:
        """Keep `halt` if no other is farther."""
        if self.halts and self.halts[0].place < halt.place:
            self.halts.clear()
        if halt not in self.halts and not (self.halts and halt.place < self.halts[0].place):
            self.halts.append(halt)


def same(text: str, at: int, words: str) -> bool:
    return text.startswith(words, at)


def sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def agreeing(text: str, at: int, words: str) -> int:
    """How many characters of `words` stand in `text` at `at`."""
    count = 0
    for a, b in zip(text[at : at + len(words)], words, strict=False):
        if a != b:
            break
        count += 1
    return count

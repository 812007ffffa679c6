"""The teller of one story: it draws, lets events happen, and puts each into a sentence.

A plot calls `tell(key, role=...)`: the event is checked against the world, a frame of that key is
drawn, and people become `he` or `she` where nobody else can be meant. Only `Draw.number` is
random, and it is `random.Random(seed).random()`, which is the same on every platform.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from weft.data.stories import vocabulary
from weft.data.stories.language import Frame, Slot, compile_frame
from weft.data.stories.world import Person, Place, Thing, World, together

Item = TypeVar("Item")


class Draw:
    """All chance in a story."""

    def __init__(self, seed: int) -> None:
        self.number = random.Random(seed).random

    def pick(self, items: Sequence[Item]) -> Item:
        return items[int(self.number() * len(items))]

    def way(self, items: Sequence[Item]) -> Item:
        """A pick of how the story goes on, which its words need not show at once."""
        return self.pick(items)

    def chance(self, probability: float) -> bool:
        return self.number() < probability


@dataclass(frozen=True)
class Event:
    """What was told: the key of the frame, its roles, and the words."""

    key: str
    roles: dict[str, Any]
    sentence: str


@dataclass
class Story:
    """A finished story. `text` is the title, a newline, and the paragraphs, one per line."""

    title: str
    text: str
    events: list[Event]
    plot: str

    @property
    def body(self) -> str:
        """The paragraphs without the title."""
        return self.text.partition("\n")[2]


@dataclass
class Teller:
    """A story that is being told. `roles` are the ones that frames may name at any time."""

    draw: Draw
    frames: dict[str, tuple[Frame, ...]]
    world: World = field(default_factory=World)
    roles: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    title: str = ""
    _paragraphs: list[list[str]] = field(default_factory=lambda: [[]])
    _used: set[str] = field(default_factory=set)
    _topic: Person | None = None
    _others: tuple[Person, ...] = ()  # people in the last sentence who are not its topic
    _pronouns: int = 0  # sentences in a row in which the topic was a pronoun
    _named: set[Thing] = field(default_factory=set)  # things named in full in this paragraph

    # -- telling

    def tell(self, *keys: str, **roles: Any) -> None:
        """Let the event of each key happen, and tell it in a sentence of that key."""
        known = {**self.roles, **roles}
        for key in keys:
            self.world.apply(key.partition(".")[0], known)
            sentence = self._render(self._choose(key), known)
            self.events.append(Event(key, known, sentence))
            self._paragraphs[-1].append(sentence)

    def maybe(self, probability: float, *keys: str, **roles: Any) -> None:
        if self.draw.chance(probability):
            self.tell(*keys, **roles)

    def say(self, line: str, **roles: Any) -> None:
        """Tell sentences whose frame is given, not drawn; the event's key is `say`."""
        known = {**self.roles, **roles}
        sentence = self._render(compile_frame(line), known)
        self.events.append(Event("say", known, sentence))
        self._paragraphs[-1].append(sentence)

    def paragraph(self) -> None:
        """Begin a new paragraph; it names people and things anew."""
        if self._paragraphs[-1]:
            self._paragraphs.append([])
        self._topic, self._pronouns = None, 0
        self._named.clear()

    def call(self, *titles: str) -> None:
        """Give the story one of these titles."""
        self.title = self._render(compile_frame(self.draw.pick(titles)), self.roles)
        self._topic = None

    def finish(self, plot: str) -> Story:
        body = "\n".join(" ".join(lines) for lines in self._paragraphs if lines)
        return Story(self.title, f"{self.title}\n{body}", self.events, plot)

    # -- sentences

    def _choose(self, key: str) -> Frame:
        """A frame of `key`, one that this story has not used if there is one."""
        frames = self.frames[key]
        first = int(self.draw.number() * len(frames))
        for i in range(len(frames)):
            frame = frames[(first + i) % len(frames)]
            if frame.line not in self._used:
                break
        self._used.add(frame.line)
        return frame

    def _render(self, frame: Frame, roles: dict[str, Any]) -> str:
        topic: Person | None = None  # whom the last sentence of the frame is about
        about = -1
        mentioned: list[Person] = []
        parts = [frame.texts[0]]
        for slot, text in zip(frame.slots, frame.texts[1:], strict=True):
            value = roles[slot.role]
            if isinstance(value, Person):
                words = self._person(value, slot, mentioned)
                mentioned.append(value)
                if not slot.spoken and slot.sentence > about:
                    topic, about = value, slot.sentence
            elif isinstance(value, Thing):
                words = self._thing(value, slot.form)
            else:
                words = value.forms[slot.form or "the"] if isinstance(value, Place) else value
            parts.append(words[0].upper() + words[1:] if slot.capital else words)
            parts.append(text)
        self._turn(topic, mentioned)
        sentence = "".join(parts)
        return sentence[0].upper() + sentence[1:]

    def _person(self, person: Person, slot: Slot, mentioned: list[Person]) -> str:
        if slot.form:
            return person.forms[slot.form]
        clear = not any(p.gender == person.gender for p in self._others if p is not person)
        before = not any(p.gender == person.gender for p in mentioned if p is not person)
        if person in mentioned:
            return person.forms["he" if before else "name"]
        if person is self._topic and clear and before and slot.sentence == 0 and self._pronouns < 2:
            self._pronouns += 1
            return person.forms["he"]
        self._pronouns = 0
        return person.name

    def _thing(self, thing: Thing, form: str) -> str:
        if form:
            return thing.forms[form]
        if thing in self._named:
            return thing.forms["the"]
        self._named.add(thing)
        return thing.forms["full"]

    def _turn(self, topic: Person | None, mentioned: list[Person]) -> None:
        if topic is not self._topic:
            self._pronouns = 0
        self._topic = topic
        self._others = tuple(p for p in mentioned if p is not topic)

    # -- choosing from the world

    def thing(self, kind: str, *flags: str, but: str = "") -> Thing:
        """A new thing of a kind that has all of `flags` and is no `but`."""
        known = [row for row in vocabulary.thing_rows(kind) if row[0] != but]
        rows = [row for row in known if all(f in row[2] for f in flags)]
        row = self.draw.pick(rows)
        return vocabulary.make_thing(row, self.draw.pick(row[1]))

    def mendable(self, how: str) -> Thing:
        """A new thing that can break and be mended in the way `how`: sew, glue or carve."""
        rows = [row for row in vocabulary.thing_rows("thing") if row[4] == how]
        row = self.draw.pick(rows)
        return vocabulary.make_thing(row, self.draw.pick(row[1]))

    def baked(self) -> Thing:
        return self.thing("food", "bake")

    def place(self, *flags: str, but: Sequence[Place] = ()) -> Place:
        """A place of this world that has all of `flags` and is none of `but`."""
        known = vocabulary.places(self.roles["world"])
        fits = [p for p in known if all(f in p.flags for f in flags) and p not in but]
        return self.draw.pick(fits)

    def grown_up(self, *skills: str) -> Person:
        """A grown-up with one of `skills`, who is at home: `house` becomes that place."""
        known = vocabulary.grown_ups(self.roles["world"])
        fits = [entry for entry in known if not skills or set(skills) & set(entry[0].skills)]
        person, house = self.draw.pick(fits)
        self.world.where[person] = house
        self.roles["house"] = house
        return person

    def creature(self, *skills: str) -> Person:
        fits = [p for p in vocabulary.creatures() if not skills or set(skills) & set(p.skills)]
        return self.draw.pick([p for p in fits if p.kind not in self.kinds()])

    def kinds(self) -> set[str]:
        """The kinds of the people in the story, so that no two are confused."""
        return {p.kind for p in self.roles.values() if isinstance(p, Person)}

    def pair(self) -> Person:
        return together(self.roles["a"], self.roles["b"])

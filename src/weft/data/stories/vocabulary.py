"""Who is in the stories: heroes, each with a friend and a habit, and their neighbours.

Every line is one entry, its fields divided by `|`; the stories are written in ASCII. Who somebody
is does not change from story to story, so that a reader gets to know them.
"""
# ruff: noqa: E501 (a hero is one line, however long)

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from weft.data.stories.world import Person

# name he|trait and kind|friend he kind|a habit|how it comes back at the end
HEROES = """
Mia she girl|curious|Tom he boy|{a} asked more questions than anyone else.|That evening {a} had only one question left: "Can we do it again tomorrow?"
Ben he boy|cheerful|Lily she girl|{a} hummed whenever {a.he} was happy.|That evening {a} hummed until the stars came out.
Anna she girl|clever|Leo he boy|{a} counted everything: steps, clouds and even peas.|That evening {a} tried to count the stars, and fell asleep at forty.
Max he boy|lively|Ruby she girl|{a} could never sit still, not even at breakfast.|That evening {a} sat quite still and smiled.
Ivy she girl|quiet|Hugo he boy|{a} said good night to the moon every evening.|That evening {a} had a lot to tell the moon.
Sam he boy|dreamy|Zoe she girl|{a} drew the best thing of every day in a small book.|That evening {a} opened the small book and drew until {a.his} eyes fell shut.
Fenn he fox|merry|Clover she rabbit|{a} loved to whistle with the birds.|That evening {a} whistled, and a bird answered.
Pip he mouse|brave|Posy she hedgehog|{a} kept a smooth stone under {a.his} pillow for luck.|That evening {a} patted the smooth stone under {a.his} pillow and slept well.
Marnie she otter|playful|Digby he mole|{a} laughed louder than anyone.|That evening {a} still laughed in bed.
Willa she beaver|busy|Burr he badger|{a} made a list every morning and lost it every noon.|That evening {a} made a list for the next day and lost it at once.
Hazel she squirrel|forgetful|Bruno he bear|{a} hid a nut every day and forgot where.|That evening {a} found a nut in {a.his} bed and wondered who had put it there.
Oscar he raccoon|gentle|Tilly she goose|{a} talked to trees, just in case they were listening.|That evening {a} told the trees all about it.
Nora she girl|patient|Finn he boy|{a} knew the name of every flower.|That evening {a} found a flower without a name and called it Finn.
Emma she girl|stubborn|Paul he boy|{a} never said yes at once.|That evening {a} said yes at once, for there was pudding.
Rufus he lion|shy|Luna she lamb|{a} only roared when nobody was near.|That evening {a} roared very softly, and nobody was afraid.
Ella she elephant|careful|Milo he monkey|{a} looked behind every chair before {a.he} sat down.|That evening {a} looked under the bed twice, and there was only dust.
"""

NEIGHBORS = """
Mrs. Finch she tailor
Mr. Reed he carpenter
Mrs. Bell she potter
Old Peter he drummer
Grandpa Will he clock maker
Grandma Rose she doctor
"""


@dataclass(frozen=True)
class Hero:
    """The hero of a story, and who and what belongs to the hero: frames of one sentence each."""

    person: Person
    friend: Person
    trait: str
    habit: str
    echo: str


def person(words: str) -> Person:
    """The person of `Mia she girl` or `Grandpa Will he clock maker`. ValueError if it is none."""
    found = re.fullmatch(r"(.+) (she|he) (.+)", words)
    if found is None:
        raise ValueError(f"no name, pronoun and kind: {words}")
    return Person(found[1], found[2], found[3])


def creature(kind: str) -> Person:
    """An animal that has no name: `the crow`, and `a crow` where it is first met."""
    return Person(f"the {kind}", "it", kind)


@cache
def heroes() -> tuple[Hero, ...]:
    found = []
    for line in HEROES.strip().splitlines():
        name, trait, friend, habit, echo = line.split("|")
        found.append(Hero(person(name), person(friend), trait, habit, echo))
    return tuple(found)


@cache
def neighbors() -> dict[str, Person]:
    """The neighbours by name."""
    return {one.name: one for one in map(person, NEIGHBORS.strip().splitlines())}


@cache
def rows(table: str) -> tuple[tuple[str, ...], ...]:
    """The lines of a table, each a tuple of its cells."""
    lines = filter(None, map(str.strip, table.splitlines()))
    return tuple(tuple(map(str.strip, line.split("|"))) for line in lines)

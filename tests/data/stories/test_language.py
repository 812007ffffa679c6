"""Frames: how they are compiled, and what stands in their slots."""

from __future__ import annotations

import pytest

from weft.data.stories.language import compile_frame, read_frames, with_article
from weft.data.stories.teller import Draw, Teller
from weft.data.stories.vocabulary import creature, person
from weft.data.stories.world import Person, Thing

MIA = Person("Mia", "she", "girl")
TOM = Person("Tom", "he", "boy")
BEE = creature("bee")
KITE = Thing("red kite")


def told(*lines: str, **roles: object) -> list[str]:
    teller = Teller(Draw(0), {})
    teller.roles.update(roles)
    for line in lines:
        teller.say(line)
    return [event.sentence for event in teller.events]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{a} gave {b} {x.a}.", "Mia gave Tom a red kite."),
        ("{a} said {a.he} saw {b.him} and {b.his} dog.", "Mia said she saw him and his dog."),
        ("{d} saw {d.a}. {x} flew by.", "The bee saw a bee. The red kite flew by."),
        ('"My {x.noun}!" cried {a}. {a.he} ran.', '"My kite!" cried Mia. She ran.'),
        ('"Look," said {b}, "{x} is here!"', '"Look," said Tom, "the red kite is here!"'),
        ('"{x}?" asked {d.him}.', '"The red kite?" asked it.'),
        ("{when}, {a} ran.", "One day, Mia ran."),
    ],
)  # fmt: skip
def test_forms_and_capitals(line: str, expected: str) -> None:
    assert told(line, a=MIA, b=TOM, d=BEE, x=KITE, when="one day") == [expected]


def test_people_of_a_line() -> None:
    will = person("Grandpa Will he clock maker")
    assert (will.name, will.gender, will.kind) == ("Grandpa Will", "he", "clock maker")
    with pytest.raises(ValueError, match="no name"):
        person("Mia girl")
    assert with_article("old hat") == "an old hat" and with_article("red hat") == "a red hat"


def test_frames_are_read_and_mistakes_refused() -> None:
    frames = read_frames("@a.b\nOne {x}.\nTwo.\n\n@c\nThree.\n")
    assert {key: len(value) for key, value in frames.items()} == {"a.b": 2, "c": 1}
    with pytest.raises(ValueError, match="malformed slot"):
        compile_frame("{A} ran.")
    with pytest.raises(ValueError, match="twice"):
        read_frames("@a\nOne.\n@a\nTwo.\n")

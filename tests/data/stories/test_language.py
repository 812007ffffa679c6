"""Frames: how they are compiled, and when a name becomes a pronoun."""

from __future__ import annotations

import pytest

from weft.data.stories.language import (
    compile_frame,
    listed,
    read_frames,
    titled,
    with_article,
)
from weft.data.stories.teller import Draw, Teller
from weft.data.stories.world import Person, Thing, together

MIA = Person("Mia", "she", "girl")
ANNA = Person("Anna", "she", "girl")
TOM = Person("Tom", "he", "boy")
BEE = Person("the bee", "it", "bee")
KITE = Thing("kite", "red")


def told(*lines: str, **roles: object) -> list[str]:
    teller = Teller(Draw(0), {})
    teller.roles.update(roles)
    for line in lines:
        teller.say(line)
    return [event.sentence for event in teller.events]


def test_topic_becomes_a_pronoun_and_then_a_name_again() -> None:
    lines = ["{a} ran."] * 4
    assert told(*lines, a=MIA) == ["Mia ran.", "She ran.", "She ran.", "Mia ran."]


@pytest.mark.parametrize(
    ("first", "second", "b", "expected"),
    [
        ("{a} saw {b!}.", "{a} ran.", ANNA, "Mia ran."),  # she: who?
        ("{a} saw {b!}.", "{a} ran.", TOM, "She ran."),
        ("{a} ran.", "{b} ran.", ANNA, "Anna ran."),
        ("{a} ran.", "{a} and {b} ran.", ANNA, "She and Anna ran."),
        ("{b} ran.", '"Stop!" cried {a!}.', ANNA, '"Stop!" cried Mia.'),
        ('"{b!}!" cried {a!}.', "{a} ran.", TOM, "She ran."),
        ('"{b!}!" cried {a!}.', "{a} ran.", ANNA, "Mia ran."),
        ("{a} ran. {b} slept.", "{a} woke up.", TOM, "Mia woke up."),  # the topic is Tom now
        ("{a} ran.", "It rained. {a} stopped.", TOM, "It rained. Mia stopped."),
        ("{a} ran.", "{a} said that {a} was tired.", TOM, "She said that she was tired."),
    ],
)
def test_pronouns_are_never_ambiguous(first, second, b, expected) -> None:
    assert told(first, second, a=MIA, b=b)[1] == expected


def test_forms_and_capitals() -> None:
    line = "{d} saw {x.a}. {x} was hers. {g} took {g.their2} time."
    assert told(line.replace("their2", "his"), d=BEE, x=KITE, g=together(MIA, TOM)) == [
        "The bee saw a red kite. The red kite was hers. Mia and Tom took their time."
    ]
    assert told("{x} fell.", "{x} broke.", x=KITE) == ["The red kite fell.", "The kite broke."]
    assert told('"Look," said {a!}, "{x} is here!"', a=MIA, x=KITE) == [
        '"Look," said Mia, "the red kite is here!"'
    ]
    assert told('{a} said, "Yes." {a.He} went.', a=TOM) == ['Tom said, "Yes." He went.']


def test_small_words() -> None:
    assert with_article("old hat") == "an old hat" and with_article("red hat") == "a red hat"
    assert listed(["a"]) == "a" and listed(["a", "b", "c"]) == "a, b and c"
    assert titled("the loaf of bread") == "the Loaf of Bread"


def test_frames_are_read_and_mistakes_refused() -> None:
    frames = read_frames("@a.b\nOne {x}.\nTwo.\n\n@c\nThree.\n")
    assert {key: len(value) for key, value in frames.items()} == {"a.b": 2, "c": 1}
    with pytest.raises(ValueError, match="malformed slot"):
        compile_frame("{A} ran.")
    with pytest.raises(ValueError, match="twice"):
        read_frames("@a\nOne.\n@a\nTwo.\n")

"""The world refuses what contradicts it; each refusal is shown to happen."""

from __future__ import annotations

import pytest

from weft.data.stories.vocabulary import places
from weft.data.stories.world import ContradictionError, Person, Thing, World, together

MIA, TOM = Person("Mia", "she", "girl"), Person("Tom", "he", "boy")
REED = Person("Mr. Reed", "he", "carpenter")
POND, MILL = places("village")[0], places("village")[-1]


@pytest.fixture
def world() -> World:
    return World(where={MIA: POND, TOM: POND, REED: MILL})


@pytest.fixture
def roles() -> dict[str, object]:
    return {"a": MIA, "b": TOM, "c": REED, "x": Thing("drum", "red"), "p": MILL}


def test_a_course_of_events(world: World, roles) -> None:
    x = roles["x"]
    world.apply("own", roles)
    world.apply("give", roles)
    assert world.holder[x] is TOM
    world.apply("lend", roles)
    world.apply("break", roles)
    world.apply("lose", roles)
    assert world.holder[x] is POND and world.spot_of(x) is POND
    world.apply("find", roles)
    world.apply("go", {**roles, "a": together(MIA, TOM)})
    assert world.where[MIA] is world.where[TOM] is MILL is world.spot_of(x)
    world.apply("mend", roles)
    world.apply("hand", roles)
    world.apply("get", roles)
    world.apply("eat", roles)
    assert world.holder[x] is None and not world.broken[x]
    world.apply("no such verb", roles)


@pytest.mark.parametrize(
    "verbs",
    [
        ["give"], ["lose"], ["break"], ["take"], ["eat"], ["lend"],
        ["own", "own"], ["own", "mend"], ["own", "break", "break"], ["own", "hand"],
        ["own", "give", "give"], ["own", "lose", "go", "find"], ["own", "break", "mend"],
        ["go", "go"], ["own", "go", "give"], ["own", "eat", "give"],
    ],
)  # fmt: skip
def test_contradictions_are_refused(world: World, roles, verbs: list[str]) -> None:
    *before, last = verbs
    for verb in before:
        world.apply(verb, roles)
    with pytest.raises(ContradictionError):
        world.apply(last, roles)


def test_meeting_brings_somebody_here(world: World, roles) -> None:
    world.apply("meet", roles)
    assert world.where[REED] is POND

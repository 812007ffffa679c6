"""The world refuses what contradicts it; each refusal is shown to happen."""

from __future__ import annotations

import pytest

from weft.data.stories.world import ContradictionError, Person, Thing, World

MIA, TOM = Person("Mia", "she", "girl"), Person("Tom", "he", "boy")
ROLES = {"a": MIA, "b": TOM, "x": Thing("red drum")}


def test_a_course_of_events() -> None:
    world, x = World(), ROLES["x"]
    for verb in ("own", "break", "mend", "lose", "find"):
        world.apply(verb, ROLES)
    assert world.holder[x] is MIA and not world.broken[x]
    world.apply("give", ROLES)
    assert world.holder[x] is TOM
    world.apply("eat", ROLES)
    assert world.holder[x] is None
    world.apply("no such verb", ROLES)


@pytest.mark.parametrize(
    "verbs",
    [
        ["give"], ["lose"], ["find"], ["break"], ["mend"], ["eat"], ["own", "own"],
        ["own", "find"], ["own", "lose", "lose"], ["own", "lose", "give"], ["own", "give", "lose"],
        ["own", "give", "give"], ["own", "mend"], ["own", "break", "break"], ["own", "eat", "eat"],
        ["own", "eat", "give"],
    ],
)  # fmt: skip
def test_contradictions_are_refused(verbs: list[str]) -> None:
    world = World()
    *before, last = verbs
    for verb in before:
        world.apply(verb, ROLES)
    with pytest.raises(ContradictionError):
        world.apply(last, ROLES)

"""The world of a story: who has what, what is broken, and what may happen next.

An event is a verb and its roles. `World.apply` refuses one that contradicts what happened before
(giving what one does not have, mending what is whole), so that a plot cannot tell nonsense.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from weft.data.stories.language import PRONOUN_FORMS, PRONOUNS, with_article


class ContradictionError(Exception):
    """An event that cannot happen in the world as it is: a mistake in a plot."""


@dataclass(frozen=True, eq=False)
class Person:
    """Someone who acts; also an animal (`it`)."""

    name: str
    gender: str  # a key of PRONOUNS
    kind: str  # girl, boy, fox, baker, crow
    forms: dict[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.forms.update(zip(PRONOUN_FORMS, PRONOUNS[self.gender], strict=True))
        self.forms.update({"": self.name, "kind": self.kind, "a": with_article(self.kind)})


@dataclass(frozen=True, eq=False)
class Thing:
    """A thing with its colour or material, which is named with it at each mention."""

    name: str  # red kite
    forms: dict[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        noun = self.name.partition(" ")[2]
        self.forms.update({"": f"the {self.name}", "a": with_article(self.name), "noun": noun})


Roles = Mapping[str, Any]


@dataclass
class World:
    """`holder` of each thing: a person, or None while it is lost, given away or eaten."""

    holder: dict[Thing, Person | None] = field(default_factory=dict)
    broken: dict[Thing, bool] = field(default_factory=dict)

    def apply(self, verb: str, roles: Roles) -> None:
        """Let the event happen, or raise ContradictionError. Other verbs change nothing."""
        effect = EFFECTS.get(verb)
        if effect is not None:
            effect(self, roles)


def demand(holds: bool, what: str) -> None:
    if not holds:
        raise ContradictionError(what)


def own(world: World, roles: Roles) -> None:
    """`a` has `x` from now on."""
    demand(roles["x"] not in world.holder, "the thing exists already")
    world.holder[roles["x"]] = roles["a"]
    world.broken[roles["x"]] = False


def lose(world: World, roles: Roles) -> None:
    demand(world.holder.get(roles["x"]) is roles["a"], "nobody can lose what he has not")
    world.holder[roles["x"]] = None


def find(world: World, roles: Roles) -> None:
    """`a` has again what was lost."""
    demand(world.holder.get(roles["x"], roles["a"]) is None, "only what is lost can be found")
    world.holder[roles["x"]] = roles["a"]


def give(world: World, roles: Roles) -> None:
    """`x` goes from `a` to `b`."""
    demand(world.holder.get(roles["x"]) is roles["a"], "nobody can give what he has not")
    world.holder[roles["x"]] = roles["b"]


def crack(world: World, roles: Roles) -> None:
    demand(world.broken.get(roles["x"]) is False, "only a whole thing can break")
    world.broken[roles["x"]] = True


def mend(world: World, roles: Roles) -> None:
    demand(world.broken.get(roles["x"]) is True, "only a broken thing can be mended")
    world.broken[roles["x"]] = False


def eat(world: World, roles: Roles) -> None:
    """`x` is eaten by somebody; whoever had it has it no longer."""
    demand(world.holder.get(roles["x"]) is not None, "what is not there cannot be eaten")
    world.holder[roles["x"]] = None


EFFECTS: dict[str, Callable[[World, Roles], None]] = {
    "own": own, "lose": lose, "find": find, "give": give, "break": crack, "mend": mend, "eat": eat,
}  # fmt: skip

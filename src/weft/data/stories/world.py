"""The world of a story: who is where, who has what, what is broken, and what may happen next.

An event is a verb and its roles. `World.apply` refuses one that contradicts what happened before
(giving what one does not have, finding a thing in another place), so a plot cannot tell nonsense.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from weft.data.stories.language import PRONOUN_FORMS, PRONOUNS, listed, titled, with_article


class ContradictionError(Exception):
    """An event that cannot happen in the world as it is: a mistake in a plot."""


@dataclass(frozen=True, eq=False)
class Person:
    """Someone who acts; also a small animal (`it`) or several together (`they`)."""

    name: str
    gender: str  # a key of PRONOUNS
    kind: str  # girl, boy, fox, baker, sparrow
    skills: tuple[str, ...] = ()
    members: tuple[Person, ...] = ()
    forms: dict[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.forms.update(zip(PRONOUN_FORMS, PRONOUNS[self.gender], strict=True))
        self.forms.update({k.capitalize(): v.capitalize() for k, v in self.forms.items()})
        self.forms.update(name=self.name, kind=self.kind, a=with_article(self.kind))


def together(*people: Person) -> Person:
    """Several people as one subject: `Mia and Tom`, `they`."""
    return Person(listed([p.name for p in people]), "they", "friends", members=people)


@dataclass(frozen=True, eq=False)
class Thing:
    """A thing with its colour or material, which it keeps for the whole story."""

    noun: str
    adjective: str
    flags: tuple[str, ...] = ()
    breaks: str = ""  # what happens when it breaks: "tore from end to end"
    mends: str = ""  # sew, glue or carve
    forms: dict[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        full = f"{self.adjective} {self.noun}" if self.adjective else self.noun
        self.forms.update(
            {"a": with_article(full), "full": f"the {full}", "the": f"the {self.noun}"},
            noun=self.noun, bare=full, breaks=self.breaks, title=titled(full),
            cap=titled(self.noun),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Place:
    """A place with the preposition it takes and the spots where a thing can lie hidden."""

    name: str  # "the pond"
    preposition: str  # "at"
    spots: tuple[str, ...] = ()
    sights: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    forms: dict[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        bare = self.name.removeprefix("the ")
        to = "home" if bare == "home" else f"to {self.name}"
        self.forms.update(the=self.name, to=to, bare=bare, title=titled(bare))
        self.forms["at"] = f"{self.preposition} {self.name}"


Roles = Mapping[str, Any]


@dataclass
class World:
    """Facts that events change. Where a thing is: a Person who holds it, a Place, or None."""

    where: dict[Person, Place] = field(default_factory=dict)
    holder: dict[Thing, Person | Place | None] = field(default_factory=dict)
    broken: dict[Thing, bool] = field(default_factory=dict)

    def apply(self, verb: str, roles: Roles) -> None:
        """Let the event happen, or raise ContradictionError. Other verbs change nothing."""
        effect = EFFECTS.get(verb)
        if effect is not None:
            effect(self, roles)

    def spot_of(self, thing: Thing) -> Place | None:
        """The place where a thing is, in whoever's hands."""
        held = self.holder.get(thing)
        return self.where.get(held) if isinstance(held, Person) else held

    def demand(self, holds: bool, what: str) -> None:
        if not holds:
            raise ContradictionError(what)


def everyone(person: Person) -> tuple[Person, ...]:
    return person.members or (person,)


def go(world: World, roles: Roles) -> None:
    for person in everyone(roles["a"]):
        world.demand(world.where.get(person) is not roles["p"], f"{person.name} is there already")
        world.where[person] = roles["p"]


def meet(world: World, roles: Roles) -> None:
    """`c` comes to where `a` is."""
    world.where[roles["c"]] = world.where[everyone(roles["a"])[0]]


def own(world: World, roles: Roles) -> None:
    world.demand(roles["x"] not in world.holder, "the thing exists already")
    world.holder[roles["x"]] = roles["a"]
    world.broken[roles["x"]] = False


def take(world: World, roles: Roles) -> None:
    """`a` picks up or finds `x` where both are."""
    person = everyone(roles["a"])[0]
    world.demand(world.holder.get(roles["x"]) is world.where[person], "the thing is not here")
    world.holder[roles["x"]] = person


def pass_on(giver: str, taker: str) -> Callable[[World, Roles], None]:
    """The effect of a role giving x to another role at the same place."""

    def effect(world: World, roles: Roles) -> None:
        a, b, x = roles[giver], roles[taker], roles["x"]
        world.demand(world.holder.get(x) is a, f"{a.name} does not have it")
        world.demand(world.where[a] is world.where[b], f"{b.name} is elsewhere")
        world.holder[x] = b

    return effect


def lose(world: World, roles: Roles) -> None:
    """`a` no longer has `x`; it lies where `a` is."""
    world.demand(world.holder.get(roles["x"]) is roles["a"], "nobody can lose what he has not")
    world.holder[roles["x"]] = world.where[roles["a"]]


def break_(world: World, roles: Roles) -> None:
    world.demand(world.broken.get(roles["x"]) is False, "only a whole thing can break")
    world.broken[roles["x"]] = True


def mend(world: World, roles: Roles) -> None:
    """`c` mends `x`, which is here."""
    world.demand(world.broken.get(roles["x"]) is True, "only a broken thing can be mended")
    world.demand(world.spot_of(roles["x"]) is world.where[roles["c"]], "it is elsewhere")
    world.broken[roles["x"]] = False


def eat(world: World, roles: Roles) -> None:
    world.demand(world.holder.get(roles["x"]) in everyone(roles["a"]), "it is not theirs to eat")
    world.holder[roles["x"]] = None


def friend_owns(world: World, roles: Roles) -> None:
    own(world, {**roles, "a": roles["b"]})


EFFECTS: dict[str, Callable[[World, Roles], None]] = {
    "go": go,  # a goes to p
    "meet": meet,  # c comes to a
    "own": own,  # a has x
    "friendhas": friend_owns,  # b has x
    "take": take,  # a picks x up
    "find": take,
    "give": pass_on("a", "b"),
    "lend": pass_on("b", "a"),
    "hand": pass_on("a", "c"),
    "get": pass_on("c", "a"),
    "lose": lose,
    "break": break_,
    "mend": mend,  # c mends x
    "eat": eat,  # a eats x
}

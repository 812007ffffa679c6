"""Scenes that plots share: the beginning, a kindness, something packed, a way out, the end.

A kindness or a tool in the bag is told early and comes back when it is needed.
"""

from __future__ import annotations

from weft.data.stories import vocabulary
from weft.data.stories.teller import Draw, Teller
from weft.data.stories.world import Person, Place, Thing

MOTHER = Person("Mother", "she", "mother")
HOME = Place("home", "at", forms={})
HOME.forms.update(at="at home", to="home", the="home")
TOWNS = {"village": "Willow Town", "forest": "Fern Forest"}
HOUSES = {
    "village": ("in a yellow house by the river", "in a small house on a hill",
                "at the end of a long lane", "next to the old mill"),
    "forest": ("under the roots of a beech", "in a cozy burrow", "beside a big rock",
               "near the edge of the forest"),
}  # fmt: skip
LATER = ("A little later", "Soon after that", "After that")
SEASONS = ("spring", "summer", "autumn")
DAYS = {
    "sunny": ("One sunny {part}", "One bright {season} {part}", "One warm {season} {part}",
              "On a clear {season} {part}"),
    "windy": ("One windy {part}", "On a windy {season} {part}",
              "One {part}, when the wind was blowing hard"),
    "cloudy": ("One cloudy {part}", "One quiet {season} {part}", "On a gray {season} {part}"),
}  # fmt: skip


def begin(s: Teller) -> None:
    """Choose the world, the two main people and the day. Nothing is told yet."""
    draw = s.draw
    world = draw.way(("village", "village", "forest"))
    a, b = draw.pick(vocabulary.children() if world == "village" else vocabulary.animals())
    s.roles.update(world=world, a=a, b=b, m=MOTHER)
    s.roles["g"] = s.pair()
    s.roles.update(town=TOWNS[world], home=draw.pick(HOUSES[world]))
    for person in (a, b, MOTHER):
        s.world.where[person] = HOME


def weather(s: Teller, *kinds: str, season: str = "") -> None:
    """Set season, weather and part of the day, and the phrase that names them."""
    season = season or s.draw.way(SEASONS)
    days = [
        (phrase.format(season=season, part=part), part)
        for kind in kinds
        for phrase in DAYS[kind]
        for part in ("morning", "afternoon")
    ]
    day, part = s.draw.pick(days)
    s.roles.update(season=season, part=part, day=day, when=day)


def introduce(s: Teller, *traits: str, friend: bool = True, habit: bool = True) -> None:
    """Tell who the hero is, of some kinds of trait, and perhaps a habit that returns at the end."""
    draw = s.draw
    if "day" not in s.roles:
        weather(s, "sunny", "windy", "cloudy")
    words = "|".join(vocabulary.TRAITS[trait] for trait in traits or ("any",)).split("|")
    s.roles["trait"] = draw.pick(words)
    s.roles["atrait"] = ("an " if s.roles["trait"][0] in "aeiou" else "a ") + s.roles["trait"]
    style = draw.way(("once", "once", "once", "plain", "day", "call"))
    s.tell(f"intro.{s.roles['part'] if style == 'day' else style}")
    if style == "day":
        s.roles["when"] = f"That {s.roles['part']}"
    if habit and draw.chance(0.25):
        line, s.roles["echo"] = draw.pick(vocabulary.quirks())
        s.say(line)
    if friend:
        s.tell("friend")


def settle(s: Teller, place: Place) -> None:
    """Make `place` the place of the frames that follow."""
    draw = s.draw
    s.roles.update(p=place, spot=draw.pick(place.spots), sight=draw.pick(place.sights))


def set_out(s: Teller, place: Place, interlude: bool = True) -> None:
    """Hero and friend go to `place` and look around; perhaps something small happens there."""
    settle(s, place)
    s.tell("go.out", a=s.roles["g"])
    s.maybe(0.3, "sight")
    if interlude and not {"d", "y"} & s.roles.keys() and s.draw.chance(0.2):
        s.draw.way((drizzle, hunger, small_kindness))(s)
        s.paragraph()


def drizzle(s: Teller) -> None:
    """An interlude: a short rain that brings something nice."""
    s.tell("rain.begin", "rain.wait", "rain.end")


def hunger(s: Teller) -> None:
    """An interlude: one has forgotten the bread, and the other shares."""
    forgot, has = ("a", "b") if s.draw.chance(0.5) else ("b", "a")
    s.tell("bread.share", h=s.roles[has], f=s.roles[forgot])


def small_kindness(s: Teller) -> None:
    """An interlude: a small animal is helped, and comes back at the end of the story."""
    s.roles["d"] = s.creature()
    s.roles["later"] = True
    s.tell("kind.met", "kind.help", "kind.thanks")


def prepare_help(s: Teller, need: str) -> None:
    """Perhaps plant what will help later: a kindness to a small animal, or a tool in the bag."""
    help_ = s.draw.way(("animal", "tool", "none", "none"))
    if help_ == "animal" and has_creature(s, need):
        s.roles["d"] = s.creature(need)
        s.paragraph()
        s.tell("kind.see", "kind.help", "kind.thanks")
        s.maybe(0.4, "kind.smile")
        s.roles["when"] = s.draw.pick(LATER)
        s.paragraph()
    elif help_ == "tool":
        tools = [row for row in vocabulary.thing_rows("tool") if need in row[2]]
        if tools:
            s.roles["y"] = s.thing("tool", need)
            s.tell("own.pack", x=s.roles["y"])
            s.roles["when"] = s.draw.pick(LATER)


def has_creature(s: Teller, need: str) -> bool:
    return any(need in p.skills and p.kind not in s.kinds() for p in vocabulary.creatures())


def solve(s: Teller, need: str) -> str:
    """The way out of a difficulty; what was planted is used. Returns who or what it was."""
    if "d" in s.roles and need in s.roles["d"].skills:
        s.roles["later"] = False  # it has come back already
        s.tell("creature.back", f"solve.{need}.creature")
        return "creature"
    if "y" in s.roles:
        noun = s.roles["y"].noun.split()[-1]
        s.tell("tool.remember", f"solve.{need}.{noun}")
        return "tool"
    method = s.draw.way([m for m in ("friend", "grown", "wits") if f"solve.{need}.{m}" in s.frames])
    if method == "grown":
        meet_grown_up(s, {"high": "ladder", "water": "net"}.get(need))
    s.tell(f"solve.{need}.{method}")
    return method


def meet_grown_up(s: Teller, skill: str | None = None) -> None:
    """`c`, a grown-up with `skill`, comes by."""
    s.roles["c"] = s.grown_up(*([skill] if skill else []))
    s.tell("meet.by")


def thank(s: Teller, method: str) -> None:
    """Thanks to who or what `solve` returned; wits need no thanks."""
    if method == "wits":
        return
    s.tell({"creature": "thank.creature", "friend": "thank.friend", "grown": "thank.grown",
            "tool": "thank.tool"}[method])  # fmt: skip


OUTSIDE = ("end.evening", "end.day", "end.mother")  # they are together, and not at home yet
HOME_ALREADY = ("end.day",)


def close(s: Teller, lesson: str, endings: tuple[str, ...] = OUTSIDE) -> None:
    """The end: a lesson of this plot, the habit of the beginning, an image; not always all.

    `endings` are the keys of images that agree with where the plot has left its people.
    """
    draw = s.draw
    s.paragraph()
    if s.roles.get("later"):
        s.tell("kind.return")
    taught = not endings or draw.chance(0.7)
    if taught:
        s.tell(lesson)
    if "echo" in s.roles:
        s.say(s.roles["echo"])
    elif endings and (not taught or draw.chance(0.5)):
        s.tell(draw.way(endings))


def treasure(s: Teller, kind: str, *flags: str) -> Thing:
    """A new thing of the hero's, as role x."""
    s.roles["x"] = s.thing(kind, *flags)
    return s.roles["x"]  # type: ignore[no-any-return]


__all__ = ["Draw", "begin", "close", "introduce", "prepare_help", "set_out", "solve", "thank"]

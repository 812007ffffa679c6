"""What all stories share: how they begin, and how they end; and the frames of it.

A key is `verb.variant`; the verbs of `world.EFFECTS` change the world. Roles: a the hero, b the
friend, c a neighbour, d an animal, m Mother, x the thing of the story, p the place.
"""

from __future__ import annotations

from weft.data.stories import vocabulary
from weft.data.stories.teller import Teller
from weft.data.stories.world import Person

FRAMES = """
@intro
Once upon a time there was a {trait} {kind} named {a}.
Once upon a time there lived a {trait} {kind} named {a}.
@friend
{a}'s best friend was {b}, the {friendkind} from next door.
{a} had a good friend, a {friendkind} named {b}.
@end
When the sky turned red, they sat on the wall and watched.
When the sun went down, they walked home side by side.
When the first star came out, they said good night.
"""

MOTHER = Person("Mother", "she", "mother")
DAYS = ("One sunny morning", "One windy day", "One fine Sunday", "One warm afternoon")


def begin(s: Teller) -> None:
    """Choose the hero and the day, and tell who the hero is."""
    hero = s.draw.pick(vocabulary.heroes())
    a, b = hero.person, hero.friend
    s.roles.update(a=a, b=b, m=MOTHER, when=s.draw.pick(DAYS))
    s.roles.update(trait=hero.trait, kind=a.kind, friendkind=b.kind, echo=hero.echo)
    s.tell("intro")
    if s.draw.chance():
        s.say(hero.habit)
    s.tell("friend")
    s.paragraph()


def close(s: Teller, lesson: str) -> None:
    """The end: what is to be learnt, and perhaps the habit of the beginning, or the evening."""
    s.paragraph()
    s.tell(lesson)
    end = s.draw.pick(("echo", "end", ""))
    if end == "echo":
        s.say(s.roles["echo"])
    elif end:
        s.tell(end)

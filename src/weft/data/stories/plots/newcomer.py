"""Somebody new is strange at first, and turns out to be good company."""

from weft.data.stories import scenes
from weft.data.stories.teller import Teller
from weft.data.stories.vocabulary import creature, rows

FRAMES = """
@new.hear
{when}, {a} heard that {d.a} had moved in next door.
@new.strange
"The new one is strange," said {b}. "I heard that {d} {habit}."
"We cannot play with that one," said {b}. "I heard that {d} {habit}."
@new.ring
But {a} went to {d} and rang the bell.
But {a} went to {d} and brought a plate of cookies.
@new.shy
"Nobody ever asked me to play," said {d}.
"I am a little shy," said {d}.
@play.bat
So {d} played hide-and-seek with them at night and won every time.
@play.snail
So {d} took them for a very slow walk and showed them every flower.
@play.parrot
So {d} sang with them and knew every song twice.
@play.owl
So {d} read them a book about pirates.
@play.turtle
So {d} played house with them and had brought the house.
@play.stork
So {d} carried them up to the roof and showed them the town.
@new.best
"It was the best day in a long time," said {b}.
"Can we do that again?" asked {b}.
@lesson.new
Strange is only what one does not know yet.
"Everybody is new somewhere," said {a}.
From then on, there were three of them.
"""

CASES = """
bat | sleeps all day
snail | needs an hour for one step
parrot | says everything twice
owl | always has its nose in a book
turtle | never leaves its house
stork | stands on one leg all day
"""


def plot(s: Teller) -> None:
    scenes.begin(s)
    case, habit = s.draw.pick(rows(CASES))
    s.roles.update(d=creature(case), habit=habit)
    s.tell("new.hear", "new.strange")
    s.paragraph()
    s.tell("new.ring", "new.shy", f"play.{case}", "new.best")
    scenes.close(s, "lesson.new")

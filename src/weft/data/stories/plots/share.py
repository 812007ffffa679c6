"""Somebody does not share, has nothing in the end, and gets a share."""

from weft.data.stories import scenes
from weft.data.stories.teller import Teller
from weft.data.stories.vocabulary import rows
from weft.data.stories.world import Thing

FRAMES = """
@own.share
{when}, {a} had {x.a} for lunch.
@share.ask
{b} had nothing to eat. "May I have a bite?" asked {b}.
{b} had only an empty bag. "May I have a bite?" asked {b}.
@share.no
"No," said {a}, "{x} is mine."
"No," said {a}, "{x} is too small for two."
@eat.pear
But {x} was carried away by a magpie.
@eat.roll
But {x} was eaten by a dog in one bite.
@eat.bun
But {x} was swallowed by a duck, and the duck asked for more.
@eat.carrot
But {x} was pulled over the fence by a goat.
@eat.sausage
But {x} was stolen by a very quick cat.
@eat.pie
But {x} was smelled by ants, and away it walked.
@share.nothing
Now there was nothing left, not for {a} and not for {b}.
Now {a} was hungry, and {b} was hungry, too.
@share.find
Then {b} found two nuts. "One for you and one for me," said {b}.
Then {b} found some berries. "Half for you and half for me," said {b}.
@share.sorry
"I am sorry," said {a}.
"You are better than I am," said {a}.
@lesson.share
After that, {a} broke everything in two: bread, cake and even peas.
"Half with a friend is more than all alone," said {a}.
And that was the best lunch of the year.
"""

CASES = """
pear | ripe pear
roll | warm roll
bun | sweet bun
carrot | long carrot
sausage | fat sausage
pie | berry pie
"""


def plot(s: Teller) -> None:
    scenes.begin(s)
    case, thing = s.draw.pick(rows(CASES))
    s.roles.update(x=Thing(thing))
    s.tell("own.share", "share.ask", "share.no")
    s.paragraph()
    s.tell(f"eat.{case}", "share.nothing")
    s.paragraph()
    s.tell("share.find", "share.sorry")
    scenes.close(s, "lesson.share")

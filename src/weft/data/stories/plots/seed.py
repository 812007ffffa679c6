"""Something is planted, nothing happens for a long time, and then a lot does."""

from weft.data.stories import scenes
from weft.data.stories.teller import Teller
from weft.data.stories.vocabulary import rows
from weft.data.stories.world import Thing

FRAMES = """
@seed.plant
{when}, {a} planted {x.a} behind the house.
@seed.grow
"Grow!" said {a}. But {x} did not grow.
"Hurry up!" said {a}. But {x} did not hurry.
@seed.water
{a} gave {x} water every morning.
{a} gave {x} a warm blanket every night.
@seed.friend
Then {b} sang {x} a song, but nothing happened.
Then {b} told {x} a joke, but nothing happened.
@seed.wait
"Maybe it is asleep," said {b}. So they waited.
"It needs time," said {b}. So they waited.
@seed.tip
At last, after a long rain, a green tip looked out of the earth.
At last, on the tenth day, a green tip looked out of the earth.
@grown.bean
And {x} grew past the roof and asked the moon about the weather.
@grown.seed
And {x} grew and grew, until there was a pumpkin as big as a coach.
@grown.bulb
And {x} became a tulip, and a bee moved in that same day.
@grown.stone
And {x} became a tree with two cherries, one for {a} and one for {b}.
@grown.turnip
And {x} grew so big that they had to pull together and fell on their backs.
@grown.nut
And {x} became a tree, and an owl asked for a room in it.
@lesson.seed
"Good things need time," said {a}.
The next day {a} planted a button, just to see.
"I knew it all the time," said {b}.
"""

CASES = """
bean | white bean
seed | flat seed
bulb | brown bulb
stone | cherry stone
turnip | tiny turnip
nut | hard nut
"""


def plot(s: Teller) -> None:
    scenes.begin(s)
    case, thing = s.draw.pick(rows(CASES))
    s.roles.update(x=Thing(thing))
    s.tell("seed.plant", "seed.grow", "seed.water")
    s.paragraph()
    s.tell("seed.friend", "seed.wait")
    s.paragraph()
    s.tell("seed.tip", f"grown.{case}")
    scenes.close(s, "lesson.seed")

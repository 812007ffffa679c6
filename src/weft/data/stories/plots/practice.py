"""Nobody can do it at once: a week of practice."""

from weft.data.stories import scenes
from weft.data.stories.teller import Teller
from weft.data.stories.vocabulary import rows

FRAMES = """
@practice.try
{when}, {a} tried to {skill}.
@fail.swim
But {a} sank to the bottom and said hello to a fish.
@fail.juggle
But all the apples fell on {a}'s head.
@fail.skate
But one foot went left, and the other went right.
@fail.yodel
But it sounded so bad that the cows ran away.
@fail.paint
But it looked like a potato with four legs.
@fail.whistle
But there was only air, and a little spit.
@practice.easy
"I will never learn to {skill}," said {a}.
"Nobody can learn to {skill}," said {a}.
@practice.friend
"I needed a whole week to learn it," said {b}.
"I needed a hundred days to learn it," said {b}.
@practice.monday
On Monday {a} tried to {skill} again, and it was even worse.
On Monday {a} tried to {skill} again, and {b} had to laugh.
@practice.friday
On Friday {a} could almost {skill}.
On Friday {b} helped {a} to {skill}.
@done.swim
And on Sunday {a} could swim across the pond and back.
@done.juggle
And on Sunday {a} could juggle three apples and a plum.
@done.skate
And on Sunday {a} could skate backward in a circle.
@done.yodel
And on Sunday {a} could yodel, and the cows came back.
@done.paint
And on Sunday {a} could paint a horse that looked like a horse.
@done.whistle
And on Sunday {a} could whistle like a blackbird.
@practice.look
"Look at that!" cried {b} and cheered.
"I can do it!" cried {a} and bowed.
@lesson.practice
Nobody is born a master, but everybody can practice.
"Now teach me!" said {b}.
"It is easy," said {a}, "when you know how hard it is."
"""

CASES = """
swim | swim
juggle | juggle apples
skate | skate
yodel | yodel
paint | paint a horse
whistle | whistle
"""


def plot(s: Teller) -> None:
    scenes.begin(s)
    case, skill = s.draw.pick(rows(CASES))
    s.roles.update(skill=skill)
    s.tell("practice.try", f"fail.{case}", "practice.easy", "practice.friend")
    s.paragraph()
    s.tell("practice.monday", "practice.friday", f"done.{case}", "practice.look")
    scenes.close(s, "lesson.practice")

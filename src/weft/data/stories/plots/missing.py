"""Something is looked for everywhere, and it was very near all the time."""

from weft.data.stories import scenes
from weft.data.stories.teller import Teller
from weft.data.stories.vocabulary import rows
from weft.data.stories.world import Thing

FRAMES = """
@missing.gone
{when}, {a} could not find {x}.
@missing.bed
{a} looked for {x} under the bed, but there was only dust.
{a} looked for {x} under the bed, but there was only an old pea.
@missing.door
{a} looked for {x} behind the door, but there was only a broom.
{a} looked for {x} behind the door, but there was only a spider.
@missing.thief
"A thief has been here!" cried {a}.
"Maybe it ran away," said {a}.
@missing.laugh
Then {b} came in and began to laugh.
Then {b} came to help and had to laugh.
@where.cap
"Look," said {b}, "{x} is on your head!"
@where.shoe
"Look," said {b}, "{x} is the bed of the cat!"
@where.book
"Look," said {b}, "{x} is under you, you are sitting on it!"
@where.spoon
"Look," said {b}, "{x} is in your hand!"
@where.glasses
"Look," said {b}, "{x} are on your nose!"
@where.scarf
"Look," said {b}, "{x} is around your neck!"
@missing.red
{a} turned as red as a tomato, and then {a.he} laughed, too.
{a} laughed so loudly that all the birds flew up.
@lesson.missing
What is looked for far away is often very near.
"Next time I will ask you first," said {a}.
After that, they looked for {a}'s other sock.
"""

CASES = """
cap | green cap
shoe | left shoe
book | picture book
spoon | wooden spoon
glasses | round glasses
scarf | long scarf
"""


def plot(s: Teller) -> None:
    scenes.begin(s)
    case, thing = s.draw.pick(rows(CASES))
    s.roles.update(x=Thing(thing))
    s.tell("missing.gone", "missing.bed", "missing.door", "missing.thief")
    s.paragraph()
    s.tell("missing.laugh", f"where.{case}", "missing.red")
    scenes.close(s, "lesson.missing")

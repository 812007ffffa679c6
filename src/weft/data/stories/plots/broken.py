"""A friend breaks something by accident, is sorry, and somebody can mend it."""

from weft.data.stories import scenes
from weft.data.stories.teller import Teller
from weft.data.stories.vocabulary import neighbors, rows
from weft.data.stories.world import Thing

FRAMES = """
@own.broken
{when}, {a} showed {b} {x.a}.
@broken.ask
"May I hold it?" asked {b}. "Yes," said {a}, "but be careful."
"May I hold it?" asked {b}. "With both hands," said {a}.
@break.umbrella
But {x} tore when {b} ran against the wind.
@break.drum
But {x} got a hole when {b} drummed too hard.
@break.wagon
But {x} lost a wheel when {b} drove over a stone.
@break.cup
But {x} fell into three pieces when {b} slipped on a plum.
@break.watch
But {x} stood still when {b} turned the key too far.
@break.bear
But {x} lost an ear when {b} pulled too hard.
@broken.hurt
For a while, nobody said a word.
Now {a} wanted to cry.
@broken.sorry
"I am so sorry," said {b}.
"It was my fault," said {b}. "I am sorry."
@broken.go
So they took {x} to {c}, the {c.kind}.
So they ran with {x} to {c}, the {c.kind}.
@mend.umbrella
{c} sewed on a green leaf, and now {x} looked like a tree.
@mend.drum
{c} put on a new skin, and now {x} was louder than before.
@mend.wagon
{c} made a new wheel, and now {x} was the fastest in town.
@mend.cup
{c} had very good glue, and now {x} could stand again.
@mend.watch
{c} found a crumb inside, and now {x} went again.
@mend.bear
{c} sewed the ear on again, and now {x} could hear everything.
@broken.pay
"What does it cost?" asked {b}. "One song," said {c}, and so they sang.
"What does it cost?" asked {b}. "Two smiles," said {c}, and so they smiled.
@lesson.broken
"Things may break," said {a}, "but friends do not."
After that, {b} held everything with both hands.
"Now I like it even more," said {a}.
"""

CASES = """
umbrella | spotted umbrella | Mrs. Finch
drum | little drum | Old Peter
wagon | red wagon | Mr. Reed
cup | blue cup | Mrs. Bell
watch | silver watch | Grandpa Will
bear | woolly bear | Grandma Rose
"""


def plot(s: Teller) -> None:
    scenes.begin(s)
    case, thing, who = s.draw.pick(rows(CASES))
    s.roles.update(x=Thing(thing), c=neighbors()[who])
    s.tell("own.broken", "broken.ask")
    s.paragraph()
    s.tell(f"break.{case}", "broken.hurt", "broken.sorry")
    s.paragraph()
    s.tell("broken.go", f"mend.{case}", "broken.pay")
    scenes.close(s, "lesson.broken")

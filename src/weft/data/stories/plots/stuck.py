"""A thing is out of reach: in a tree, on the water, in a hole. An animal that comes by can help."""

from weft.data.stories import scenes
from weft.data.stories.teller import Teller
from weft.data.stories.vocabulary import creature, rows
from weft.data.stories.world import Thing

FRAMES = """
@own.stuck
{when}, {a} took {x.a} to {p}.
@stuck.play
{b} came along, and they both played with {x}.
{b} came along and asked to play with {x}, too.
@lose.kite
But then {x} flew too high and was caught in a tree.
@lose.boat
But then {x} sailed too far, out to the middle of the pond.
@lose.ball
But then {x} jumped over a stone and fell into a deep hole.
@lose.bell
But then {x} rolled off a stone and sank to the bottom of the brook.
@lose.hat
But then {x} fell off the bridge and sailed away down the river.
@lose.ring
But then {x} jumped over the wall and fell into the well.
@stuck.oh
"Oh no!" cried {a}.
"My {x.noun}!" cried {a}.
@stuck.try.kite
{b} reached for {x}, but only shook down leaves.
@stuck.try.boat
{b} reached for {x}, but only got wet feet.
@stuck.try.ball
{b} reached for {x}, but one arm was too short.
@stuck.try.bell
{b} reached for {x}, but only caught an old boot.
@stuck.try.hat
{b} reached for {x}, but the river was faster.
@stuck.try.ring
{b} reached for {x}, but only pulled up cold water.
@stuck.helper
Then somebody else saw {x}. It was {d.a}.
But somebody had watched {x}. It was {d.a}.
@find.kite
{d} flew up and pushed {x} out of the branches.
@find.boat
{d} swam out and pulled {x} back to the shore.
@find.ball
{d} crept into the hole and pushed {x} out with its nose.
@find.bell
{d} dived down and came up with {x} in its mouth.
@find.hat
{d} put one long leg into the river and caught {x} with its beak.
@find.ring
{d} crept down the wall and came up with {x} on its tail.
@stuck.thanks
"Thank you!" cried {a} and hugged {x}.
{a} was so happy that {a.he} danced in a circle.
@lesson.stuck
"Next time we will ask first," said {b}.
"Two can do a lot," said {b}, "but three can do more."
"It is not bad to get stuck," said {b}. "It is bad to give up."
"""

CASES = """
kite | red kite | the meadow | crow
boat | paper boat | the pond | swan
ball | blue ball | the garden | weasel
bell | silver bell | the brook | frog
hat | yellow hat | the bridge | heron
ring | golden ring | the well | lizard
"""


def plot(s: Teller) -> None:
    scenes.begin(s)
    case, thing, place, animal = s.draw.pick(rows(CASES))
    s.roles.update(x=Thing(thing), p=place, d=creature(animal))
    s.tell("own.stuck", "stuck.play")
    s.paragraph()
    s.tell(f"lose.{case}", "stuck.oh", f"stuck.try.{case}")
    s.paragraph()
    s.tell("stuck.helper", f"find.{case}", "stuck.thanks")
    scenes.close(s, "lesson.stuck")

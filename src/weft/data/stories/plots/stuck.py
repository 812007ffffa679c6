"""A thing is out of reach: up in a tree, out on the water, down in a hole."""

from weft.data.stories import scenes
from weft.data.stories.teller import Teller

FRAMES = """
@stuck.play
{a} let {b!} hold {x}, and then it was {a!}'s turn again.
They played with {x}, and everything went well.
{a} showed {b!} a trick with {x}. It worked twice.
"Look what I can do!" called {a!}.
@lose.high
Then a gust of wind took {x} and carried it up into the highest branches of a tree.
{a} threw {x} as high as {a.he} could. It did not come down again, for it hung in a tree.
Up, up, up went {x}, and then it was stuck in the top of a tree.
@lose.water
A gust of wind blew, and {x} landed in the water and drifted away.
{a} slipped, and {x} fell into the water. It floated away, farther and farther.
{x} rolled down the bank and splashed into the water, where nobody could reach it.
@lose.narrow
{x} slipped out of {a!}'s fingers, rolled away and fell into a deep, narrow hole.
{a} stumbled, and {x} fell into a crack between two stones.
Cling! {x} jumped away and vanished in a dark little hole.
@stuck.oh
"Oh no!" cried {a!}.
"My {x.noun}!" cried {a!}.
"Now it is gone for ever," said {a!}.
{a} stared after it with an open mouth.
@stuck.highfail
{a} jumped, but {x} was much too high.
{b} threw a pine cone at it, but {b.he} missed.
They shook the tree. Only leaves came down.
{a} tried to climb the tree, but the trunk was too smooth.
@stuck.waterfail
{a} stretched out one arm, but the water was too wide.
{b} reached for it with a branch, but the branch broke.
{a} waded in up to {a.his} knees, but then it became too deep.
They blew as hard as they could. {x} only floated farther away.
@stuck.narrowfail
{a} reached in, but {a.his} arm was too short.
{b} tried it with a twig, but {x} only slid deeper.
They both tried to lift the stone, but it did not move at all.
{a} put one eye to the hole and saw nothing but darkness.
@take.back
{a} picked up {x} and held it tight.
{a} took {x} in both hands and looked at it from all sides. It was not even scratched.
{a} wiped {x} clean and smiled.
@lesson.stuck
"Next time we play in the middle, where nothing can happen," said {b!}.
"It is not bad to get stuck," said {a!}. "It is only bad to give up."
{g} had learned that the third idea is often the best one.
After that, {a} held {x} with both hands.
@lesson.small
{a} had learned that nobody is too small to help.
Whoever helps today may need help tomorrow.
And {a} never again thought that small animals could not do big things.
"""

FLAGS = {"high": ("thing", "fly"), "water": ("thing", "float"), "narrow": ("treasure", "small")}


def plot(s: Teller) -> None:
    need = s.draw.way(("high", "water", "narrow"))
    kind, flag = FLAGS[need]
    scenes.introduce(s)
    scenes.treasure(s, kind, flag)
    s.tell("own.loved")
    s.paragraph()
    scenes.prepare_help(s, need)
    scenes.set_out(s, s.place("tree" if need == "high" else need))
    s.tell("stuck.play")
    s.tell(f"lose.{need}", "stuck.oh")
    s.paragraph()
    s.tell(f"stuck.{need}fail")
    s.maybe(0.6, f"stuck.{need}fail")
    s.maybe(0.5, "sad")
    s.maybe(0.4, "comfort")
    s.paragraph()
    method = scenes.solve(s, need)
    s.tell("take.back")
    if method == "wits":
        s.tell("joy")
    scenes.thank(s, method)
    s.call("The {x.title}", "Out of Reach", "{a!}'s {x.title}", "{a!}, {b!} and the {x.cap}")
    scenes.close(s, "lesson.small" if method == "creature" else "lesson.stuck")

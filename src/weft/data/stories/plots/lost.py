"""Something loved is lost, looked for in the wrong places, and found; or somebody needs it more."""
# ruff: noqa: E501 (a frame is one line, however long)

from weft.data.stories import scenes
from weft.data.stories.teller import Teller

FRAMES = """
@lost.play
There {g} played hide-and-seek until they were out of breath.
They climbed, they jumped and they raced each other until their faces were hot.
They lay on their backs and gave names to the clouds.
They built a small town out of sticks and stones.
@lose.unnoticed
Meanwhile {x} slipped away, and {a!} did not notice.
Nobody saw that {x} fell to the ground.
{a} put {x} down for a moment, only for a moment, and forgot it.
@lost.notice
Suddenly {a} stopped. "Where is my {x.noun}?" {a.he} asked.
When it was time to go, {a} reached for {x}. It was gone!
"{b!}!" cried {a!}. "My {x.noun} is gone!"
"Oh no," said {a!}. "I had {x} with me, and now I do not have it."
@lost.first
First they looked {wrong}. They found an old boot, but no {x.noun}.
They searched {wrong}, but there was only a surprised snail.
{a} looked {wrong}. Nothing.
"Maybe it is {wrong}," said {b!}. But it was not.
@lost.second
Then they looked {other}. There was nothing but dust and leaves.
Then {b} crawled around {other}. {b.He} came back with dirty knees and empty hands.
{othercap}, {a} found only a feather.
They turned over every leaf. They asked a passing cat. Nobody had seen it.
@find.own
And there it was at last: {x}!
{a} ran there. And there, as if it had only been sleeping, lay {x}.
{a} bent down, and there lay {x}, a little dusty but whole.
There lay {x}. "My {x.noun}!" cried {a!}.
@lost.nest
But when {a} reached for {x}, {a.he} saw that it was not empty. A mother mouse had made a bed in it for five tiny babies.
But {x} had a guest. A mother mouse lay in it with five pink babies.
But something moved in {x}. There, in a warm little heap, slept a mother mouse and five babies.
@lost.leave
{a} thought for a long time. Then {a.he} put {x} back very gently. "They need it more than I do," {a.he} said.
"Shh," said {a!}. "They are asleep." {a.He} pulled a leaf over {x}, to keep out the wind.
@lost.return
Two weeks later, the mice had grown and moved out. {x} lay on {a!}'s doorstep, and in it lay three hazelnuts.
When the babies were big, {x} came back. One morning it lay in front of the door, full of sweet berries.
@lesson.lost
From that day on, {a} always looked around before {a.he} went home.
After that, {a} tied a ribbon to {x}, so that it would never be lost again.
"Next time I will keep my eyes open," said {a!}.
Now {x} had a place of its own on the shelf, and {a} put it there every evening.
@lesson.nest
Something that you give away can come back richer than before.
{a} never liked {x} as much as on that day.
"Sometimes you find something by leaving it where it is," said {b!}.
"""


def plot(s: Teller) -> None:
    scenes.introduce(s, "careless")
    nest = s.draw.chance(0.25)
    x = scenes.treasure(s, "thing", "wear" if nest else s.draw.way(("toy", "small")))
    s.tell("own.loved")
    s.paragraph()
    scenes.prepare_help(s, "find")
    scenes.set_out(s, s.place())
    hide(s)
    s.tell("lost.play", "lose.unnoticed")
    s.paragraph()
    s.tell("lost.notice", "lost.first")
    s.maybe(0.7, "lost.second")
    s.tell("sad")
    s.maybe(0.5, "comfort")
    s.paragraph()
    method = scenes.solve(s, "find")
    s.call("The Lost {x.cap}", "Where Is the {x.cap}?", "{a!} and the {x.title}", "Gone!")
    if nest:
        s.world.demand(s.world.holder[x] is s.roles["p"], "the nest is where it was lost")
        s.tell("lost.nest", "lost.leave")
        s.paragraph()
        s.tell("lost.return")
        s.world.holder[x], s.roles["later"] = s.roles["a"], False
        scenes.close(s, "lesson.nest", ())
        return
    s.tell("find.own", "joy")
    scenes.thank(s, method)
    scenes.close(s, "lesson.lost")


def hide(s: Teller) -> None:
    """Choose where the thing will lie, and two places where it will not."""
    spots = [spot for spot in s.roles["p"].spots if spot != s.roles["spot"]]
    first = s.draw.pick(spots)
    second = s.draw.pick([spot for spot in spots if spot != first])
    s.roles.update(wrong=first, other=second)
    s.roles.update(othercap=second.capitalize())

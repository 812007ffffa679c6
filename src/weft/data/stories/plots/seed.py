"""A seed, a long wait, a danger; what comes up is shared."""
# ruff: noqa: E501 (a frame is one line, however long)

from weft.data.stories import scenes, vocabulary
from weft.data.stories.teller import Teller
from weft.data.stories.world import Thing

FRAMES = """
@own.seed
{when}, {a} found {x.a}. Nobody knew what would come out of it.
{when}, {c!}, the {c.kind}, gave {a!} {x.a}. "Be good to it," {c.he} said.
{when}, {a} discovered {x.a} in the pocket of an old coat.
@seed.plant
{a} dug a small hole, put {x} into it and covered it with earth.
Behind the house, {a} made a bed of soft earth and laid {x} in it.
{a} pressed {x} into the soft earth, as deep as {a.his} thumb, and wished it a good night.
@seed.water
Every day {a.he} brought water in a little can.
Every morning, before breakfast, {a.he} went to water it.
Each day it got a cup of water and a friendly word.
@seed.wait
One day went by, and then two, and then ten. Nothing happened.
{a} waited. {a.He} lay on {a.his} stomach and stared at the earth. There was nothing to be seen.
The first week passed, and then the second week. The earth was as bare as a plate.
@seed.doubt
"Nothing will ever grow there," said {b!}.
"Maybe it is asleep," said {b!}. "Maybe it is a stone," said somebody else.
{b} shook {b.his} head. "I think that it is only a crumb," said {b!}.
@seed.dig
{a} wanted to dig it up, only for a moment, only to look. "Do not do that," said {b!}. "Would you like it if somebody pulled off your blanket?"
"Shall I pull a little?" asked {a!}. "No," said {b!}. "It needs its time."
"I only want to see how it is doing," said {a!}, and {a.he} reached for a spoon. "Leave it," said {b!}. "It is working in the dark."
@seed.sprout
And then, one morning, there was a tiny green tip.
One morning after the rain, something green looked out of the earth, no bigger than a fingernail.
On the day when {a} had almost forgotten it, there it was: a green tip with two tiny leaves.




@seed.grow
The plant grew and grew, first as big as a cup, and then as big as a bucket, and then bigger than {a!}.
From then on, the plant grew so fast that you could almost watch it.
Leaf after leaf came out, and soon there was a whole roof of leaves.


@seed.share
There was more than {a} could eat. So {a.he} set a table outside and invited everybody.
{a} gave some to everyone who had helped, and to everyone who had laughed as well.
"All this came out of one seed," said {a!}, and {a.he} gave some to every neighbor.
@seed.keep
{a} kept one seed for the next year.
One seed {a} gave to {b!}. "Now it is your turn to wait," {a.he} said.
{a} dried one seed, put it into a matchbox and wrote "for next spring" on it.
@lesson.seed
Good things take their time, and nobody can hurry them.
"You see," said {a!}, "it only needed time."
{a} had learned to wait, and that was the biggest thing that had grown that year.
And when somebody was in a hurry, {a} told the story of {x}.
"""

LOOKS = ("little", "round", "flat", "striped")

DANGERS = """
But a fat snail came every night and wanted to eat it.|{g} carried the snail to a place with old salad leaves. There it was happy and did not come back.
Then there was a storm. It bent the little plant down to the ground.|{b} brought a stick and a soft ribbon, and they tied the plant to the stick. It stood straight again.
Then it did not rain for weeks, and the plant hung its head.|{g} carried water from the well, one can in the morning and one can in the evening, until it rained at last.
Then the nights grew cold, and there was frost on the grass.|{a} put an old hat over the plant every evening and took it off every morning.
Then the goat got out and came straight toward it.|{b} held the goat by its horns, and {a!} built a fence out of twigs. It was a crooked fence, but it held.
"""

FRUITS = """
It was a pumpkin, as big as a washtub and as yellow as the moon.
It was a sunflower. Its head was as big as a plate and full of seeds.
It was a bean plant, and it carried so many beans that nobody could count them.
It was a strawberry plant, and under every leaf hung a sweet red berry.
It was a melon. When {a} knocked on it, it sounded like a drum.
"""


def plot(s: Teller) -> None:
    scenes.weather(s, "sunny", season="spring")
    scenes.introduce(s, "hasty")
    s.paragraph()
    s.roles["c"] = s.grown_up("grow")
    x = s.roles["x"] = Thing("seed", s.draw.pick(LOOKS))
    danger, save = s.draw.pick(vocabulary.rows(DANGERS))
    s.tell("own.seed", "seed.plant", "seed.water")
    s.world.holder[x] = None
    s.paragraph()
    s.tell("seed.wait", "seed.doubt")
    s.maybe(0.6, "seed.dig")
    s.paragraph()
    s.tell("seed.sprout")
    s.say(danger)
    s.say(save)
    s.paragraph()
    s.tell("seed.grow")
    s.say(s.draw.pick(FRUITS.strip().splitlines()))
    s.tell("seed.share")
    s.maybe(0.5, "seed.keep")
    s.call("The {x.title}", "The Seed", "{a!} Waits", "Something Green")
    scenes.close(s, "lesson.seed", ())

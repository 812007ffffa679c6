"""Something valuable lies on the ground; it belongs to somebody, and they find out to whom."""
# ruff: noqa: E501 (a frame is one line, however long)

from weft.data.stories import scenes, vocabulary
from weft.data.stories.teller import Teller

FRAMES = """
@found.see
Something was shining {spot}. It was {x.a}!
There, {spot}, {a} saw something glitter. {a.He} bent down. It was {x.a}!
"Look what is lying there, {spot}!" said {a!}. It was {x.a}.
@take.up
{a} picked it up and turned it in the light.
{a} took {x} and wiped off the dust.
{a} lifted it up carefully. It was heavier than it looked.
@found.whose
"Finders keepers," said {b!}.
"Now you are rich," said {b!}.
"Nobody has seen us," whispered {b!}.
@found.think
{a} would have loved to keep it. But then {a.he} thought: "Somewhere, somebody is looking for it."
"I want to keep it," said {a!}. Then {a.he} sighed. "But it is not mine."
{a} imagined how it would be if {a.he} had lost it.
@found.ask
First they asked {t.meet}. "It is not mine," said {t!}, "but it is good that you ask."
They went to {t.meet}. {t.He} shook {t.his} head. "My {x.noun} is at home in the drawer," {t.he} said.
They knocked at the door of {t.meet}. "I have lost many things," said {t!}, "but not this."
@found.clue
{a} looked at {x} again. A tiny {sign} was scratched into it. "Where have I seen that before?" {a.he} wondered.
Then {b} noticed a tiny {sign} on {x}. "Wait," {b.he} said, "I know that sign!"
"Is there no name on it?" asked {b!}. There was not, but on one side {a!} found a tiny {sign}.
@found.sign
The same {sign} was painted above the door of {c!}, the {c.kind}.
It was the {sign} that {c!}, the {c.kind}, put on everything.
@go.owner
So {a} went to {c!} {p.at}.
They ran as fast as they could, until they stood before {c!} {p.at}.
@found.sad
{c} was sitting on the bench with red eyes. "I have lost something," {c.he} said.
{c} was crawling on the floor and looking under every chair.
{c} had turned out every box and every drawer. "It is gone," {c.he} said to {c.himself}.
@hand.back
{a} opened {a.his} hand and gave {x} to {c!}.
"Is this yours?" asked {a!}, and {a.he} put {x} into {c!}'s hand.
"We have found something," said {a!}, and {a.he} laid {x} in {c!}'s hand.
@found.story
"It belonged to my mother," said {c!}, and {c.he} had to sit down for joy.
"My {x.noun}!" cried {c!}. "I have had it since I was as small as you."
{c} did not say anything at first. Then {c.he} laughed and cried at the same time.
@found.reward
"You shall have something for it," said {c!}, and {c.he} brought them {r.a}. They ate it together.
As a thank-you, {c} told them a story, and there was {r.a} to go with it.
"Come whenever you like," said {c!}. "For you there will always be {r.a}."
@found.friend
"I was wrong," {b} said on the way back. "It would have been a heavy {x.noun}."
"I am glad that we asked," said {b!}.
{b} was quiet for a while. "Next time I will say it first," {b.he} said.
@lesson.found
What you give back makes you richer than what you keep.
And whenever {a} met {c!}, {c!} waved from far away.
{a} had nothing in {a.his} pocket now, but {a.he} felt light and happy.
"It was only a small thing," said {a!}. "Not for {c!}," said {m!}.
"""

SIGNS = ["star", "moon", "rose", "fish", "leaf", "bird", "heart", "sun"]


def plot(s: Teller) -> None:
    scenes.introduce(s, "any", "patient")
    s.paragraph()
    c = s.roles["c"] = s.grown_up()
    house = s.roles["house"]
    people = [p for p, _ in vocabulary.grown_ups(s.roles["world"]) if p is not c]
    s.roles.update(t=s.draw.pick(people), sign=s.draw.pick(SIGNS), r=s.baked())
    scenes.set_out(s, s.place())
    x = scenes.treasure(s, "treasure")
    s.world.holder[x] = s.roles["p"]
    s.tell("found.see", "take.up", "found.whose", "found.think")
    s.paragraph()
    s.tell("found.ask", "found.clue", "found.sign")
    s.paragraph()
    s.tell("go.owner", a=s.roles["g"], p=house)
    s.tell("found.sad", "hand.back", "found.story", "found.reward")
    s.maybe(0.5, "found.friend")
    s.call("The {x.title}", "Finders Keepers", "Whose {x.cap} Is It?", "What Lay on the Ground")
    scenes.close(s, "lesson.found")

"""Something good is eaten in secret, another is blamed, and the truth comes out."""
# ruff: noqa: E501 (a frame is one line, however long)

from weft.data.stories import scenes
from weft.data.stories.teller import Teller

FRAMES = """
@lie.bake
{m!} had put {x.a} on the windowsill to cool.
{m!} had made {x.a} for the evening. It stood on the kitchen table.
On the table lay {x.a}. "That is for later," said {m!}, and she went out.
@lie.smell
It smelled so good that {a!}'s nose went all the way up to it.
{a} only wanted to look at it. Then {a.he} only wanted to smell it.
{a} walked past it once, twice, three times.
@eat.secret
First {a} took a crumb, then a corner, and suddenly the whole {x.noun} was gone.
"Only one bite," thought {a!}. But one bite became two, and two became ten.
{a} broke off a bit on the left, and then on the right, so that it would be even. Soon there was nothing left to make even.
@lie.found
"Who ate {x}?" asked {m!} when she came back.
When {m!} came in, she stood still. "Where is {x}?" she asked.
"It is time for the feast," said {m!}. Then she saw the empty plate. "Who ate {x}?" she asked.
@lie.cat.told
"It was the cat," said {a!}, and {a.he} looked at the ceiling.
"I think that the cat was here," said {a!}, and {a.his} ears turned red.
"The cat looks very full today," said {a!}.
@lie.friend.told
"I saw {b!} near the kitchen," said {a!} very quickly.
"Maybe it was {b!}," said {a!}, and {a.he} did not look up.
{a} thought quickly. "{b!} was here," {a.he} said.
@lie.friend.pays
"{b!}?" said {m!}. And so {b} was not allowed to come to the evening feast.
So it was {b!} who had to stay at home that evening, although {b.he} had done nothing.
{m!} shook her head. "Then {b!} cannot come to the feast tonight," she said.
@lie.cat.pays
The poor cat had to stay outside, although it was cold.
So the cat got no milk that day. It looked at {a!} and did not understand.
"Out with you!" said {m!}, and the cat had to sleep in the shed.
@lie.stomach
{a!} should have been glad. But {a.his} stomach hurt, and so did something above {a.his} stomach.
Everybody was friendly to {a!}. That made it even worse.
{a!} looked out of the window, and {a.his} cheeks burned.
@lie.decide
Finally {a} could not stand it any longer.
{a} counted to three, and then {a.he} counted to three again.
In the end {a} got up, for {a.he} knew what {a.he} had to do.
@lie.truth
"It was me," {a} said to {m!}. "I ate {x}, and then I lied."
"I have to tell you something," {a} said to {m!}. "I ate {x} all by myself."
"{m!}," said {a!}, and it came out all at once, "it was me, and I am sorry."
@lie.mother
{m!} looked at {a.him} for a long time. "Now you have carried it long enough," she said.
"I am sorry that you lied," said {m!}, "but I am glad that you came."
{m!} sat down beside {a.him}. "That was hard," she said. "Thank you for telling me."
@lie.sorry.friend
Then {a} ran to {b!} and told {b.him} everything. {b} was angry, but only until they had shared a bun.
"I am so sorry, {b!}," said {a!}. {b} thought it over. "Never do that again," {b.he} said, and {b.he} held out {b.his} hand.
@lie.sorry.cat
Then {a} let the cat in and gave it a big bowl of milk. The cat forgave {a.him} at once.
Then {a} carried the cat in, dried its fur and said that {a.he} was sorry. It purred.
@lie.again
The next morning {a} baked a new one. It was burned on one side, but everybody had a piece.
And then {a} and {m!} baked again, and this time everybody got a piece.
@lesson.lie
A lie is like a stone in a shoe: you cannot walk far with it.
From that day on, {a} asked before {a.he} took something.
"The truth tastes better than any cake," said {a!}, "but only afterward."
That night {a} slept well, for there was nothing left to hide.
"""


def plot(s: Teller) -> None:
    scenes.introduce(s, "greedy")
    s.paragraph()
    x = s.roles["x"] = s.baked()
    s.world.holder[x] = s.roles["m"]
    s.tell("lie.bake", "lie.smell")
    s.world.holder[x] = s.roles["a"]
    s.tell("eat.secret")
    s.paragraph()
    s.tell("lie.found")
    victim = s.draw.way(("friend", "cat"))
    s.tell(f"lie.{victim}.told", f"lie.{victim}.pays", "lie.stomach")
    s.paragraph()
    s.tell("lie.decide", "lie.truth", "lie.mother", f"lie.sorry.{victim}")
    s.maybe(0.6, "lie.again")
    s.call("The {x.title}", "Who Ate the {x.cap}?", "The Lie", "It Was Me")
    scenes.close(s, "lesson.lie", ())

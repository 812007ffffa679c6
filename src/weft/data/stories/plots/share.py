"""Two want one thing; the quarrel costs them something, and sharing turns out to be more."""
# ruff: noqa: E501 (a frame is one line, however long)

from weft.data.stories import scenes
from weft.data.stories.teller import Teller

FRAMES = """
@own.pick
High in a tree {a} saw {x.a}. {a.He} climbed up and picked it.
There, on the lowest branch, hung {x.a}. {a} picked it at once.
{x.a} shone among the leaves. {a} stood on tiptoe and picked it.
@own.bought
{m!} had given {a.him} {x.a} to take along.
In {a.his} bag {a} had {x.a}, still wrapped in a cloth.
{a} had {x.a} in {a.his} bag, for {m!} had said, "You will be hungry."
@share.unpack
When they were hungry, {a} unpacked {x}.
At noon {a} sat down and unwrapped {x}.
After a while {a} took out {x}.
@share.saw
{b}'s eyes grew big. "May I have some of it?" {b.he} asked.
"That looks good," said {b!}. "Shall we share it?"
{b} was hungry too. "Half for you, half for me?" {b.he} asked.
@share.no
"No," said {a!}. "I had it first."
"It is too small for two," said {a!}, and {a.he} turned away.
{a} held {x} behind {a.his} back. "It is mine," {a.he} said.
@share.quarrel
"Then I will not play with you any more," said {b!}, and {b.he} sat down far away.
"You are mean," said {b!}. {b.His} voice was small.
Now nobody said a word. Even the birds were quiet.
@lose.bird
{a} was about to take a bite when a big magpie swooped down and snatched {x}.
Then it happened. A cheeky magpie grabbed {x} and flew away with it.
A shadow fell on them. It was a magpie. It took {x} right out of {a!}'s hand and was gone.
@lose.drop
{a} turned so quickly that {x} slipped from {a.his} hand. It fell into the mud and was spoiled.
{a} stumbled over a root, and {x} flew in a high arc and landed in the mud.
In {a.his} hurry, {a} dropped {x}. It rolled into a puddle, and nobody wanted to eat it now.
@share.nothing
Now neither of them had anything.
Now there was nothing left, not for {a!} and not for {b!}.
They looked at each other. One was as hungry as the other.
@share.sorry
"I am sorry," said {a!}. "We could have had half each, and now we have nothing."
"That was stupid of me," said {a!} after a while. "I am sorry, {b!}."
"You were right," said {a!} in a small voice. "Half would have been enough for me. I am sorry."
@friendhas.food
{b} opened {b.his} own bag. There was {x.a} in it.
Then {b} took something out of {b.his} pocket. It was {x.a}.
"I was saving this," said {b!}, and {b.he} took out {x.a}.
@share.half
{b.He} broke it in two and gave {a!} the bigger half.
Without a word {b.he} divided it and held out one half to {a!}.
"Here," {b.he} said. "One half for you, and one half for me."
@share.yes
{a} looked at {x}. Then {a.he} looked at {b!}. "Of course," said {a!}, and {a.he} broke it in two.
"It will taste better with you," said {a!}. {a.He} broke it in the middle.
{a} wanted to say no. But then {a.he} thought of all the things that {b!} had shared with {a.him}. "Take the bigger half," {a.he} said.
@eat.both
They ate slowly, and it tasted sweeter than anything.
They sat side by side and ate until only crumbs were left.
They chewed and smiled and did not need any words.
@share.third
Then {d.little} came and looked at them hungrily. {a} put the last crumbs on the ground for it.
The last crumbs were for {d.little} that had been watching them.
{d.Little} came closer, one step at a time. "You too," said {a!}, and {a.he} gave it a crumb.
@share.gift
In return, {d!} showed them a bush full of ripe berries. There was enough for everyone.
{d!} was so glad that it led them to a place where sweet nuts lay on the ground.
"Come with me," {d.voice} {d!}, and it showed them a spring with the coldest, clearest water.
@lesson.share
A thing that is shared is only half as big, but it tastes twice as good.
From then on, {g} shared everything: nuts, secrets and rainy days.
"Next time you may choose first," said {a!}. "No, you," said {b!}, and they both laughed.
{a} had learned that it is lonely to have everything for yourself.
"""


def plot(s: Teller) -> None:
    mean = s.draw.chance(0.6)
    scenes.introduce(s, "greedy" if mean else "any")
    s.paragraph()
    x = scenes.treasure(s, "food")
    grows = "tree" in x.flags and s.roles["season"] == "autumn"
    if not grows:
        s.tell("own.bought")
    scenes.set_out(s, s.place(*(["tree"] if grows else [])), interlude=False)
    s.tell("own.pick" if grows else "share.unpack")
    s.tell("share.saw")
    if mean:
        quarrel(s)
    else:
        s.tell("share.yes")
    s.tell("eat.both", a=s.roles["b"] if mean else s.roles["a"])
    if s.draw.chance(0.4):
        s.roles["d"] = s.creature("find")
        s.tell("share.third", "share.gift")
    s.call("The {x.cap}", "Half and Half", "The Bigger Half", "{a!}, {b!} and One {x.title}")
    scenes.close(s, "lesson.share")


def quarrel(s: Teller) -> None:
    lost = s.roles["x"]
    s.tell("share.no", "share.quarrel")
    s.paragraph()
    s.tell(s.draw.way(("lose.bird", "lose.drop")), "share.nothing", "share.sorry")
    s.paragraph()
    s.roles["x"] = s.thing("food", but=lost.noun)
    s.tell("friendhas.food", "share.half")

"""A chain of swaps: everyone has what the next one needs."""
# ruff: noqa: E501 (a frame is one line, however long)

from weft.data.stories import scenes, vocabulary
from weft.data.stories.teller import Teller
from weft.data.stories.world import Person, Thing

FRAMES = """
@trade.want
{b} was ill in bed, and nothing would make {b.him} feel better but {w.a}. But only {c!}, the {c.kind}, had one.
{a} wished for only one thing: {w.a} for {b!}, who was ill. {c!}, the {c.kind}, had one, but {c.he} did not want money for it.
{b} had broken a leg and had to lie in bed all day. "If only I had {w.a}," {b.he} sighed. Only {c!}, the {c.kind}, had one.
@own.start
All that {a} had was {x.a}.
{a} looked around at home. There was nothing but {x.a}.
And what did {a} have? Only {x.a}, and nobody in the house needed it.
@trade.leave
So {a} set out with {x}.
{a} put {x} into {a.his} bag and set out.
"It is better than nothing," said {a!}. {a.He} took {x} and set out.
@trade.meet
First {a.he} met {t.meet}. "{needone}," said {t!}.
Soon {a.he} came to {t.meet}. "{needone}," {t.he} sighed.
On the road {a.he} met {t.meet}, who looked unhappy. "{needone}," {t.he} said.
@swap.one
"Take {x}," said {a!}. {t!} was delighted and gave {a.him} {y.a} for it.
{a} gave {t!} {x}, and {t} gave {a.him} {y.a} in return.
{a} held out {x}. "You can have this." And {t!} gave {a.him} {y.a}, because {t.he} did not need it any more.
@trade.second
A little later {a} met {u.meet}. "{needtwo}," said {u!}.
At the next corner stood {u.meet}. "{needtwo}," {u.he} said.
Not far from there lived {u.meet}. "{needtwo}," {u.he} was just saying.
@swap.two
"Then you shall have {y}," said {a!}. For it, {u!} gave {a.him} {z.a}.
"Here is {y}," said {a!}. {u!} laughed for joy and gave {a.him} {z.a}.
{a} laughed and put {y} into {u!}'s hands. "And you take this," said {u!}. It was {z.a}.
@trade.arrive
At last {a} stood before {c!}. "{needthree}," said {c!}. "For that I would give anything."
So {a} came to {c!}. {c!} looked at {z} and clapped {c.his} hands. "{needthree}," {c.he} said.
When {a} came to {c!}, there was a long face at the window. "{needthree}," said {c!}.
@swap.three
And so {a} gave away {z} and got {w.a}.
One quick swap, and {a} held {w} in {a.his} hands.
They shook hands on it. Now {c} had {z}, and {a} had {w}.
@trade.deliver
{a} ran to {b!}'s bed and put {w} on the blanket. {b} smiled for the first time in days. "Where does it come from?" {b.he} asked.
When {b} saw {w}, {b.his} cheeks turned pink again. "Where did you get that?" {b.he} asked.
@trade.tell
"It began with {x.a}," said {a!}, and {a.he} told the whole story.
"From {x.a}, in a way," said {a!}. {b} did not believe a word of it, but it was true.
@lesson.trade
What one does not need, another is looking for.
And so one small thing had made four people happy.
The next day {b} got up and was well again.
{a} had learned that it is worth asking people what they need.
"""

# a thing | why somebody needs it
NEEDS = """
bell|silver|My goat runs away again and again. If only it had a bell
rope|long|My bucket fell into the well. If only I had a rope
umbrella|red|I must go out, and it is going to rain. If only I had an umbrella
button|golden|I have lost the last button of my coat. If only I had a button
basket|round|My apples are rolling all over the road. If only I had a basket
candle|white|My cellar is so dark. If only I had a candle
blanket|woolen|My grandchild is cold. If only I had a blanket
broom|new|I have spilled all my flour. If only I had a broom
whistle|tin|My dog does not hear me. If only I had a whistle
cup|blue|I am so thirsty, and I have nothing to drink from. If only I had a cup
spoon|wooden|My soup is ready, but I have nothing to stir it with. If only I had a spoon
hat|straw|The sun burns on my head. If only I had a hat
"""

WANTED = [
    ("picture book", "thick"), ("picture book", "blue"), ("music box", "silver"),
    ("music box", "painted"), ("lantern", "paper"), ("puppet", "funny"), ("puppet", "wooden"),
    ("honey cake", "warm"),
]  # fmt: skip


def plot(s: Teller) -> None:
    scenes.introduce(s, "any", "patient")
    s.paragraph()
    w = s.roles["w"] = s.draw.pick([Thing(noun, adjective) for noun, adjective in WANTED])
    c = s.roles["c"] = s.grown_up()
    passers(s, c)
    chain(s, w.noun)
    x, y, z = (s.roles[k] for k in "xyz")
    holder = s.world.holder
    s.tell("trade.want", "own.start")
    holder.update({y: s.roles["t"], z: s.roles["u"], w: c})
    s.tell("trade.leave")
    s.paragraph()
    s.tell("trade.meet", "swap.one")
    holder.update({x: s.roles["t"], y: s.roles["a"]})
    s.tell("trade.second", "swap.two")
    holder.update({y: s.roles["u"], z: s.roles["a"]})
    s.paragraph()
    s.tell("trade.arrive", "swap.three")
    holder.update({z: c, w: s.roles["a"]})
    s.tell("trade.deliver")
    s.maybe(0.7, "trade.tell")
    s.call("The Swap", "One Thing for Another", "The {x.title}", "{a!} Makes a Trade")
    scenes.close(s, "lesson.trade", ())


def passers(s: Teller, c: Person) -> None:
    """Two other grown-ups, t and u, whom the hero meets on the way."""
    people = [p for p, _ in vocabulary.grown_ups(s.roles["world"]) if p is not c]
    s.roles["t"] = s.draw.pick(people)
    s.roles["u"] = s.draw.pick([p for p in people if p is not s.roles["t"]])


def chain(s: Teller, wanted: str) -> None:
    """Three things, x for t, y for u and z for c, with the reasons why they are needed."""
    rows = [row for row in vocabulary.rows(NEEDS) if row[0] != wanted]
    for role, need in (("x", "needone"), ("y", "needtwo"), ("z", "needthree")):
        row = s.draw.pick(rows)
        rows.remove(row)
        s.roles[role], s.roles[need] = Thing(row[0], row[1]), row[2]

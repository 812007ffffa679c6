"""Somebody gathers more than can be carried, loses it, and is helped by those who got nothing."""
# ruff: noqa: E501 (a frame is one line, however long)

from weft.data.stories import scenes
from weft.data.stories.teller import Teller
from weft.data.stories.world import Thing

FRAMES = """
@greedy.find
There the bushes were full of {fruit}, more than anyone had ever seen.
And there {g} found {fruit}. There were hundreds of them!
@greedy.mine
"I saw them first!" cried {a!}. "They all belong to me."
{a} spread out {a.his} arms. "Mine!" {a.he} said.
"Stop!" said {a!}. "I have found them, so I may have them."
@greedy.ask
"May I have a few?" asked {b!}. "Get your own," said {a!}.
"Could you spare one?" asked {b!}. "No," said {a!}, "I need them all."
"They look so good," said {b!}. "May I taste one?" {a} pretended not to hear.
@greedy.fill
{a} filled {x} to the top, and then {a.he} filled {a.his} hat and both pockets.
{a} picked until {x} was full, and then {a.he} went on picking.
Into {x} they went, handful after handful, until it could hold no more. {a} pressed in one more handful.
@greedy.heavy
{x} was so heavy that {a} could hardly lift it. {a.He} panted and puffed up the hill.
Step by step {a} dragged {x} along. {a.His} arms grew longer and longer.
{a} pulled {x} with one hand, and then with two, and {a.his} face became as red as a beet.
@break.basket
Halfway home there was a crack. {x} {x.breaks}, and everything rolled down the hill.
Then it happened: {x} {x.breaks}. The {fruit} rolled away in all directions.
@greedy.gone
{a} ran after them, but {a.he} could not catch them all. {a.He} sat down and cried.
In a moment, everything was gone. {a} stood there with empty hands.
{a} grabbed to the left and to the right, but they rolled faster than {a.he} could run.
@greedy.help
{b} could have laughed. But {b.he} put down {b.his} own bag and began to pick up what was left.
Then somebody knelt down beside {a.him}. It was {b!}. Without a word {b.he} helped to gather them.
{b} had seen it all. {b.He} came back, knelt down and picked up one after the other.
@greedy.why
"Why do you help me?" asked {a!}. "I did not give you anything."
{a} felt ashamed. "I was not nice to you," {a.he} said. "Why do you help me?"
"I gave you nothing," said {a!} softly. "Why do you do this?"
@greedy.because
"Because you need it," said {b!}.
"Because you are my friend," said {b!}, "on good days and on bad days."
{b} shrugged. "You would do the same for me," {b.he} said. {a} was not sure, but {a.he} wanted it to be true.
@greedy.share
{a} counted out what they had found. "Half is yours," {a.he} said. And because it was so easy, {a.he} gave some to the birds as well.
There was still enough for two. {a} gave {b!} the bigger part, and this time nobody had to ask.
"One for you, one for me," said {a!}, until all of them were counted.
@greedy.bake
At home {m!} made jam out of them, one glass for {a!} and one glass for {b!}.
In the evening there was a big cake, and everybody was invited.
@lesson.greedy
Whoever wants to hold everything in the end holds nothing.
After that, {a} only took as much as {a.he} could carry.
"Half a basket is lighter," said {a!}, "and it tastes better too."
{a} never forgot who had knelt down beside {a.him}.
"""

LOOKS = ("round", "brown", "old")
BREAKS = "lost its bottom"
FRUITS = ["blackberries", "hazelnuts", "wild plums", "chestnuts", "blueberries", "small red apples"]


def plot(s: Teller) -> None:
    scenes.weather(s, "sunny", season="autumn")
    scenes.introduce(s, "greedy")
    s.paragraph()
    x = s.roles["x"] = Thing("basket", s.draw.pick(LOOKS), breaks=BREAKS)
    s.roles.update(fruit=s.draw.pick(FRUITS))
    s.world.holder[x], s.world.broken[x] = s.roles["a"], False
    scenes.set_out(s, s.place("tree"), interlude=False)
    s.tell("greedy.find", "greedy.mine", "greedy.ask")
    s.paragraph()
    s.tell("greedy.fill", "greedy.heavy", "break.basket", "greedy.gone")
    s.paragraph()
    s.tell("greedy.help", "greedy.why", "greedy.because", "greedy.share")
    s.maybe(0.5, "greedy.bake")
    s.roles["fruittitle"] = s.roles["fruit"].title()
    s.call("Too Many {fruittitle}", "The Full Basket", "All Mine", "{a!} Wants Everything")
    scenes.close(s, "lesson.greedy", scenes.HOME_ALREADY)

"""A promise: kept against a temptation, or forgotten and made good."""
# ruff: noqa: E501 (a frame is one line, however long)

from weft.data.stories import scenes, vocabulary
from weft.data.stories.teller import Teller

FRAMES = """
@promise.ask
{c.Intro} had to go away until evening. "Will you {task} for me?" {c.he} asked.
"I must go to the next town today," said {c!}, the {c.kind}. "{a!}, will you {task} for me?"
"I have to see my sister today," said {c!}, the {c.kind}. "Could you {task} for me?"
@promise.give
"I promise," said {a!}, and they shook hands on it.
"You can count on me," said {a!}.
"Yes, I promise," said {a!}, and {a.he} meant it.
@promise.tempt
But on the way {a} met {b!}. "Come along," called {b!}, "we are all playing {p.at}!"
Then {b} came running. "There you are! Come {p.to}," {b.he} said. "We need you for the game!"
But there was {b!}, all excited. "Quick," {b.he} said, "a juggler is showing tricks {p.at}!"
@promise.think
{a} wanted to go so badly that {a.his} toes tingled.
{a} stood still. One foot wanted to go with {b!}, and the other foot remembered the promise.
{a} thought about it for a long moment.
@promise.keep
"I have made a promise," said {a!}. "I will come when it is done."
"Later," said {a!}. "Somebody is counting on me."
"It would be fun," said {a!}, "but a promise is a promise. You go ahead."
@promise.forget
"Only for a little while," said {a!}. But it was so much fun that {a.he} forgot the time.
And {a} ran along. They played and laughed, and the promise slipped out of {a.his} head.
"It will not take long," {a} told {a.himself}. One game became two games, and two games became five.
@promise.do
{a} went and did what {a.he} had promised: {done}.
So {a} {did}, carefully and to the very end.
And {a} {did}, even though {a.he} could hear the others laughing far away.
@promise.join
{b} was disappointed. But then {b.he} came along to help, for it goes faster with two.
{b} was surprised. Then {b.he} said, "I will help you. After that we can both go and play."
@promise.thanks
Then {c} came back. "I knew that I could count on you," {c.he} said, and {c.he} gave {a!} {x.a}.
{c} was so pleased that {c.he} gave {a!} {x.a}. "This is for somebody who keeps a promise," {c.he} said.
@promise.late
When the evening bell rang, {a} went pale. "My promise!" {a.he} cried.
Then the sun went down. Suddenly {a} remembered. {a.He} ran as {a.he} had never run before.
{a} was already on the way home when it struck {a.him} like lightning. "My promise!" {a.he} cried, and {a.he} ran.
@promise.confess
"I forgot my promise," {a} told {c!}, and {a.he} did not look for an excuse. "I am very sorry."
When {c} came back, {a} stood at the gate. "It is my fault," {a.he} said. "I forgot it."
"I could say that I was ill," {a} told {c!}, "but it is not true. I forgot it, and I am sorry."
@promise.repair
{a} worked until it was dark, and {b!} helped. {mended}
"I will make it good again," said {a!}. {b} helped, and they did not stop until it was done. {mended}
{a} rolled up {a.his} sleeves, and {b} did the same. It took until dark. {mended}
@promise.trust
"A promise can break like a cup," said {c!}. "But you have mended it well."
"Everybody forgets something once," said {c!}. "You came back, and that counts."
{c} nodded. "Tomorrow you may try again," {c.he} said. And the next day {a} came early.
@lesson.promise
From that day on, {a} tied a knot in {a.his} scarf for every promise.
{a} had learned that a promise is a thing that you carry until you put it down in the right place.
And when {a} said "I promise", everybody knew that it was true.
"A small promise is as heavy as a big one," said {b!}.
"""

# task | did | done (as a noun) | if it is kept | if it is forgotten | made good
TASKS = """
water the young plants|watered every plant|every plant got its water|The little plants stood up straight, as if they wanted to say thank you.|The little plants hung their heads, and their leaves were dry.|By and by the leaves lifted again.
feed the hens|fed all the hens|every hen got its corn|The hens clucked and were content, and there was even a fresh egg.|The hens were so hungry that they had broken the fence and run away.|At last the last hen sat on its perch again.
close the gate to the field|closed the gate with the big bolt|the gate was shut and bolted|Soon after that a storm came up, but all the sheep were safe in the field.|The gate stood open, and all the sheep were gone.|At last every sheep was back, even the smallest one.
bring soup to the sick miller|carried the soup to the sick miller|not one drop of soup was spilled|The sick miller ate three bowls and felt much better.|The sick miller sat in the cold house and had not eaten all day.|The sick miller ate hot soup at last and smiled again.
bring in the washing|carried in all the washing|every sheet was folded|Soon after that it rained, but the washing lay dry in its basket.|It had rained, and all the clean washing lay in the mud.|In the end every sheet hung clean and white on the line.
light the lamp at the landing|lit the lamp at the landing|the lamp burned bright and clear|When it grew dark, a small boat found its way by the light.|A small boat was lost in the dark because there was no light.|Then the lamp shone over the water, and the small boat came home.
"""


def plot(s: Teller) -> None:
    keeps = s.draw.chance(0.5)
    scenes.introduce(s, "any" if keeps else "careless")
    s.paragraph()
    c = s.roles["c"] = s.grown_up()
    task, did, done, good, bad, mended = s.draw.pick(vocabulary.rows(TASKS))
    s.roles.update(task=task, did=did, done=done, good=good, bad=bad, mended=mended)
    scenes.settle(s, s.place("open"))
    s.say("{when}, {a} met {c!}.")
    s.world.where[c] = scenes.HOME
    s.tell("promise.ask", "promise.give")
    s.paragraph()
    s.tell("promise.tempt", "promise.think")
    (kept if keeps else forgotten)(s)
    s.call("The Promise", "{a!}'s Promise", "A Promise Is a Promise", "{a!} and {c!}")
    scenes.close(s, "lesson.promise")


def kept(s: Teller) -> None:
    s.tell("promise.keep")
    s.maybe(0.5, "promise.join")
    s.tell("promise.do")
    s.say(s.roles["good"])
    s.paragraph()
    x = scenes.treasure(s, s.draw.way(("thing", "treasure", "food")))
    s.tell("promise.thanks")
    s.world.holder[x] = s.roles["a"]


def forgotten(s: Teller) -> None:
    s.tell("promise.forget")
    s.paragraph()
    s.tell("promise.late")
    s.say(s.roles["bad"])
    s.tell("sad")
    s.tell("promise.confess", "promise.repair", "promise.trust")

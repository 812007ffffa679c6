"""A race between a proud one and a steady one; what happens on the way decides it."""
# ruff: noqa: E501 (a frame is one line, however long)

from weft.data.stories import scenes
from weft.data.stories.teller import Teller

FRAMES = """
@race.boast
{b} was fast, and {b.he} told everybody about it. "Nobody can beat me," {b.he} said.
"I am the fastest {b.kind} in {town}," said {b!}, every day and twice on Sundays.
"When I run, I can overtake the wind," {b} liked to say.
@race.dare
{when}, {b} had an idea. "Let us have a race," {b.he} said, "from here {p.to}. Or are you afraid?"
{when}, {b} laughed at {a!}. "You walk like a snail! Shall we race {p.to}?" {b.he} asked.
@race.yes
{a} was not fast. But {a.he} said, "All right. I will do my best."
"I will try," said {a!}, although {a.his} knees were soft.
Everybody looked at {a!}. "Why not?" said {a!}. "I like to run."
@race.start
"Ready, set, go!" called the others, and {b} shot away like an arrow.
A leaf fell to the ground. That was the sign, and off they went. {b} was far ahead at once.
Somebody dropped a red scarf, and the race began. {b} was around the first corner before {a!} had taken ten steps.
@race.steady
{a} ran step by step, not fast, but without stopping.
{a} found {a.his} own speed and kept to it.
{a} did not look to the left or to the right. {a.He} only looked at the path.
@race.nap
{b} looked back. {a} was nowhere to be seen. "I have time for a nap," {b.he} yawned, and {b.he} lay down in the shade.
{b} saw some ripe berries beside the path. "I have plenty of time," {b.he} said, and {b.he} sat down and ate, and ate, and fell asleep.
{b} was so far ahead that {b.he} sat down under a tree to count the clouds. At the ninth cloud {b.his} eyes fell shut.
@race.pass
{a} came by and saw {b!} asleep. {a.He} went on quietly, step by step.
While {b} snored, {a} ran past on the soft grass.
Tap, tap, tap went {a!}'s feet, past the tree, past {b!}, and on.
@race.wake
When {b} woke up, {a!} was just crossing the line. The others cheered.
{b} woke up with a start and ran like the wind. Too late! {a} was there already.
Only the cheering woke {b!}. {a} stood at the finish, out of breath and very surprised.
@race.fall
But {b} looked back once too often, tripped over a root and fell. "My foot!" {b.he} cried.
But at the bend {b} slipped on wet leaves and rolled into a ditch. {b.He} could not get out alone.
But a wet stone lay in the way. {b} fell on both knees and could not get up.
@race.choose
{a} came running. {a.He} could win now. But {a.he} stopped.
Now the way was free for {a!}. {a} looked at the finish, and then {a.he} looked at {b!}.
The finish was so near! {a} heard the others calling {a.his} name. But {a.he} stood still.
@race.help
"Lean on me," said {a!}. And so they went on, slowly, arm in arm.
{a} held out a hand and pulled {b!} up. "Come," {a.he} said, "it is not far."
"Put your arm around me," said {a!}, and together they hopped and limped along the path.
@race.both
They crossed the line at the same moment, and the cheering was louder than ever before.
In the end they had four legs and three good feet, and they came in together.
"Who won?" asked the others. "We did," said {g}.
@race.kindwin
Because {a} had stopped on the way, {b} was far ahead. Then {d!} appeared beside the path. "Take the way under the hedge," it {d.voice}. "It is shorter."
@race.kindend
{a} slipped under the hedge, ran through the tall grass and came out right before the finish. {b} could not believe it.
@race.hand
{b} was silent for a moment. Then {b.he} held out {b.his} hand. "You were better today," {b.he} said.
"Well done," said {b!}, and it was not easy for {b.him}. {a} smiled. "You run beautifully," {a.he} said. "Will you teach me?"
{b} looked at {b.his} feet. "I laughed at you," {b.he} said. "I am sorry. You have won fair and square."
@race.prize
The prize was {x.a}. {a} cut it into two pieces and gave one to {b!}.
The winner got {x.a}. "Let us eat it together," said {a!}.
{a} got {x.a} as a prize, and {a.he} broke it in two. "Half is yours," {a.he} told {b!}.
@race.thanks
"You could have won," said {b!}. "I have won," said {a!}. "I have a friend."
"Why did you stop?" asked {b!}. "Because you were lying there," said {a!}.
"I would not have stopped," said {b!} softly. "Next time you will," said {a!}.
@lesson.race
After that, {b} never boasted again, or only very quietly.
Slow feet can go far if they do not stop.
Since then they run together every morning, one fast and one slow, and they wait for each other.
{a} had learned that winning is nice, but a friend is nicer.
"""


def plot(s: Teller) -> None:
    scenes.introduce(s, "patient", friend=False)
    s.paragraph()
    scenes.settle(s, s.place())
    s.tell("race.boast")
    s.tell("race.dare", "race.yes")
    s.paragraph()
    s.tell("race.start", "race.steady")
    way = s.draw.way(("nap", "fall", "kind"))
    if way == "fall":
        s.tell("race.fall", "race.choose")
        s.paragraph()
        s.tell("race.help", "race.both", "race.thanks")
    else:
        (nap if way == "nap" else kind)(s)
        s.paragraph()
        s.tell("race.hand")
        s.tell("race.prize", x=scenes.treasure(s, "food"))
    s.call("The Race", "Fast and Slow", "{a!} and {b!} Run a Race", "Step by Step")
    scenes.close(s, "lesson.race")


def nap(s: Teller) -> None:
    s.tell("race.nap")
    s.paragraph()
    s.tell("race.pass", "race.wake")


def kind(s: Teller) -> None:
    s.roles["d"] = s.creature()
    s.tell("kind.way", "kind.help", "kind.thanks")
    s.paragraph()
    s.tell("race.kindwin", "race.kindend")

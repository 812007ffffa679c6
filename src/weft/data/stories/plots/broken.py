"""A borrowed thing breaks; the truth is told, at once or late, and the thing is mended."""
# ruff: noqa: E501 (a frame is one line, however long)

from weft.data.stories import scenes
from weft.data.stories.teller import Teller

FRAMES = """
@friendhas.treasure
{b} had {x.a}. It was {b.his} greatest treasure.
{b} had {x.a} that {b.his} aunt had made.
Nobody had such a fine {x.noun} as {b!}. It was {x.praise}.
@broken.ask
"May I borrow {x} until tomorrow?" asked {a!}.
"Please, {b!}, may I take {x} home, only for today?" asked {a!}.
"It is so beautiful," said {a!}. "May I take {x} home for one night?"
@lend.borrow
"Yes," said {b!}, "but be careful." And {b.he} put {x} into {a!}'s hands.
{b} thought about it. Then {b.he} gave {x} to {a!}. "Take good care of it," {b.he} said.
"Only because it is you," said {b!}, and {b.he} handed {x} over.
@broken.vow
"I will carry it like an egg," said {a!}.
"I promise," said {a!}.
{a} nodded many times.
@broken.careless
But at home {a} soon forgot to be careful. {a.He} ran and jumped with {x} in {a.his} hands.
But {a} wanted to show {x} to everybody, and {a.he} ran much too fast.
But {a} left {x} on the stairs and came running around the corner.
@break.thing
{a} fell, and {x} {x.breaks}.
There was an ugly sound, and {x} {x.breaks}.
Crack! It happened in a moment: {x} {x.breaks}.
@broken.hide
{a} looked around. Nobody had seen it. Quickly {a.he} pushed {x} under the bed.
"Perhaps {b!} will forget about it," thought {a!}, and {a.he} hid {x} behind a chest.
With a red face {a} wrapped {x} in a cloth and hid it behind the wood pile.
@broken.bad
But {a} could not eat, and {a.he} could not play. {a.He} thought of {x} all the time.
That night {a} could not sleep. It was as if {x} called from its hiding place.
All evening {a} had a strange pain in {a.his} stomach, and it did not come from the soup.
@give.show
{a} brought {x} out and gave it to {b!}.
With both hands {a} held out {x}, and {b} took it.
@broken.meet
The next day {a} met {b!}. "Did you have fun with {x}?" asked {b!}.
The next morning {b} stood at the door and smiled. "Good morning! How is my {x.noun}?"
In the morning there was a knock. It was {b!}. "I have come for my {x.noun}," said {b!}.
@broken.late
{a} held {a.his} breath. Then {a.he} could bear it no longer.
{a} wanted to run away, but {a.his} feet would not move.
{a} looked at the ground. {a.His} face was hot.
@broken.visit
{when}, {a} came to visit {b!}.
{when}, {b} showed {x} to {a!}.
{when}, {g} played at {b!}'s house.
@broken.brave
{a} did not hide it. {a.He} took a deep breath.
{a} knew that there was only one thing to do.
{a} could have told a story about a storm or a thief. But {a.he} did not want to.
@broken.truth
"{b!}," said {a!}, "I broke {x}. I am so sorry."
"It is broken," said {a!} softly. "I was not careful. I am very sorry."
"I have to tell you something," said {a!}. "I broke {x}. Please forgive me."
@broken.hurt
{b} looked at {x} for a long time, and {b.his} lip trembled.
{b} was very quiet. A tear ran down {b.his} cheek.
{b} turned away and said nothing.
@broken.forgive
"I am sad," {b} said at last, "but I am glad that you told me."
"Thank you for telling the truth," said {b!}. "That was harder than lying."
"A {x.noun} can be mended," said {b!}. "A lie is harder to mend."
@broken.idea
"Come," said {a!}, "I know who can help us."
"I will carry it to somebody who can mend it," said {a!}, "and you can come along."
"Let us not cry," said {b!}. "Let us ask somebody who knows about such things."
@go.mender
Together {g} took it to {c!}, the {c.kind}, {p.at}.
So {g} carried {x} to {c!}, the {c.kind}, {p.at}.
@mend.sew
{c} took a needle and a long thread and sewed {x} with tiny stitches.
{c} threaded a needle, and stitch by stitch {x} became whole again.
{c} looked for a thread of the right color, and soon the needle went up and down. When it stopped, {x} was whole again.
@mend.glue
{c} mixed a pot of glue and put {x} together again, piece by piece.
{c} glued {x} with steady hands and told them to wait until it was dry.
{c} put on {c.his} glasses, took a tiny brush and glued {x} so well that the crack was only a thin line.
@mend.carve
{c} took a piece of wood and carved a new part for {x}. It fitted perfectly.
{c} sawed and carved and hammered, until {x} was whole again.
{c} looked for the right piece of wood, and chips flew. By noon, {x} was mended.
@mended.look
You could still see where it had been broken. "That is not ugly," said {c!}. "That is its story."
"Almost like new," said {b!}. "No, better! Now it is special."
{b} turned {x} this way and that way. It was as good as before.
@broken.pay
To thank {c!}, {a} swept the floor and carried in the firewood.
"And what do I owe you?" asked {a!}. "Nothing," said {c!}. "Only be careful next time."
@lesson.broken
From that day on, people could trust what {a} said.
{a} learned that the truth is like cold water: the first moment is the worst.
And when {a} borrowed something again, {a.he} really carried it like an egg.
"I like {x} even better now," said {b!}, "because we mended it together."
"""

PRAISES = ("as bright as on the first day", "smooth and light", "older than both of them")


def plot(s: Teller) -> None:
    a_and_b = s.roles["g"]
    scenes.introduce(s, "hasty")
    mending = s.draw.way(("sew", "glue", "carve"))
    x = s.roles["x"] = s.mendable(mending)
    x.forms["praise"] = s.draw.pick(PRAISES)
    s.tell("friendhas.treasure")
    s.paragraph()
    s.tell("broken.visit", "broken.ask", "lend.borrow")
    s.maybe(0.5, "broken.vow")
    s.paragraph()
    s.tell("broken.careless", "break.thing")
    hidden = s.draw.chance(0.6)
    if hidden:
        s.tell("broken.hide")
        s.maybe(0.7, "broken.bad")
    s.paragraph()
    s.tell("broken.meet")
    s.tell("broken.late" if hidden else "broken.brave", "broken.truth")
    s.tell("give.show", "broken.hurt", "broken.forgive")
    s.paragraph()
    s.roles["c"] = s.grown_up(mending)
    s.maybe(0.5, "broken.idea")
    s.tell("go.mender", a=a_and_b, p=s.roles["house"])
    s.tell(f"mend.{mending}", "mended.look")
    s.maybe(0.25, "broken.pay")
    s.call("The Broken {x.cap}", "{b!}'s {x.title}", "The Truth", "{a!} Tells the Truth")
    scenes.close(s, "lesson.broken")

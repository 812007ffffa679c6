"""A birthday and no money: a present is made, or something dear is given away."""

from weft.data.stories import scenes, vocabulary
from weft.data.stories.teller import Teller

FRAMES = """
@gift.tomorrow
The next day was {b!}'s birthday, and {a} did not have a present yet.
"Tomorrow is {b!}'s birthday!" {a} remembered suddenly. "And I have no present!"
{b!}'s birthday was coming. Only one more night, and {a} still had no present.
@gift.poor
{a} turned out {a.his} pockets. There were two crumbs and a piece of string in them, but no money.
{a} shook {a.his} money box. Nothing rattled.
In {a.his} purse, {a} found one small coin. It was enough for a bun, but not for a present.
@gift.think
"What does {b!} like best?" {a} asked {a.himself}.
{a} walked up and down and thought hard.
{a} asked {m!} for advice. "The best present is one that you have thought about," she said.
@gift.collect
So {a} went {p.to} and looked around with open eyes. {a.He} found {stuff}.
Right after that, {a} went {p.to}. There {a.he} gathered {stuff}.
@gift.make
All evening {a} worked. From {stuff}, {a.he} made {made}.
{a} cut and tied and glued until {a.his} fingers were sore. In the end {a.he} had {made}.
{a} closed the door and went to work. When the lamp was lit, {stuff} had turned into {made}.
@gift.fail
The first try fell apart. {a} took a deep breath and began again.
It was a bit crooked. "Crooked is good too," said {m!}.
Once {a.he} almost gave up. But then {a} thought of {b!}'s face.
@gift.give
The next day {a} hid the present behind {a.his} back. "It is only something small," {a.he} said.
At the party {b} got many fine presents. {a} held {a.his} own behind {a.his} back and blushed.
"Happy birthday!" said {a!}, and {a.his} hands shook a little.
@gift.open
{b} untied the ribbon and was quite silent. "You made this for me?" {b.he} asked.
{b} opened it, and {b.his} eyes began to shine. "Nobody else has one of these," {b.he} said.
"{madecap}!" cried {b!}. "How did you know that I wanted one?"
@gift.best
Of all the presents, it was the one that {b} took to bed that night.
{b} showed it to everybody who came. "{a!} made it," {b.he} said, "with {a.his} own hands."
It got the best place in the whole room.
@own.dear
{a} had only one treasure: {x.a}.
On the shelf was {x.a}. It was the best thing that {a} had.
@gift.dear
{a} remembered how {b!} had looked at {x}, every time.
{b} had always loved {x}. {a} knew that.
And what did {b} always want to play with? {x}, and nothing else.
@gift.hard
It was not easy. {a} held {x} in {a.his} hands for a long time.
{a} put {x} into a box, took it out, and put it in again.
"I will miss you," {a} whispered to {x}.
@give.present
"This is for you," {a} said the next day, and {a.he} gave {x} to {b!}.
The next day {a} put {x} into {b!}'s hands. "Happy birthday," {a.he} said.
@gift.share
{b} hugged {a.him}. "But we will play with it together," {b.he} said. "Every day."
"Your {x.noun}?" said {b!}. "Then it shall belong to both of us."
{b} could hardly speak. "You gave me your own {x.noun}?" {b.he} asked. "Then we will take turns."
@lesson.gift
A present does not have to cost anything but time.
And {a} found out that giving makes you just as happy as getting.
On the way home, {a} felt as if it had been {a.his} own birthday.
{a} could hardly wait for the next birthday of a friend.
"""

MADE = """
shells, sand and a piece of driftwood|a little picture of the sea|water
round pebbles and blue clay|a family of stone mice|water
pine cones, moss and two acorns|a tiny forest with a house in it|tree
long grass and blue flowers|a crown for a birthday child|open
feathers, twigs and string|a bird that could turn in the wind|tree
smooth sticks and a strong cord|a chime that sang in the wind|hill
red leaves and yellow leaves|a lantern that glowed like a sunset|tree
"""


def plot(s: Teller) -> None:
    scenes.introduce(s, "any", "shy")
    s.paragraph()
    s.tell("gift.tomorrow", "gift.poor")
    if s.draw.chance(0.35):
        s.tell("own.dear", x=scenes.treasure(s, "thing"))
        s.paragraph()
        s.tell("gift.dear", "gift.hard")
        s.paragraph()
        s.tell("give.present", "gift.share")
    else:
        handmade(s)
    s.call("The Birthday", "A Present for {b!}", "The Best Present", "{b!}'s Birthday")
    scenes.close(s, "lesson.gift")


def handmade(s: Teller) -> None:
    stuff, made, flag = s.draw.pick(vocabulary.rows(MADE))
    s.roles.update(stuff=stuff, made=made, madecap=made.capitalize())
    s.tell("gift.think")
    s.paragraph()
    scenes.settle(s, s.place(flag))
    s.tell("gift.collect", "gift.make")
    s.maybe(0.6, "gift.fail")
    s.paragraph()
    s.tell("gift.give", "gift.open")
    s.maybe(0.6, "gift.best")

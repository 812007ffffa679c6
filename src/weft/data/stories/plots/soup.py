"""A pot with nothing but water in it, and everyone adds a little."""
# ruff: noqa: E501 (a frame is one line, however long)

from weft.data.stories import scenes, vocabulary
from weft.data.stories.language import listed
from weft.data.stories.teller import Teller

FRAMES = """
@soup.hungry
It had been a bad year, and in {town} the cupboards were almost empty. Everybody hid what was left.
It had rained for weeks, and nobody in {town} had much to eat. Each of them sat at home and was hungry alone.
After the long winter, there was not much left in {town}. Everybody kept the door shut.
@soup.stone
{a} put a big pot in the middle of the square and filled it with water. Then {a.he} put a round stone into it.
{when}, {a} lit a fire in front of the house, hung a pot over it and laid a smooth stone in the water.
{a} said nothing. {a.He} just made a fire, filled a pot with water and put a stone in it, as if that were the most normal thing in the world.
@soup.ask
"What are you cooking?" asked {b!}. "Stone soup," said {a!}. "It is very good. It only needs a little something."
{b} came closer. "A stone?" {b.he} asked. "You will see," said {a!}. "It is almost perfect."
"What is it going to be?" asked {b!}. "Stone soup," said {a!}. "You will lick your fingers. If only there were something to go with the stone!"
@soup.first
"I have {one}," said {b!}, "only a small one." And in it went.
{b} thought of {one} in {b.his} kitchen. {b.He} ran and brought it.
"Would {one} be any good?" asked {b!}. "Very good," said {a!}, and it fell into the pot.
@soup.second
Then {t.intro} looked in. "Soup without {two}?" {t.he} said. "That will not do." And {t.he} brought some.
{t.Intro} smelled the steam. "I might find {two}," {t.he} said, and {t.he} did.
{t.Intro} tasted it. "It is good," {t.he} said, "but a bit of {two} would not hurt." And {t.he} went to fetch some.
@soup.third
{u.Intro} gave {three}, because {u.he} did not want to be the only one who gave nothing.
"Well," said {u.meet}, "{three} would make it even better." And that went in too.
"I do not have much," said {u.meet}, "only {three}." And that went into the pot as well.
@soup.refuse
Only {c!}, the {c.kind}, stood at the window and did not come out. "I have nothing," {c.he} called.
{c.Intro} shook {c.his} head. "I will not give anything," {c.he} said, and {c.he} closed the shutters.
The door of {c!}, the {c.kind}, stayed shut. "Let the others give something," {c.he} grumbled behind it.
@soup.smell
The soup began to smell so good that even the cat came.
Soon it smelled of {all} all over {town}.
A smell of {all} went through {town}, and one door after the other opened.
@soup.eat
Then they all sat around the fire and ate, and there was enough for everybody.
They ate two bowls each, and the pot was still not empty.
Everybody got a full bowl, and somebody began to sing.
@soup.bring
{a} filled a bowl and carried it to {c!}'s door. "It is hot," {a.he} said.
"There is a bowl left," said {a!}, and {a.he} knocked at {c!}'s door.
But {a} thought of the one who was missing. {a.He} took a bowl to {c!} and put it into {c.his} hands.
@soup.melt
{c} ate without a word. Then {c.he} went to the cellar and came back with a whole cheese. "For tomorrow," {c.he} said.
{c} took one spoonful, and {c.his} eyes became wet. The next day {c.he} was the first to bring something.
{c} ate the soup down to the last drop. "I was afraid that there would not be enough for me," {c.he} said. Then {c.he} came out and sat down with the others.
@soup.secret
"And what about the stone?" asked {b!}. "Oh," said {a!}, "we can use it again tomorrow."
Later {b} fished out the stone. "It is still hard," {b.he} said. "It only brought us together," said {a!}.
"It is a good stone," said {b!}. "You can use any stone," {a} whispered. "But do not tell anybody."
@lesson.soup
Nobody had had enough for a soup, but all of them together had had enough for a feast.
From then on, they cooked together once a week.
The stone still lies beside the fire. It is ready, whenever somebody is hungry.
A little from everyone is a lot.
"""

GOODS = ["a carrot", "an onion", "a potato", "a turnip", "a cabbage", "a leek"]
MORE = ["salt", "butter", "beans", "peas", "barley", "parsley", "mushrooms"]


def plot(s: Teller) -> None:
    scenes.introduce(s, "any", "patient")
    s.paragraph()
    c = s.roles["c"] = s.grown_up()
    people = [p for p, _ in vocabulary.grown_ups(s.roles["world"]) if p is not c]
    t = s.roles["t"] = s.draw.pick(people)
    s.roles["u"] = s.draw.pick([p for p in people if p is not t])
    one, two = s.draw.pick(GOODS), s.draw.pick(MORE)
    three = s.draw.pick([m for m in MORE if m != two])
    s.roles.update(one=one, two=two, three=three)
    s.roles["all"] = listed([one.split()[1], two, three])
    s.tell("soup.hungry")
    s.tell("soup.stone", "soup.ask")
    s.paragraph()
    s.tell("soup.first", "soup.second", "soup.third")
    stingy = s.draw.chance(0.5)
    if stingy:
        s.tell("soup.refuse")
    s.tell("soup.smell")
    s.paragraph()
    s.tell("soup.eat")
    if stingy:
        s.tell("soup.bring", "soup.melt")
    s.tell("soup.secret")
    s.call("Stone Soup", "The Big Pot", "{a!}'s Soup", "A Little from Everyone")
    scenes.close(s, "lesson.soup")

"""Somebody new is too shy to play, until there is something that only the newcomer can do."""
# ruff: noqa: E501 (a frame is one line, however long)

from weft.data.stories import scenes, vocabulary
from weft.data.stories.teller import Teller

FRAMES = """
@new.arrive
{when}, a cart full of boxes stopped in front of the empty house. A new {b.kind} climbed down. It was {b!}.
{when}, smoke rose from the chimney of the empty house. A new family had moved in, with {b.a} named {b!}.
{when}, {a} saw a new face at the window next door. It was {b!}, {b.a} from far away.
@new.alone
{b} stood at the fence and watched the others, but {b.he} did not say anything.
While the others played, {b} sat on a box and looked at {b.his} feet.
Nobody knew {b!}, and {b!} did not know anybody.
@new.hello
"Do you want to play with us?" asked {a!}.
{a} waved. "Come over!" {a.he} called.
"My name is {a!}," said {a!}. "What is yours?"
@new.shy
{b} shook {b.his} head and ran into the house.
{b} turned red and hid behind a box.
{b} opened {b.his} mouth, but no word came out.
@new.others
"{b.He} does not like us," said the others.
"Leave {b.him} alone," said one of the others. "{b.He} is strange."
@new.patience
But {a} remembered how it felt to be new.
But {a} was not so sure. "Maybe {b.he} is only shy," {a.he} said.
{a} thought about it all evening.
@new.gift
The next day {a} put an apple on the fence and went away. When {a.he} came back, the apple was gone, and there was a paper bird in its place.
The next day {a} sat down near {b!} and did not ask anything. {a.He} only drew pictures in the sand. After a while, {b} began to draw too.




@new.wow
"How did you do that?" everybody wanted to know.
"Can you show us?" asked {a!}.
The others stood around {b.him} and stared.
@new.teach
And {b} showed them, slowly, once more and once again. While {b.he} did it, {b.he} forgot to be shy.
"It is easy," said {b!}, and those were {b.his} first words. "I will show you."
{b} did it again, more slowly, and soon everybody tried it. Nobody could do it as well as {b.he} could.
@new.play
After that they played until it was dark.
That afternoon nobody wanted to go home.
From that hour on, {b} was one of them.
@lesson.new
And the next time somebody new came, it was {b!} who said, "Do you want to play with us?"
{a} had learned that shy people often have the best secrets.
"I am glad that you asked me twice," said {b!}.
"I was afraid of you," said {b!} later. "And I was afraid of you," said {a!}, and they laughed.
"""

TALENTS = """
Then the ball flew over the high wall into the garden of a grumpy dog.|{b} whistled softly. The dog pricked up its ears, took the ball in its mouth and brought it to {b.him}.
Then the kite of the smallest child got stuck on a roof.|{b} ran to the rain pipe, climbed up as nimbly as a cat and brought the kite down.
Then a little boat drifted out into the middle of the water.|{b} folded a second boat out of paper with a long thread on it, and it pulled the first one back.
Then the rope of the swing broke.|{b} took both ends in {b.his} hands and tied a knot that nobody there had ever seen. It held.
Then one of the small ones fell down and cried and cried.|{b} took a paper out of {b.his} pocket and folded it into a frog that could jump. The little one stopped crying at once.
Then it began to rain, and everybody was bored.|{b} took a flute out of {b.his} pocket and played, and soon all feet were dancing.
"""


def plot(s: Teller) -> None:
    scenes.introduce(s, friend=False)
    s.paragraph()
    s.roles["kind"] = s.roles["b"].kind.title()
    trouble, can = s.draw.pick(vocabulary.rows(TALENTS))
    s.tell("new.arrive", "new.alone", "new.hello", "new.shy")
    s.maybe(0.5, "new.others")
    s.paragraph()
    s.tell("new.patience", "new.gift")
    s.paragraph()
    s.say(trouble)
    s.say(can)
    s.tell("new.wow", "new.teach", "new.play")
    s.call("The New {kind}", "Somebody New", "{b!} from Far Away", "{a!} and {b!}")
    scenes.close(s, "lesson.new")

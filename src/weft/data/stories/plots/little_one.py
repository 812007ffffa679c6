"""A small animal has lost its mother; they follow what it says until they find her."""
# ruff: noqa: E501 (a frame is one line, however long)

from weft.data.stories import scenes, vocabulary
from weft.data.stories.teller import Teller
from weft.data.stories.world import Person

FRAMES = """
@little.hear
There they heard somebody crying. {spotcap} sat {l.a}, all alone.
"Did you hear that?" asked {b!}. {spotcap} sat {l.a} and sobbed.
Something small was sitting {spot}. It was {l.a}, and it was trembling.
@little.ask
"What is wrong?" asked {a!} softly.
{a} knelt down. "Why are you crying?" {a.he} asked.
"Do not be afraid," said {a!}. "Where is your mother?"
@little.tell
"I followed a butterfly," sobbed {l!}, "and now I cannot find my mother."
"I only went around one corner," said {l!}, "and then around another one. Now I am lost."
"I fell asleep," said {l!}, "and when I woke up, my mother was gone."
@little.promise
"We will bring you home," said {a!}.
"We will not leave you alone," said {b!}.
{a} dried its tears. "Then we will look for her together," {a.he} said.
@little.clue
"What does your mother look like?" asked {b!}. "{clue}," said {l!}.
"Tell us something about her," said {a!}. "{clue}," said {l!}.
"If we know what she looks like, we can find her," said {b!}. "{clue}," said {l!}.
@little.wrong
First they came to {wrongone}. "Is that your mother?" asked {a!}. "No," said {l!}. "{noone}."
They met {wrongone}. "Is it her?" whispered {b!}. {l!} shook its head. "{noone}."
Around the corner they found {wrongone}. "Is this the one?" asked {b!}. "No," said {l!}. "{noone}."
@little.tired
{l!} was so tired that it could not walk any more. {a} carried it.
{l!} stumbled, and {a} took it in {a.his} arms.
Then {a!} sang a small song, and {l!} stopped crying.
@little.listen
{b} held up one hand. "Listen!" {b.he} said. Somebody was calling, far away.
Then they heard a voice. It called a name, again and again.
{a} climbed onto a rock and called as loudly as {a.he} could. And somebody answered!
@little.mother
{homeone} stood {mother}. "My child!" she cried.
And there, {hometwo}, was {mother}. "There you are!" she called.
@little.hug
{l!} ran to her as fast as its legs could carry it.
Then there was much hugging and a few tears, but they were happy ones.
Its mother held it so tight that it squeaked.
@little.thanks
"How can I thank you?" asked the mother. "You do not have to," said {a!}.
"You have given me back the best thing that I have," the mother said.
The mother gave them {x.a}. "For two good friends," she said.
@little.wave
{l!} waved until they were out of sight.
"Come and visit us!" called {l!}.
"I will never follow a butterfly again," said {l!}. But a moth flew by, and {l!} looked after it.
@lesson.little
On the way home, {g} held hands.
At home {a} gave {m!} a very long hug. "What was that for?" she asked. "Just so," said {a!}.
And from that day on, {a} and the little one were friends.
Finding the way for somebody else is the best way of all, thought {a!}.
"""

# little one | the clue | the wrong mother | why not | the mother | where she is
FAMILIES = """
duckling|She is brown, and she says quack|a white goose with a long neck|My mother has a short neck|a brown duck|among the reeds
kitten|She is gray, and she has a white spot on her nose|a black cat with yellow eyes|My mother has a white spot|a gray cat with a white spot on her nose|by a warm barn
lamb|She is white and woolly, and she wears a bell|a white goat with two horns|My mother has no horns, and she wears a bell|a white sheep with a bell|behind a hedge
owlet|She has big round eyes, and she flies without a sound|a pigeon on a roof|My mother has big round eyes|a gray owl with big round eyes|on a low branch
foal|She is brown, and she can run like the wind|a brown cow in a field|My mother does not have horns|a brown mare with a long mane|behind a fence
piglet|She is pink, and she loves mud|a pink rose bush|That is only a bush|a fat pink pig|in a mud hole
chick|She is red, and she has a small red comb|a red fox, and they hid quickly|My mother has feathers|a red hen|under a cart
gosling|She is white, and she has a long neck|a white duck with a short neck|My neck is short too, but hers is long|a white goose with a long neck|beside a ditch
"""


def plot(s: Teller) -> None:
    scenes.introduce(s, "any", "patient")
    s.paragraph()
    kind, clue, wrong, no, mother, home = s.draw.pick(vocabulary.rows(FAMILIES))
    little = Person(f"the {kind}", "it", kind)
    s.roles["kind"] = kind.title()
    s.roles.update(l=little, clue=clue, wrongone=wrong, noone=no, mother=mother)
    s.roles.update(homeone=home.capitalize(), hometwo=home)
    scenes.set_out(s, s.place("open"))
    s.roles["spotcap"] = s.roles["spot"].capitalize()
    s.tell("little.hear", "little.ask", "little.tell", "little.promise")
    s.paragraph()
    s.tell("little.clue", "little.wrong")
    s.maybe(0.6, "little.tired")
    s.paragraph()
    s.tell("little.listen", "little.mother", "little.hug")
    scenes.treasure(s, "food")
    s.tell("little.thanks")
    s.maybe(0.6, "little.wave")
    s.call("The Lost {kind}", "Where Is Mother?", "The Little {kind}", "{a!} and the {kind}")
    scenes.close(s, "lesson.little")

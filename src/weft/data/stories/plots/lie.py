"""Something good is eaten in secret, another is blamed, and the truth comes out."""

from weft.data.stories import scenes
from weft.data.stories.teller import Teller
from weft.data.stories.vocabulary import rows
from weft.data.stories.world import Thing

FRAMES = """
@lie.smell
{when}, {a} smelled {x.a}. It stood on the kitchen table.
@eat.secret
"Only one bite," said {a}. But one bite became two, and soon {x} was gone.
"Only a crumb," said {a}. But a crumb became ten, and soon {x} was gone.
@lie.who
"Who ate {x}?" asked {m}.
"Where is {x}?" asked {m}.
@lie.told
"It was {d}," said {a} and looked at the ceiling.
"I think it was {d}," said {a}, and both ears turned red.
@pays.cat
So the cat got no milk that day.
@pays.dog
So the dog had to sleep in the yard.
@pays.hen
So the hen was locked in the shed.
@pays.parrot
So the parrot was put under a dark cloth.
@pays.pig
So the pig got no apple for supper.
@pays.goat
So the goat was tied to a tree.
@lie.stomach
{a} had a stomach ache, and it was not only the stomach.
{a} was sorry for {d} and could not sleep.
@lie.truth
At last {a} went to {m}. "It was me," {a.he} said.
At last {a} told {m} everything. "I am sorry," {a.he} said.
@lie.mother
"That was hard," said {m}. "Thank you for telling me."
"I am glad that you came," said {m}.
@sorry.cat
And {d} got a big bowl of milk and purred.
@sorry.dog
And {d} got a bone and the best place by the fire.
@sorry.hen
And {d} was let out and laid an egg at once.
@sorry.parrot
And {d} came out. "Cake thief!" it said.
@sorry.pig
And {d} got two apples and grunted politely.
@sorry.goat
And {d} was untied and got an old hat to eat.
@lesson.lie
A lie is like a stone in a shoe: nobody can walk far with it.
"The truth tastes better than cake," said {a}.
The next day, {a} and {b} baked a new one for everybody.
"""

CASES = """
cat | honey cake
dog | plum cake
hen | cheese cake
parrot | carrot cake
pig | apple cake
goat | cherry cake
"""


def plot(s: Teller) -> None:
    scenes.begin(s)
    case, thing = s.draw.pick(rows(CASES))
    s.roles.update(x=Thing(thing), d=f"the {case}")
    s.world.holder[s.roles["x"]] = s.roles["m"]
    s.tell("lie.smell", "eat.secret")
    s.paragraph()
    s.tell("lie.who", "lie.told", f"pays.{case}", "lie.stomach")
    s.paragraph()
    s.tell("lie.truth", "lie.mother", f"sorry.{case}")
    scenes.close(s, "lesson.lie")

"""A picnic goes wrong, and is better for it."""

from weft.data.stories import scenes
from weft.data.stories.teller import Teller
from weft.data.stories.vocabulary import rows

FRAMES = """
@picnic.pack
{when}, {a} packed {food} for a picnic on the hill.
@picnic.wait
"I can hardly wait," said {b} and carried the {food}.
"I am so hungry," said {b} and carried the {food}.
@spoil.bread
But the {food} got wet when a fat cloud stopped above them.
@spoil.salad
But the {food} was eaten by a cow that had asked nobody.
@spoil.melon
But the {food} was carried away by a thousand ants.
@spoil.pancakes
But the {food} flew away in the wind like birds.
@spoil.dumplings
But the {food} rolled down the hill, one after the other.
@spoil.chocolate
But the {food} melted in the sun.
@picnic.sad
"Our poor picnic!" cried {b}.
"Now I am even hungrier," said {b}.
@picnic.idea
"Wait," said {a}, "I have an idea."
"It does not matter," said {a}.
@save.bread
Instead of the {food}, they had jam soup and ate it with spoons.
@save.salad
Instead of the {food}, they had warm milk from the cow.
@save.melon
Instead of the {food}, they had wild berries, for the ants knew the way.
@save.pancakes
Instead of the {food}, they had syrup and licked their fingers.
@save.dumplings
Instead of the {food}, they had a dumpling race.
@save.chocolate
Instead of the {food}, they had hot cocoa.
@lesson.picnic
"The best picnics are not planned," said {b}.
"Next time we will eat at home," said {b}, and they both laughed.
And they talked about that picnic all summer.
"""

CASES = """
bread | bread and jam
salad | green salad
melon | sweet melon
pancakes | thin pancakes
dumplings | round dumplings
chocolate | white chocolate
"""


def plot(s: Teller) -> None:
    scenes.begin(s)
    case, food = s.draw.pick(rows(CASES))
    s.roles.update(food=food)
    s.tell("picnic.pack", "picnic.wait")
    s.paragraph()
    s.tell(f"spoil.{case}", "picnic.sad", "picnic.idea", f"save.{case}")
    scenes.close(s, "lesson.picnic")

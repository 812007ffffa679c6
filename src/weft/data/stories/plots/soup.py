"""A soup out of next to nothing, to which everybody adds a little something."""

from weft.data.stories import scenes
from weft.data.stories.teller import Teller
from weft.data.stories.vocabulary import rows
from weft.data.stories.world import Thing

FRAMES = """
@soup.cook
{when}, {a} cooked soup out of {x.a}.
@soup.no
"That is no soup!" cried {b}. "Wait," said {a}.
"Nobody eats {x.a}!" cried {b}. "Wait," said {a}.
@soup.first
Then {a} tasted the soup. "Only a carrot is missing."
Then {a} stirred the soup. "Only a carrot is missing."
@soup.carrot
So {b} ran home and brought a carrot.
So {b} went and fetched a carrot.
@soup.second
Then Mrs. Bell looked in and saw {x}. "Only salt is missing," said {a}.
Then Mrs. Bell came by and saw {x}. "Only salt is missing," said {a}.
@soup.salt
So Mrs. Bell ran home and brought salt.
So Mrs. Bell went and fetched salt.
@soup.eat
It was the best soup of the year. "And all from {x}!" said Mrs. Bell.
They ate until the pot was empty. "And all from {x}!" said Mrs. Bell.
@after.stone
"And what about {x}?" asked {b}. "It is good for a hundred more soups," said {a}.
@after.button
"And what about {x}?" asked {b}. "I will sew it on again," said {a}.
@after.nail
"And what about {x}?" asked {b}. "I will hang up the pot on it," said {a}.
@after.boot
"And what about {x}?" asked {b}. "It is nice and warm now," said {a}.
@after.key
"And what about {x}?" asked {b}. "I will lock the kitchen with it," said {a}.
@after.feather
"And what about {x}?" asked {b}. "I will write a letter with it," said {a}.
@lesson.soup
Whoever shares a little has a lot.
"Tomorrow I will bring the pot," said {b}.
A little from everyone makes a feast.
"""

CASES = """
stone | round stone
button | brown button
nail | rusty nail
boot | old boot
key | brass key
feather | white feather
"""


def plot(s: Teller) -> None:
    scenes.begin(s)
    case, thing = s.draw.pick(rows(CASES))
    s.roles.update(x=Thing(thing))
    s.tell("soup.cook", "soup.no")
    s.paragraph()
    s.tell("soup.first", "soup.carrot", "soup.second", "soup.salt")
    s.paragraph()
    s.tell("soup.eat", f"after.{case}")
    scenes.close(s, "lesson.soup")

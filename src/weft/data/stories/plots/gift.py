"""A birthday comes, there is no money, and the present is made by hand."""

from weft.data.stories import scenes
from weft.data.stories.teller import Teller
from weft.data.stories.vocabulary import rows
from weft.data.stories.world import Thing

FRAMES = """
@gift.need
{when}, {a} needed a present for {b}.
@gift.money
But there was no money in the money box, only a dead fly.
But there was only one penny, and the penny was bent.
@gift.gather
So {a} went to {p} and gathered {material}.
So {a} ran to {p} and gathered {material}.
@own.gift
{a} worked all evening and made {x.a} out of them.
{a} worked until midnight and made {x.a} out of them.
@gift.party
At the party, {b} got many fine presents.
At the party, {a} was the last in line.
@give.gift
"This is for you," said {a} and gave {b} {x}.
"It is not much," said {a} and gave {b} {x}.
@gift.silent
"You made this for me?" asked {b}.
"You made this yourself?" asked {b}.
@like.necklace
{b} loved {x} and wore it every day, even in the bath.
@like.crown
{b} loved {x} and was king of the kitchen until bedtime.
@like.dragon
{b} loved {x} and took it for a walk every evening.
@like.ball
{b} loved {x} and threw it so high that it came down an hour later.
@like.whistle
{b} loved {x} and blew it until everybody left the room.
@like.ship
{b} loved {x} and sailed it in the soup.
@lesson.gift
"It is the best present of all," said {b}.
A present does not need money. It needs a friend.
After that, they ate cake until they could not laugh any more.
"""

CASES = """
necklace | shell necklace | the beach | white shells
crown | leaf crown | the wood | red leaves
dragon | stone dragon | the brook | gray pebbles
ball | wool ball | the barn | soft threads
whistle | grass whistle | the meadow | long stems
ship | nutshell ship | the park | empty nutshells
"""


def plot(s: Teller) -> None:
    scenes.begin(s)
    case, thing, place, material = s.draw.pick(rows(CASES))
    s.roles.update(x=Thing(thing), p=place, material=material)
    s.tell("gift.need", "gift.money", "gift.gather", "own.gift")
    s.paragraph()
    s.tell("gift.party", "give.gift", "gift.silent", f"like.{case}")
    scenes.close(s, "lesson.gift")

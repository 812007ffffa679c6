"""One thing is traded for another, and that for a third, which was the dream."""

from weft.data.stories import scenes
from weft.data.stories.teller import Teller
from weft.data.stories.vocabulary import rows
from weft.data.stories.world import Thing

FRAMES = """
@trade.dream
{when}, {a} dreamed of {z.a}.
@own.trade
"But I have only {x.a}," said {a}.
"All that I have is {x.a}," said {a}.
@trade.go
"Go and ask," said {b}. So they took {x} from door to door.
"Ask the neighbors," said {b}. So they took {x} from door to door.
@trade.one
"Oh, {x.a}!" cried Old Peter. "Take {y.a} for it."
"Just what I need, {x.a}!" cried Old Peter. "Take {y.a} for it."
@trade.two
"Oh, {y.a}!" cried Mrs. Finch. "Take {z.a} for it."
"How nice, {y.a}!" cried Mrs. Finch. "Take {z.a} for it."
@trade.joy
Now {a} had {z} and danced down the street.
Now {a} had {z} and could not say a word.
@lesson.trade
What one does not need, another is looking for.
"And it all began with {x.a}," said {b}.
"Asking costs nothing," said {b}.
"""

CASES = """
old hat | copper pot | tin trumpet
red ribbon | soft pillow | rocking horse
glass bead | fishing rod | wooden sled
odd sock | cuckoo clock | paper lantern
wax candle | tea kettle | toy train
rusty saw | flower pot | painted top
"""


def plot(s: Teller) -> None:
    scenes.begin(s)
    x, y, z = s.draw.pick(rows(CASES))
    s.roles.update(x=Thing(x), y=Thing(y), z=Thing(z))
    s.tell("trade.dream", "own.trade", "trade.go")
    s.paragraph()
    s.tell("trade.one", "trade.two", "trade.joy")
    scenes.close(s, "lesson.trade")

"""Two build something; the first try falls down, and they learn why."""

from weft.data.stories import scenes
from weft.data.stories.teller import Teller
from weft.data.stories.vocabulary import rows

FRAMES = """
@build.first
{when}, {a} built a {work} out of {first}.
@build.hurry
{a} was in a hurry. "It will hold," {a.he} said.
{a} did not measure anything. "It looks right," {a.he} said.
@build.proud
Soon the {work} was ready, and {b} came to look at it.
Soon the {work} was ready, and {b} clapped.
@fall.hut
But the hut fell down on {a}'s head.
@fall.raft
But the raft sank like a spoon in soup.
@fall.bridge
But the bridge broke, and {a} sat in the water.
@fall.swing
But the swing tore, and {a} lay in the grass.
@fall.dam
But the dam was washed away by the first wave.
@fall.tower
But the tower leaned to the left and lay down.
@build.never
"I will never build anything again," said {a}.
"That is the end of it," said {a}.
@build.teach
"What does it teach us?" asked {b}.
"My first one fell down, too," said {b}.
@learn.hut
"Maybe a hut needs strong legs," said {a}.
@learn.raft
"Maybe a raft needs fewer holes," said {a}.
@learn.bridge
"Maybe a bridge needs more than one board," said {a}.
@learn.swing
"Maybe a swing needs a real rope," said {a}.
@learn.dam
"Maybe a dam needs something heavy," said {a}.
@learn.tower
"Maybe a tower needs bigger feet," said {a}.
@build.second
So they built a new {work} out of {second} and measured everything twice.
So they built a new {work} out of {second}, and nobody was in a hurry.
@hold.hut
Now the hut stood like a house, even in a storm.
@hold.raft
Now the raft carried them both to the other side and back again.
@hold.bridge
Now the bridge held, even when they both jumped on it.
@hold.swing
Now the swing went so high that their toes touched the leaves.
@hold.dam
Now the dam held, and the ducks had a little lake.
@hold.tower
Now the tower was so high that they could see the sea.
@lesson.build
"I am glad that the first one fell down," said {a}.
Falling down is only the first half of building.
They gave it a name and wrote it on a board.
"""

CASES = """
hut | dry leaves | thick branches
raft | old reeds | four logs
bridge | one thin board | thick planks
swing | old string | a strong rope
dam | loose sand | stones and clay
tower | empty boxes | square bricks
"""


def plot(s: Teller) -> None:
    scenes.begin(s)
    work, first, second = s.draw.pick(rows(CASES))
    s.roles.update(work=work, first=first, second=second)
    s.tell("build.first", "build.hurry", "build.proud")
    s.paragraph()
    s.tell(f"fall.{work}", "build.never", "build.teach", f"learn.{work}")
    s.paragraph()
    s.tell("build.second", f"hold.{work}")
    scenes.close(s, "lesson.build")

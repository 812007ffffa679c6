"""A noise in the night is frightening, until somebody looks."""

from weft.data.stories import scenes
from weft.data.stories.teller import Teller
from weft.data.stories.vocabulary import rows

FRAMES = """
@noise.tent
{when}, {a} put up a tent in the garden, and {b} moved in.
@noise.night
In the middle of the night, something went {noise}.
When it was dark, something went {noise}.
@noise.guess
"It is a ghost," said {a}.
"It is a giant," said {a}.
"It is a dragon," said {a}.
@noise.hide
They hid under the blanket, and again it went {noise}.
They held hands, and again it went {noise}.
@noise.look
At last {a} took the lamp and looked outside.
Then {a} counted to three and looked outside.
@truth.tap
What went {noise}? It was only a branch that wanted to come in.
@truth.hoo
What went {noise}? It was only an owl that had a cold.
@truth.scratch
What went {noise}? It was only a hen that had lost its way to bed.
@truth.drip
What went {noise}? It was only the old rain barrel.
@truth.rumble
What went {noise}? It was only {b}'s stomach!
@truth.creak
What went {noise}? It was only the garden gate that could not sleep.
@noise.laugh
They laughed so much that the tent fell down.
They laughed until they were hungry and ate all the bread.
@lesson.noise
"In the dark, small things sound big," said {a}.
Then they slept until noon.
"Next time we will ask who is there," said {b}.
"""

CASES = """
tap | tap, tap, tap
hoo | hoo, hoo, hoo
scratch | scratch, scratch, scratch
drip | drip, drip, drip
rumble | rumble, rumble, rumble
creak | creak, creak, creak
"""


def plot(s: Teller) -> None:
    scenes.begin(s)
    case, noise = s.draw.pick(rows(CASES))
    s.roles.update(noise=noise)
    s.tell("noise.tent")
    s.paragraph()
    s.tell("noise.night", "noise.guess", "noise.hide")
    s.paragraph()
    s.tell("noise.look", f"truth.{case}", "noise.laugh")
    scenes.close(s, "lesson.noise")

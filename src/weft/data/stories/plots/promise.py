"""A promise is forgotten while playing, and kept at the last moment."""

from weft.data.stories import scenes
from weft.data.stories.teller import Teller
from weft.data.stories.vocabulary import neighbors, rows

FRAMES = """
@promise.give
{when}, {a} promised {c} to {task}.
@promise.call
But then {b} called, "Come and play with me!"
But then {b} called, "Come and swim with me!"
@promise.play
They had so much fun that {a} forgot to {task}.
They laughed so much that {a} forgot to {task}.
@promise.oh
"Oh no!" cried {a}. "I promised to {task}!"
"I forgot something!" cried {a}. "I promised to {task}!"
@promise.run
They ran so fast that one shoe stayed behind.
They ran so fast that the chickens flew up.
@kept.fish
When they came to {task}, the fish stood in a row and waited.
@kept.roses
When they came to {task}, the roses had already hung their heads.
@kept.clock
When they came to {task}, it had just made its last tick.
@kept.pony
When they came to {task}, the pony had eaten the broom.
@kept.washing
When they came to {task}, the first drops were falling.
@kept.baby
When they came to {task}, it had woken the whole street.
@promise.sorry
"I am late," said {a}. "Late is better than never," said {c}.
"I am sorry," said {a}. "You came, and that is what counts," said {c}.
@lesson.promise
"A promise is a promise," said {b}.
The next day they did it first and played afterward.
After that, {a} made a knot in a handkerchief and forgot what it was for.
"""

CASES = """
fish | feed the fish | Old Peter
roses | water the roses | Mrs. Bell
clock | wind the clock | Grandpa Will
pony | brush the pony | Mr. Reed
washing | bring in the washing | Mrs. Finch
baby | rock the baby | Grandma Rose
"""


def plot(s: Teller) -> None:
    scenes.begin(s)
    case, task, who = s.draw.pick(rows(CASES))
    s.roles.update(task=task, c=neighbors()[who])
    s.tell("promise.give", "promise.call", "promise.play")
    s.paragraph()
    s.tell("promise.oh", "promise.run", f"kept.{case}", "promise.sorry")
    scenes.close(s, "lesson.promise")

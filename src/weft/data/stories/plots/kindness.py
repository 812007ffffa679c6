"""A small animal is helped, and helps in return when nobody else can."""

from weft.data.stories import scenes
from weft.data.stories.teller import Teller
from weft.data.stories.vocabulary import creature, rows

FRAMES = """
@kind.meet
{when}, {a} met {little}.
@trouble.ant
It was carrying a crumb that was much too big. {a} carried the crumb home for {d}.
@trouble.bee
It had fallen into a puddle. {a} held out a leaf for {d}.
@trouble.sparrow
It had caught its foot in a string. {a} untied the string for {d}.
@trouble.snail
It had tried to cross the road since Monday. {a} stopped a wagon for {d}.
@trouble.beetle
It lay on its back and could not get up. {a} held out one finger for {d}.
@trouble.spider
It sat in the rain and had lost its web. {a} held an umbrella for {d}.
@kind.thanks
"Thank you," said {d}. "One day I will help you too."
"I will not forget this," said {d}.
@kind.laugh
{b} laughed. "How could {d.a} help anyone?"
{b} laughed. "What can {d.a} do?"
@kind.later
The next day {d} heard somebody cry. It was {a}.
The next day {d} heard a loud sigh. It was {a}.
@later.ant
A button had fallen into the tall grass.
@later.bee
A big dog barked and let nobody pass.
@later.sparrow
The wind had blown a letter up to the roof.
@later.snail
All paths in the wood looked the same.
@later.beetle
A key had fallen into a crack in the wall.
@later.spider
A nail had torn a long hole into the best shirt.
@kind.back
"Now I will help you," said {d}.
"Now it is my turn," said {d}.
@solve.ant
It called all its sisters, and one of them found the button.
@solve.bee
It buzzed around the dog's nose, and the dog ran home.
@solve.sparrow
It flew up to the roof and brought the letter down.
@solve.snail
It had left a silver trail, and the trail led home.
@solve.beetle
It crept into the crack and pushed the key out.
@solve.spider
It sewed up the hole with a thread that nobody could see.
@lesson.kind
"So small, and such a big help!" said {b}.
After that, {b} said good morning to every {d.kind}.
"Now we are even," said {d}, and {b} did not laugh any more.
"""

CASES = "ant | bee | sparrow | snail | beetle | spider"


def plot(s: Teller) -> None:
    scenes.begin(s)
    case = s.draw.pick(rows(CASES)[0])
    s.roles.update(d=creature(case), little=f"a little {case}")
    s.tell("kind.meet", f"trouble.{case}", "kind.thanks", "kind.laugh")
    s.paragraph()
    s.tell("kind.later", f"later.{case}", "kind.back", f"solve.{case}")
    scenes.close(s, "lesson.kind")

"""Somebody fast is sure to win, and stops on the way."""

from weft.data.stories import scenes
from weft.data.stories.teller import Teller
from weft.data.stories.vocabulary import creature, rows

FRAMES = """
@race.begin
{when}, {a} raced against {d.a}.
@race.boast
"Nobody is faster than I am," said {d}.
"You may start a day before me," said {d} and laughed.
@race.ready
"Ready, steady, go!" called {b}, and soon {d} was far ahead.
"One, two, three, go!" called {b}, and soon {d} was far ahead.
@stop.hare
But {d} lay down under a bush for a little nap.
@stop.dog
But {d} smelled a bone and began to dig.
@stop.deer
But {d} saw itself in the pond and stood still.
@stop.goat
But {d} found a line full of tasty socks.
@stop.cat
But {d} ran after a butterfly.
@stop.horse
But {d} ate all the flowers beside the road.
@race.steps
And {a} did not stop. Step by step {a.he} went on.
And {a} came along slowly and did not look left or right.
@race.win
"You did it!" cried {b} when {a} came in first.
"What a race!" cried {b} when {a} came in first.
@late.hare
Much later {d} came, still yawning.
@late.dog
Much later {d} came, with earth on its nose.
@late.deer
Much later {d} came, very well combed.
@late.goat
Much later {d} came, with a sock in its mouth.
@late.cat
Much later {d} came, without the butterfly.
@late.horse
Much later {d} came, with a daisy behind one ear.
@lesson.race
"Fast is good," said {a}, "but not stopping is better."
"Tomorrow again?" asked {d}. "Tomorrow again," said {a}.
After that, {d} was a little more polite.
"""

CASES = "hare | dog | deer | goat | cat | horse"


def plot(s: Teller) -> None:
    scenes.begin(s)
    case = s.draw.pick(rows(CASES)[0])
    s.roles.update(d=creature(case))
    s.tell("race.begin", "race.boast")
    s.paragraph()
    s.tell("race.ready", f"stop.{case}")
    s.paragraph()
    s.tell("race.steps", "race.win", f"late.{case}")
    scenes.close(s, "lesson.race")

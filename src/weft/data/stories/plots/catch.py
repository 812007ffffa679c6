"""Somebody wants to catch what cannot be caught."""

from weft.data.stories import scenes
from weft.data.stories.teller import Teller
from weft.data.stories.vocabulary import rows

FRAMES = """
@catch.want
{when}, {a} wanted to catch the {dream} with a {tool}.
@catch.climb
It was a long way to the top of the hill.
It took all day to climb the hill.
@miss.moon
But the {dream} only looked at itself in the water.
@miss.wind
But the {dream} whistled in the neck of the bottle and went out again.
@miss.echo
But the {dream} only said what it was told.
@miss.rainbow
But the {dream} went one step back at every step.
@miss.cloud
But the {dream} slipped out and left everything wet.
@miss.shadow
But the {dream} jumped whenever {a} jumped.
@catch.why
"Why do you want the {dream}?" asked {b}.
"What will you do with the {dream}?" asked {b}.
@catch.answer
"I want to give the {dream} to you," said {a}.
"I want to put the {dream} under my bed," said {a}.
@ask.moon
"Without the {dream}, who will shine for the owls?" asked {b}.
@ask.wind
"Without the {dream}, who will push the boats?" asked {b}.
@ask.echo
"Without the {dream}, who will answer the mountains?" asked {b}.
@ask.rainbow
"Without the {dream}, who will stop the rain?" asked {b}.
@ask.cloud
"Without the {dream}, who will water the garden?" asked {b}.
@ask.shadow
"Without the {dream}, who will walk beside you?" asked {b}.
@catch.wave
So {a} put the {tool} away and waved. And the {dream} waved back, or so it seemed.
So {a} laughed and put the {tool} away. And the {dream} laughed, too, or so it seemed.
@lesson.catch
"Some things are for everybody," said {a}.
What nobody has belongs to all of us.
But {a} kept the {tool}, just in case.
"""

CASES = """
moon | bucket
wind | bottle
echo | box
rainbow | jar
cloud | sack
shadow | net
"""


def plot(s: Teller) -> None:
    scenes.begin(s)
    dream, tool = s.draw.pick(rows(CASES))
    s.roles.update(dream=dream, tool=tool)
    s.tell("catch.want", "catch.climb", f"miss.{dream}")
    s.paragraph()
    s.tell("catch.why", "catch.answer", f"ask.{dream}", "catch.wave")
    scenes.close(s, "lesson.catch")

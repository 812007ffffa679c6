"""The weather spoils a plan, and what they do instead is better; or a good idea saves the plan."""
# ruff: noqa: E501 (a frame is one line, however long)

from weft.data.stories import scenes, vocabulary
from weft.data.stories.teller import Teller

FRAMES = """
@plan.wish
{g} had been waiting for this day all week. They wanted to {wish}.
All week long {g} had talked about only one thing: they wanted to {wish}.
"Today we will {wish}!" said {a!}. {b} had packed everything the night before.
@plan.packed
The basket stood ready by the door.
They had counted the days, four, three, two, one.
{a} had put on {a.his} best shoes.
@plan.rain
But when they opened the door, big drops were falling. Soon it rained so hard that the lane became a stream.
Then the sky turned black, and it began to pour.
But then it began to rain. First one drop fell, then ten, then a thousand.
@plan.storm
But in the night a storm had come up. It howled around the corners and shook the trees.
Then the wind began to roar. Twigs and leaves flew through the air.
But that day the wind blew so hard that even the hens stayed inside.
@plan.fog
But outside there was nothing but white fog. They could not even see the gate.
Then thick fog came up from the river and swallowed the trees, the path and the hill.
But the world had disappeared. There was only fog, thick and wet and white.
@plan.sulk
"It is not fair!" said {a!}, and {a.he} stamped {a.his} foot.
{a} pressed {a.his} nose against the window. "Now everything is spoiled," {a.he} said.
"Why today?" sighed {a!}.
@plan.idea
{b} looked around the room. "We cannot go out," {b.he} said, "but who says that we cannot {instead}?"
{b} was quiet for a while. Then {b.his} eyes began to shine. "Let us {instead}!" {b.he} said.
"I have an idea," said {b!}. "We could {instead}."
@plan.doubt
"That is not the same," said {a!}. But {a.he} came along.
{a} was not sure, but {a.he} wanted to try it.
"Really?" asked {a!}. "Really," said {b!}.


@plan.fun
They laughed so loudly that {m!} came to see what was going on. She sat down and joined in.
They did not notice how the hours passed.
{a} forgot to look out of the window even once.
@plan.clear
When the {trouble} was gone, they hardly noticed it.
Later the sun came out. "Shall we go now?" asked {b!}. "Not yet," said {a!}, "it is so nice here."
In the evening the sky was clear. "Oh," said {a!}, "I had forgotten all about it."
@plan.next
The next day the sun was shining. They did what they had planned, and that was fun too.
And the other plan? They did it the next day, under a blue sky.
The sun came back the day after that. They went out at last, and they told everybody how nice it had been inside.
@lesson.plan
A day is like dough: you can make something out of it even if it looks gray.
"Bad weather is only weather," said {b!}.
"I hope that the weather is bad tomorrow," said {b!}, and {a!} laughed.
{a} had learned that a good day does not need sunshine.
"""

WISHES = [
    "have a picnic in the meadow",
    "sail a boat on the pond",
    "fly a kite on the hill",
    "swim in the brook",
    "pick wild strawberries",
    "sleep in a tent in the garden",
]

INSTEAD = """
have a picnic under the table|They spread a blanket under the table, put plates on it and ate bread and jam. The table legs were trees, and the lamp was the sun.
build a ship|They turned the bench upside down, hung up a sheet for a sail and went to sea. {a} was the captain, and {b!} saw land behind the stove.
put on a play|They made puppets out of old socks. {a} was the dragon, {b!} was the queen, and in the end the dragon and the queen had tea together.
bake something|They mixed flour, eggs and honey. There was flour on the table, on the floor and on {a!}'s nose, but the cake was golden.
build a castle out of pillows|They piled up all the pillows in the house. It became a castle with two towers and a secret door, and the cat was the king.
tell stories|They lit a candle and told stories. Each of them could add one sentence, and soon there was a story with a whale, a thief and a singing potato.
draw a map of a land that nobody knows|They drew mountains, rivers and a lake of lemonade. In the middle they drew a small house, and that was where they lived.
"""


def plot(s: Teller) -> None:
    trouble = s.draw.way(("rain", "rain", "storm", "fog"))
    instead, doing = s.draw.pick(vocabulary.rows(INSTEAD))
    scenes.introduce(s)
    s.paragraph()
    s.roles["weathertitle"] = trouble.title()
    s.roles.update(wish=s.draw.pick(WISHES), instead=instead, trouble=trouble)
    s.tell("plan.wish")
    s.maybe(0.5, "plan.packed")
    s.tell(f"plan.{trouble}", "plan.sulk")
    s.paragraph()
    s.tell("plan.idea", "plan.doubt")
    s.say(doing)
    s.tell("plan.fun")
    s.paragraph()
    s.tell(s.draw.way(("plan.clear", "plan.next")))
    s.call("A Day of {weathertitle}", "The New Plan", "Inside", "When the {weathertitle} Came")
    scenes.close(s, "lesson.plan", scenes.HOME_ALREADY)

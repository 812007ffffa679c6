"""Two lose their way in fog, in the dark or in a wood, and find it again."""

from weft.data.stories import scenes
from weft.data.stories.teller import Teller

FRAMES = """
@fog.play
They went deeper and deeper, for behind every bush there was something new to see.
They followed a butterfly, and then they followed a stream, and then nothing at all.
They looked for {goal} and did not look at the path.
@fog.fall
Then fog came up, white and thick like milk. Soon they could hardly see their own feet.
Before they knew it, the sun had gone down. The trees turned black, and it was dark.
A gray cloud sank down on them. The path was gone, as if somebody had wiped it out.
@fog.lost
"Where are we?" asked {b!}.
"This is the way," said {a!}. "No, this one," said {b!}. Neither of them knew it.
They walked for a while, and then they came to the same stone again. They had gone in a circle!
@fog.fear
Something cracked in the bushes. They moved closer together.
{b} shivered. "I want to go home," {b.he} said.
{a!}'s knees trembled, but {a.he} did not say so.
@fog.brave
"First we stand still and think," said {a!}.
"Whoever runs gets more lost," said {a!}. "Let us think."
{a} took {b!}'s hand. "We will find the way," {a.he} said, and it sounded braver than {a.he} felt.
@fog.walk
So they went on through the wet grass, over roots and stones.
They did not let go of each other's hands, not for one moment.
Once they fell into a puddle. Once they had to turn around. But they went on.
@fog.light
Then they saw a light, small and yellow. It was the lamp in {a!}'s window!
And there, behind the last trees, were the lights of home.
The fog opened like a curtain, and there stood the house.
@go.door
{a} ran the last part and burst through the door.
Out of breath, {a} came in at the door.
@fog.mother
{m!} wrapped them in a blanket and asked nothing until they were warm.
"I was so worried," said {m!}, and she held them both tight.
There were dry socks and hot milk, and {m!} listened to everything.
@lesson.fog
From that day on, they laid a white pebble at every crossing.
{a} had learned that two who hold hands are only half as lost.
"Were you afraid?" asked {m!}. "Yes," said {a!}, "but not alone."
And the next time they went out, they told {m!} where they were going.
"""

GOALS = ("mushrooms", "the biggest acorn", "a place for a camp", "blue flowers", "fox tracks")


def plot(s: Teller) -> None:
    scenes.weather(s, "cloudy")
    scenes.introduce(s)
    s.roles["goal"] = s.draw.pick(GOALS)
    s.paragraph()
    scenes.prepare_help(s, "guide")
    scenes.set_out(s, s.place(s.draw.way(("tree", "hill"))))
    s.tell("fog.play")
    s.paragraph()
    s.tell("fog.fall", "fog.lost", "fog.fear")
    s.paragraph()
    s.tell("fog.brave")
    method = scenes.solve(s, "guide")
    s.tell("fog.walk", "fog.light", *(["thank.creature"] if method == "creature" else []))
    s.tell("go.door", a=s.roles["g"], p=scenes.HOME)
    s.tell("fog.mother")
    s.call("Lost!", "The Way Home", "{a!} and {b!} Lose Their Way", "A Small Light")
    scenes.close(s, "lesson.fog", ())

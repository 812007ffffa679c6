"""A strange noise in the night; the one who is afraid goes to look, and it is only somebody small."""
# ruff: noqa: E501 (a frame is one line, however long)

from weft.data.stories import scenes, vocabulary
from weft.data.stories.teller import Teller

FRAMES = """
@noise.night
That night {b} slept at {a!}'s house. The lamp was out, and everything was still.
{b} was allowed to stay for the night. They told each other secrets until the candle burned down.
It was late, and it was dark. {b} was staying with {a!} for the night.
@noise.first
Then they heard it: {noise}!
Suddenly there was a noise. {noisecap}!
{noisecap}! "What was that?" whispered {a!}.
@noise.again
{noisecap}! There it was again.
They held their breath. {noisecap}! It was closer now.
@noise.guess
"Maybe it is a {monster}," whispered {b!}.
"I think it is a {monster}," said {b!} and crept under the blanket.
"It sounds like a {monster}," said {b!}, and {b.his} voice trembled.
@noise.fear
{a!}'s heart beat like a drum.
{a} pulled the blanket up to {a.his} nose.
{a} was so afraid that even {a.his} ears were cold.
@noise.brave
But lying there and waiting was even worse. "I will go and look," said {a!}.
"If we do not look, we will be afraid all night," said {a!}.
Then {a} thought: "Perhaps it is more afraid than I am." {a.He} put {a.his} feet on the cold floor.
@noise.hands
"Not without me," said {b!}. They held hands and went on tiptoe.
{b} took {a!}'s hand. It was a bit better that way.
{a} took a candle, and {b!} took a wooden spoon.
@noise.door
Step by step they went to the door. {a} opened it, only a crack.
The floor creaked. {noisecap}! It came from behind the door. {a} pushed it open.
The hall was long and black. At the end of it was a door. {noisecap}! {a} pushed the door open.


@noise.laugh
{a} had to laugh. "So you are the {monster}!" {a.he} said.
"That is our {monster}?" asked {b!}, and they both laughed until they had hiccups.
All the fear went out of {a!} like air out of a balloon.


@noise.name
"Good night, {monster}," said {b!}.
They called it their {monster}, and it came back every night.
@noise.sleep
Then {g} crept back into bed and slept until the sun was high.
Soon {g} lay in bed again. Now the night was only dark, and not bad at all.
@lesson.noise
Since that night, {a} looked first and was afraid later.
{a} had learned that fear grows in the dark and shrinks in the light.
"Were you afraid?" {m!} asked at breakfast. "Only until we looked," said {a!}.
Being brave, {a} knew now, means to be afraid and to go anyway.
"""

NOISES = """
tap, tap, tap|On the windowsill sat a wet robin and knocked at the glass. It wanted to get out of the rain.|They let it in and made a bed for it in an old hat.
scratch, scratch, scratch|A small hedgehog had fallen into the coal box and could not get out.|They put on thick gloves, lifted it out and carried it to the garden.
bump, bump, bump|A young goat had pushed its head through the fence, and its bell knocked against the wood.|{a} pulled here and {b!} pushed there, and pop, the goat was free.
creak, creak, creak|It was only the shutter. The wind was swinging it to and fro, and a bat slept on it as if it were a cradle.|They tied the shutter with a string, very gently, so that the bat could sleep.
plop, plop, plop|A fat frog was jumping into the rain barrel, climbing out and jumping in again.|They watched it for a while and gave it points for the best jump.
whoo, whoo, whoo|Under the roof sat a baby owl. It was calling because it was hungry.|Soon its mother came with something in its beak, and the calling stopped.
rustle, rustle, rustle|In the kitchen a mouse sat in the bag of flour. It was white from head to tail.|They gave it a piece of cheese and showed it the way out.
clink, clink, clink|A kitten was playing with the spoons on the step. It had no home and no name.|They gave it warm milk, and it fell asleep in {a!}'s arms.
"""

MONSTERS = ["dragon", "ghost", "giant", "troll", "sea monster", "wolf"]


def plot(s: Teller) -> None:
    noise, source, help_ = s.draw.pick(vocabulary.rows(NOISES))
    scenes.introduce(s, "timid", habit=False)
    s.paragraph()
    s.roles.update(noise=noise, noisecap=noise.capitalize(), monster=s.draw.pick(MONSTERS))
    s.roles.update(noisetitle=noise.title(), monstertitle=s.roles["monster"].title())
    s.tell("noise.night", "noise.first")
    s.tell("noise.guess", "noise.fear")
    s.maybe(0.6, "noise.again")
    s.paragraph()
    s.tell("noise.brave", "noise.hands", "noise.door")
    s.paragraph()
    s.say(source)
    s.tell("noise.laugh")
    s.say(help_)
    s.maybe(0.3, "noise.name")
    s.paragraph()
    s.tell("noise.sleep")
    s.call("The Noise in the Night", "{noisetitle}!", "The {monstertitle}", "Brave {a!}")
    s.tell("lesson.noise")

"""Something does not work, again and again, until it does."""
# ruff: noqa: E501 (a frame is one line, however long)

from weft.data.stories import scenes, vocabulary
from weft.data.stories.language import titled
from weft.data.stories.teller import Teller

FRAMES = """
@skill.wish
{a} wanted to learn to {skill}. {b} could do it already.
Everybody could {skill}, only {a} could not.
More than anything, {a} wanted to {skill}.
@skill.first
{when}, {a} tried it for the first time.
{when}, {a} gathered all {a.his} courage and tried it.
{when}, nobody was looking, and so {a} tried it.
@skill.laugh
Some of the others laughed. {a} pretended not to hear it.
"Maybe you are too small for it," said somebody.
Somebody giggled, and {a!} turned red.
@skill.second
{a} tried it a second time.
The next day {a} tried it again.
But {a} was stubborn and tried it again.
@skill.quit
"I cannot do it," said {a!}. "I will never be able to do it."
{a} threw {a.himself} down in the grass. "I give up," {a.he} said.
"It is no use," said {a!}. {a.He} kicked a pebble, and it hurt {a.his} toe.
@skill.teacher
"Do you know how often I failed?" asked {b!}. "{number} times. I counted."
Then {c.intro} came by. "Do not think about the whole thing," {c.he} said. "Think only about the first bit."
{b} sat down beside {a.him}. "You cannot do it yet," {b.he} said. "Yet is an important word."
@skill.tip
"{tip}," said {b!}.
{b} showed {a!} a trick. "{tip}," {b.he} said.
@skill.practice
So {a} practiced, every morning and every evening, when nobody was watching.
{a} practiced until {a.he} could do it in {a.his} dreams. Only in {a.his} dreams.
Again and again {a} tried, and every time it went a tiny bit better.
@skill.works
And then, {a.he} did not know how, it worked.
And one day, all of a sudden, it worked.
One morning {a} was not even thinking about it, and it worked. It really worked.
@skill.cheer
"You did it!" shouted {b!}.
{b} clapped until {b.his} hands hurt.
{b} ran to tell everybody about it.
@skill.stare
The ones who had laughed now stood there with open mouths.
And nobody laughed any more.


@skill.teach
A few days later {a} saw a little one who wanted to {skill} and could not do it. "You cannot do it yet," said {a!}. "Come, I will show you."
The very next week {a} taught it to somebody smaller.
"Can you show me how to {skill}?" asked a little voice one day. And {a} said, "Of course. At first you will not be able to do it."
@lesson.skill
Whoever falls down nine times must get up ten times.
"Yet" became {a!}'s favorite word.
And what should {a} learn next? {a.He} already had an idea.
That night {a!}'s legs were tired, but {a.his} heart was wide awake.
"""

# skill | first failure | second failure | tip | success
SKILLS = """
swim|{a.He} sank like a stone and came up coughing.|This time {a.he} swallowed half the pond.|Lie on the water as if it were a bed|The water carried {a.him}, and {a.he} swam from one bank to the other.
whistle|Only air came out.|It sounded like a tired teapot.|Make your lips small and think of a bird|A clear, bright whistle flew over the roofs, and a blackbird answered.
walk on stilts|After one step {a.he} lay in the hedge.|This time {a.he} made two steps, and then {a.he} lay in the hedge again.|Do not look at your feet, look at the trees|{a.He} walked around the whole square and could look over every fence.
juggle|All three balls fell on {a.his} nose.|The balls rolled in three directions.|Begin with one ball, and then take two|The three balls danced in the air as if they had wings.
skip stones|The stone went plop and was gone.|It went plop again, only louder.|Take a flat stone and throw it low|The stone jumped once, twice, five times over the water.
climb the big tree|{a.He} slid down and tore {a.his} sleeve.|At the second branch {a.his} legs would not go on.|Look for the next branch only, not for the top|{a.He} sat at the top, and the whole world lay below.
play the flute|It squeaked so badly that the dog ran away.|Now the dog stayed, but it howled.|Blow softly, as if you wanted to cool soup|A small song came out, and nobody in the room made a sound.
stand on one hand|{a.He} fell over like a sack of flour.|{a.His} feet went up, but they came down at once.|Look at one point and breathe out|{a.He} stood there upside down and counted to ten.
"""

NOISY = ("whistle", "play the flute")  # a habit of whistling would contradict them
NUMBERS = ["Ten", "Twenty", "Fifty", "A hundred", "Thirty-three"]


def plot(s: Teller) -> None:
    skill, fail1, fail2, tip, success = s.draw.pick(vocabulary.rows(SKILLS))
    scenes.introduce(s, "any", "shy", "hasty", habit=skill not in NOISY)
    s.paragraph()
    s.roles.update(skill=skill, tip=tip, number=s.draw.pick(NUMBERS), title=titled(skill))
    s.roles["c"] = s.grown_up()
    s.tell("skill.wish")
    s.tell("skill.first")
    s.say(fail1)
    laughed = s.draw.chance(0.5)
    if laughed:
        s.tell("skill.laugh")
    s.tell("skill.second")
    s.say(fail2)
    s.tell("skill.quit")
    s.paragraph()
    s.tell("skill.teacher", "skill.tip", "skill.practice")
    s.paragraph()
    s.tell("skill.works")
    s.say(success)
    s.tell("skill.cheer", *(["skill.stare"] if laughed else []))
    if s.draw.chance(0.4):
        s.paragraph()
        s.tell("skill.teach")
    s.call("{a!} Learns to {title}", "Not Yet", "One More Time", "Again and Again")
    scenes.close(s, "lesson.skill")

"""Two build something; the first try falls down, and they learn why."""
# ruff: noqa: E501 (a frame is one line, however long)

from weft.data.stories import scenes, vocabulary
from weft.data.stories.language import titled
from weft.data.stories.teller import Teller

FRAMES = """
@build.wish
{when}, {g} wanted to build {work} {p.at}.
"Let us build {work}!" said {a!} {whenlow}. "I know the right place. It is {p.at}."
{when}, {a} said to {b!}, "I have always wanted {work}. Let us build one {p.at}!"
@build.collect
They gathered {first}. It did not take long.
"We can take {first}," said {b!}. "There is enough of that everywhere."
Everything had to go quickly, so they took {first}.
@build.hurry
{a} did not want to measure anything. "It will hold," {a.he} said.
They worked fast, for they wanted to be done before noon.
"Faster!" said {a!}. "I can hardly wait."
@build.proud
Soon it was ready, and it looked very fine. "Done!" cried {a!}.
Then it was finished. {a!} stepped back and was proud.
After an hour it was finished. "It is the finest one in {town}," said {b!}.


@build.blame
"It is your fault," said {a!}. "No, yours," said {b!}. Then they had to laugh, for both of them were dirty from head to toe.
{a} kicked a stone. "I will never build anything again," {a.he} said.
They sat on the ground, and nobody spoke.
@build.teacher
{c.Intro} had watched them. "What did it teach you?" {c.he} asked.
Then {c.intro} came by and did not laugh. "Mine fell down three times," {c.he} said.
@build.learn
"{lesson}," said {b!} after some thought.
"{lesson}," said {a!} slowly.
{b} picked up a piece and turned it around. "{lesson}," {b.he} said.
@build.second
So they began again. This time they took {second}, and they took their time.
The second time they did it differently. They fetched {second} and measured everything twice.
"Once more," said {b!}. They went to get {second}, and nobody was in a hurry.
@build.work
{a} held, and {b} tied. Then {b} held, and {a} tied.
They worked until their hands were sore.
{c} showed them a good knot, and that helped.


@build.name
They gave it a name and wrote it on a board: "{g!}".
"It is ours," said {b!}. "We made it with our own hands."
{m!} came to see it. "You two built that?" she asked, and {a!} grew a little taller.
@lesson.build
Falling down is only the first half of building.
Whenever something went wrong after that, {a} asked, "What does it teach us?"
"Now I am glad that the first one fell down," said {b!}.
It stands there to this day, and if you come by, you may try it.
"""

WORKS = """
a hut|thin twigs and leaves|They had just crawled in when the wind blew, and the whole hut fell on their heads.|A house needs strong legs|thick branches and strong cord|The wind blew, and the hut did not even shake. They sat inside and felt like kings.|tree
a raft|dry reeds|They pushed it into the water and jumped on. It sank like a spoon in soup.|What is full of holes will fill up with water|four dry logs and a rope|The raft floated! They went from one bank to the other and back again.|water
a bridge|one long thin board|{a} stepped onto it, and crack, {a.he} sat in the water up to {a.his} belly.|One thin board is not a bridge|three thick boards and two flat stones|{g} walked across, first with one foot and then with both. The bridge held.|water
a swing|an old piece of string|{b} sat down on it, and snap, {b.he} lay in the grass.|A string for a parcel is not a rope for a friend|a strong rope and a smooth board|They swung so high that their toes touched the leaves.|tree
a dam|loose sand|The water looked at it for a moment, and then it washed the whole dam away.|Water takes what is loose|flat stones and clay|The water stopped, and behind the dam there was a little lake.|water
a bird house|wet cardboard|When the first bird sat down on it, the roof fell in. The bird was very offended.|A house must stand the rain|thin boards and small nails|A pair of sparrows moved in before the paint was dry.|tree
a seesaw|a rotten log|{a} sat down on one end. There was a dusty sound, and the log broke in two.|What looks big is not always strong|a good board and a round stone|Up went {a!}, down went {b!}, and they laughed so much that they nearly fell off.|open
"""


def plot(s: Teller) -> None:
    work, first, crash, lesson, second, done, flag = s.draw.pick(vocabulary.rows(WORKS))
    scenes.introduce(s, "hasty")
    s.paragraph()
    scenes.settle(s, s.place(flag))
    when = s.roles["when"]
    s.roles.update(work=work, first=first, lesson=lesson, second=second)
    s.roles.update(whenlow=when[0].lower() + when[1:], title=titled(work.split(maxsplit=1)[1]))
    s.roles["worktitle"] = titled(work)
    s.tell("build.wish")
    for person in (s.roles["a"], s.roles["b"]):
        s.world.where[person] = s.roles["p"]
    s.tell("build.collect", "build.hurry", "build.proud")
    s.paragraph()
    s.say(crash)
    s.tell("build.blame")
    s.roles["c"] = s.grown_up("wise", "carve", "grow")
    s.tell("build.teacher", "build.learn")
    s.paragraph()
    s.tell("build.second", "build.work")
    s.say(done)
    s.maybe(0.6, "build.name")
    s.call(
        "The {title}",
        "{a!} and {b!} Build {worktitle}",
        "The Second Try",
        "How to Build {worktitle}",
    )
    scenes.close(s, "lesson.build")

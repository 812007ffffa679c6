"""Sentence frames that every plot may use: beginnings, ways, helpers, solutions and endings.

A key is `verb.variant`; the verbs of `world.EFFECTS` change the world. Roles: a the hero, b the
friend, g both, c a grown-up, d a small animal, m Mother, x the thing, y a tool, p the place.
"""
# ruff: noqa: E501 (a frame is one line, however long)

FRAMES = """
@intro.once
Once upon a time there was {atrait} {a.kind} named {a!}.
@intro.plain
There was once {atrait} {a.kind} named {a!}.
{a!} was {atrait} {a.kind} who lived {home}.
In {town} lived {atrait} {a.kind} named {a!}.
Have you heard of {a!}, the {trait} {a.kind}? This is {a.his} story.
This is the story of {a!}, {atrait} {a.kind} from {town}.
Everybody in {town} knew {a!}, the {trait} {a.kind}.
{a!} was {atrait} {a.kind}, and {a.he} lived {home}.
@intro.morning
{day}, {atrait} {a.kind} named {a!} woke up before everyone else.
{day}, {atrait} {a.kind} named {a!} jumped out of bed.
{day}, {atrait} {a.kind} named {a!} stood at the window and looked out.
@intro.afternoon
{day}, {atrait} {a.kind} named {a!} had nothing to do.
{day}, {atrait} {a.kind} named {a!} sat on the doorstep and thought.
{day}, {atrait} {a.kind} named {a!} looked up at the sky and smiled.
@intro.call
"Wait for me!" called {a!}. {a.He} was {atrait} {a.kind}, and {a.he} was always the last to be ready.
"Today will be a good day," said {a!}, who was {atrait} {a.kind}.
"I wonder what will happen today," said {a!}, {atrait} {a.kind} from {town}.
"Is it morning yet?" asked {a!}. {a.He} was {atrait} {a.kind}, and {a.he} could not sleep any longer.
@friend
{a!}'s best friend was {b!}, the {b.kind} from next door.
{b!}, the {b.kind} from next door, was {a!}'s best friend.
{a!} had a good friend, {b.a} named {b!}.
{a!} and {b.a} named {b!} did everything together.
Where {a!} was, {b!} was not far. {b!} was {b.a} and {a!}'s best friend.
@own.loved
{a} had {x.a}, and {a.he} loved it more than anything else.
{a} had {x.a}. It had been a present from Grandfather.
For {a.his} birthday, {a} had been given {x.a}.
{a!}'s favorite thing in the whole world was {x.a}.
{a} had {x.a} and took it everywhere.
{a} had made {x.a} all by {a.himself}, and {a.he} was very proud of it.
@go.out
{when}, {a} went {p.to}.
{when}, {a} walked {p.to}.
{when}, {a} ran all the way {p.to}.
{when}, {a} set out for {p}.
@meet.by
Just then {c.intro} came along the path.
"What is the matter?" asked a friendly voice. It was {c!}, the {c.kind}.
At that moment {c.intro} walked by.
@rain.begin
Suddenly a short rain came down.
Then a few drops fell, and then many.
A small gray cloud stopped above them, and it began to rain.
@rain.wait
{g} crept under a bush and waited.
They held a big leaf over their heads and giggled.
They stood close together under a tree until it was over.
@rain.end
After that, everything glittered, and a rainbow stood in the sky.
When the sun came back, every leaf wore a pearl.
Then it stopped, and the air smelled of wet earth.
@bread.share
{f} had forgotten {f.his} bread, so {h!} broke {h.his} own in two.
{h} had brought two buns, one for {h.himself} and one for {f!}.
"I am hungry," said {f!}. {h!} gave {f.him} half of {h.his} bread.
@kind.met
There {a} saw {d.little}. It {d.trouble}.
Something moved beside the path. It was {d.little}. It {d.trouble}.
@kind.return
And who was waiting at the gate? It was {d!}. It had brought {a!} a shiny pebble, to say thank you.
At the gate sat {d!}. "I told you that I would not forget you," it {d.voice}.
At home {a} found a small flower on the doorstep. {d!} had put it there, to say thank you.
@sight
{sight}
@kind.see
{when}, {a} met {d.little}. It {d.trouble}.
{when}, {a} found {d.little} beside the path. It {d.trouble}.
{when}, {a} heard a tiny voice. It was {d.little}. It {d.trouble}.
{when}, {a} almost stepped on {d.little}. It {d.trouble}.
@kind.way
On the way {a} met {d.little}. It {d.trouble}.
Beside the path {a} saw {d.little}. It {d.trouble}.
Suddenly {a} heard a tiny voice. It was {d.little}. It {d.trouble}.
@kind.help
{a} stopped at once and {d.rescue}.
"Poor little thing," said {a!}. {a.He} knelt down and {d.rescue}.
"Hold still," said {a!}, and {a.he} {d.rescue}.
{a} was in a hurry, but {a.he} stopped and {d.rescue}.
@kind.thanks
"Thank you," {d.voice} {d!}. "One day I will help you too."
"I will not forget this," {d.voice} {d!}.
"You have a good heart," {d.voice} {d!}. "I will remember you."
"If you ever need me, I will come," {d.voice} {d!}.
@kind.smile
{a} smiled, for {d!} was so very small.
{a} waved and went on {a.his} way.
"How could such a small animal help anyone?" thought {a!}.
@own.pack
{when}, {m!} gave {a!} {x.a} to take along. "You never know," she said.
{when}, {a} packed {a.his} bag. At the last moment {a.he} put {x.a} into it, just in case.
{when}, {a} wanted to go out. "Take {x.a} with you," said {m!} at the door.
{when}, {a} was ready to go out. {a.He} took {x.a} along and could not say why.
@sad
{a} felt tears in {a.his} eyes.
{a} sat down and did not say a word.
{a!}'s heart was as heavy as a stone.
{a} wanted to cry.
{a} swallowed hard.
@comfort
"Do not be sad," said {b!}. "We will think of something."
{b} put an arm around {a!}. "Two heads are better than one," {b.he} said.
"Come," said {b!}, "we are not giving up yet."
{b} sat down beside {a!} and said nothing for a while. That helped a little.
@creature.back
Just then somebody small came along. It was {d!} that {a!} had helped!
"May I try?" asked a tiny voice. It was {d!} that {a!} had helped.
Then something moved beside them. It was {d!} that {a!} had helped.
"You helped me, so now I will help you," {d.voice} {d!}. Nobody had seen it come.
@tool.remember
Then {a} remembered {y} in {a.his} bag.
"Wait," said {a!}. "I still have {y}!"
{a} reached into {a.his} bag and pulled out {y}.
@thank.creature
"Now we are even," {d.voice} {d!}.
"Thank you!" cried {a!}. {d!} only {d.voice}, "That is what friends are for."
{a} thanked {d!} three times. "You are small," {a.he} said, "but you are a great helper."
"So small, and such a big help!" said {a!}.
@thank.friend
"What would I do without you?" said {a!}.
"Thank you, {b!}," said {a!}. "That was very clever."
{a} hugged {b!}. "You are the best friend there is," {a.he} said.
@thank.grown
"Thank you, {c!}!" said {a!}.
{a} thanked {c!} and shook {c.his} hand.
"How can I thank you?" asked {a!}. {c!} only smiled.
@thank.tool
"Good that we had {y}," said {b!}.
"Mother was right about {y}," said {a!}.
{a} patted {y}. "You are coming along every time," {a.he} said.
@joy
{a} jumped for joy.
{a} laughed out loud.
{a} danced around in a circle.
{a} was so happy that {a.he} could not stand still.
{a} clapped and cheered.
@end.evening
When the sun went down, {g} walked home side by side.
In the evening, {g} sat on the wall and watched the sky turn red.
And when the first star came out, {g} said good night.
They stayed until the evening bell rang, and then they walked home together.
@end.day
It had been a good day.
{a} thought that it had been the best day of the whole year.
And that was that.
From then on, {g} were even better friends than before.
"Tomorrow again?" asked {b!}. "Tomorrow again," said {a!}.
{a} fell asleep with a smile that night.
@end.mother
That evening {a} told {m!} everything. "I am proud of you," she said.
When {a} came home, there was warm soup on the table, and {m!} wanted to hear the whole story.
"And what did you do today?" asked {m!} in the evening. "Oh, a lot," said {a!}, and {a.he} began to tell.
"""

SOLUTIONS = """
@solve.high.creature
It {d.moves} up into the branches, pulled and pushed, and down came {x}.
Up it went, higher and higher, and it tugged at {x} until it fell.
It {d.moves} up, right to the top, and gave {x} a push. Down it came, turning in the air.
@solve.high.rope
{a} threw {y} over the branch and shook it until {x} fell down.
{a} threw one end of {y} over the branch, and {g} pulled. The branch shook, and {x} came down.
@solve.high.stick
{a} stood on a stump, reached up with {y} and pushed {x} out of the tree.
With {y}, {a} could just reach {x}. One push, and it fell down.
@solve.high.friend
{b} knelt down, and {a} climbed onto {b.his} shoulders. Now {a!} could reach {x}.
"Stand on my shoulders," said {b!}. {a} climbed up, stretched out one arm and had {x}.
{b} stood against the trunk, and {a} climbed up on {b.him} as if {b.he} were a ladder. One long stretch, and {a!} had {x}.
@solve.high.grown
{c} brought a long ladder, climbed up and handed {x} down to {a!}.
{c} leaned a ladder against the tree, and a moment later {x} was back on the ground.
"Nothing easier than that," said {c!}. {c.He} fetched a ladder, and soon {a!} held {x} again.
@solve.high.wits
"If the wind took it up, the wind can bring it down," said {a!}. {g} waited, and at last a strong gust blew {x} out of the tree.
{a} tied a pebble to a long piece of grass and threw it at the branch, once, twice, three times. At last {x} came tumbling down.
{a} looked at the tree for a long time. Then {a.he} pulled down the lowest branch as far as it would go and let it snap back. The whole tree shook, and {x} fell into the grass.
@solve.water.creature
It {d.moves} out to {x} and brought it safely back to the shore.
Out it went over the water, took hold of {x} and came back with it.
The water was no trouble for {d!}. A moment later {x} lay at {a!}'s feet.
@solve.water.rope
{a} made a loop in {y} and threw it. The third time, it caught {x}.
{a} threw {y} again and again, until it lay around {x}. Then {g} pulled it in.
@solve.water.stick
{a} lay down on the bank and drew {x} closer with {y}, little by little.
With {y}, {a} could reach far out over the water, and soon {x} was back on dry land.
@solve.water.net
{a} held {y} out over the water and scooped {x} up like a fish.
{a} waited until {x} floated past, and then {a.he} caught it in {y}.
@solve.water.friend
"Watch," said {b!}, and {b.he} threw pebbles into the water behind {x}. The little waves pushed it back to the shore.
{b} held {a!} by one hand, and {a!} leaned out over the water until {a.he} could reach {x}.
{b} broke off a long reed and waved it over the water until {x} turned and came closer. Then {a} could reach it.
@solve.water.grown
{c} rowed out in a small boat and came back with {x}.
{c} had a net with a long handle, and with one sweep {c.he} caught {x}.
"Stay where you are," said {c!}. {c.He} pulled off {c.his} shoes, waded in and came back with {x}.
@solve.water.wits
{a} watched how the water moved. {g} ran ahead to the place where it turned, and there {x} came floating into {a!}'s hands.
"The water is going that way," said {a!}. {g} went around to the other side and waited, and soon {x} bumped against the bank.
{a} sat down and thought. Then {a.he} threw a big stone behind {x}, and another one, and the waves brought it in.
@solve.narrow.creature
It {d.moves} down into the dark and pushed {x} out, bit by bit.
It was small enough to slip into the hole. A moment later, {x} came out, and then a little head.
Where no hand could go, {d!} went. It {d.moves} in, and soon {x} came out.
@solve.narrow.lantern
{a} held {y} close to the hole. Now they could see {x}, and {b!} fished it out with a bent twig.
By the light of {y}, {a} saw where {x} lay, and two careful fingers pulled it out.
@solve.narrow.spoon
{a} pushed {y} deep into the hole and lifted {x} out like a dumpling.
{y} was just long enough. Slowly, very slowly, {a} scooped {x} out.
@solve.narrow.string
{a} tied a bent pin to {y} and went fishing in the hole. At last {x} hung on the hook.
{a} made a loop at the end of {y}, let it down and pulled {x} up.
@solve.narrow.friend
{b} had an idea. {b.He} put a drop of sticky sap on the end of a twig, and {x} stuck to it.
{b} had the smallest hands. {b.He} reached in up to the elbow and pulled {x} out.
"Wait," said {b!}. {b.He} made a loop out of long grass, let it down and pulled, and up came {x}.
@solve.narrow.grown
{c} moved one big stone aside, and there lay {x}.
{c} took a long bent wire and pulled {x} out in no time.
{c} knew the place well. {c.He} reached in from the other side and held up {x}.
@solve.narrow.wits
{a} dipped a twig into honey and pushed it down the hole. {x} stuck to it.
{a} dug a small tunnel from the side, and after a while {x} rolled into {a.his} hand.
{a} thought of the stork that eats from a jar with its long beak. With two long twigs {a.he} pinched {x} and drew it out.
@solve.find.creature
It {d.moves} off and soon came back. "I have seen it!" it {d.voice}. "It is {spot}."
It looked where nobody else could look. "Here it is, {spot}!" it {d.voice}.
It went where the two of them could not go. "Come and look!" it {d.voice}. "Something is lying {spot}."
@solve.find.lantern
{a} lit {y} and held it low. Something was lying {spot}.
In the light of {y}, something could be seen {spot}.
@solve.find.friend
"Let us walk the same way again, step by step," said {b!}. And so they saw something {spot}.
{b} looked where {a!} had not looked, and {b.he} saw something {spot}.
"What would I do if I were a {x.noun}?" said {b!}. And {b.he} went straight to the right place and looked {spot}.
@solve.find.grown
"Are you looking for something?" asked {c!}. "I saw something {spot}."
{c} thought for a moment. "Try to look {spot}," {c.he} said.
@solve.find.wits
{a} closed {a.his} eyes and thought about every step of the day. Then {a.he} knew that it had to be {spot}.
"Let me think," said {a!}. "Here I sat, and there I jumped." And {a.he} went to look {spot}.
{a} did everything again that {a.he} had done before, one thing after the other. And so {a.he} came to look {spot}.
@solve.guide.creature
It {d.moves} ahead, stopped, waited and went on again, and they followed it step by step.
"This way, this way!" it {d.voice}, and they followed the sound.
"Follow me," it {d.voice}. It {d.moves} from tree to tree and always waited for them.
@solve.guide.lantern
{a} lit {y}. It made a small round light, just big enough to see the path.
With {y} in {a.his} hand, {a} found the marks of their own feet and followed them back.
{y} did not shine far, but it shone far enough for the next step, and then for the step after that.
@solve.guide.whistle
{a} blew {y} three times. They waited. Then somebody far away rang a bell, and they walked toward the sound.
{a} blew {y} as loudly as {a.he} could, and a dog barked at home. Now they knew the way.
@solve.guide.friend
"Listen," said {b!}. "That is the brook. It flows past our house." They held hands and followed the sound.
{b} touched the trees. "Moss grows on this side," {b.he} said, "so home must be over there."
{b} had sharp ears. "I can hear the evening bell," {b.he} said. "It is over there."
@solve.guide.wits
Then {a} had an idea. "Water always runs down to the valley," {a.he} said. They found a tiny stream and followed it.
{a} wet a finger and held it up. "The wind was in our faces when we came," {a.he} said. "So now it must blow on our backs."
"Which way did we have the hill on our right?" asked {a!}. {a.He} turned around once and pointed. "Then home is there."
"""

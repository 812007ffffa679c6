"""Who and what there is in the stories: the same people, animals, things and places in each.

Every line is one entry, its fields divided by `|`; the stories are written in ASCII.
"""
# ruff: noqa: E501 (a frame is one line, however long)

from __future__ import annotations

from functools import cache

from weft.data.stories.world import Person, Place, Thing

# Two friends in a line, the hero first: who knows one knows the other
CHILDREN = """
Mia she|Tom he
Ben he|Lily she
Anna she|Ruby she
Leo he|Max he
Ivy she|Hugo he
Omar he|Zoe she
"""

ANIMALS = """
Fenn he fox|Clover she rabbit
Pip he mouse|Bruno he bear
Marnie she otter|Digby he mole
Posy she hedgehog|Sorrel she squirrel
Willa she beaver|Burr he badger
"""

# name | pronoun | kind | skills (what they mend, or what they can do) | where to be found
GROWN_UPS = """
Mr. Reed|he|carpenter|carve ladder|the workshop
Mrs. Finch|she|tailor|sew|the tailor's shop
Mrs. Bell|she|baker|bake|the bakery
Mr. Moss|he|gardener|ladder grow|the garden
Old Peter|he|fisherman|net sew|the harbor
Grandma Rose|she|weaver|sew bake wise|the little blue house
Grandpa Will|he|clock maker|glue carve wise|the house by the mill
Miss Lark|she|teacher|glue wise|the school
"""

ELDERS = """
Mr. Badger|he|carpenter|carve ladder|the house under the roots
Mrs. Prickle|she|seamstress|sew|the burrow by the ferns
Mrs. Brown|she|cook|bake|the warm cave
Uncle Moss|he|gardener|grow ladder|the old garden
Old Turtle|he|ferryman|net sew|the landing
Grandmother Owl|she|storyteller|wise glue|the hollow tree
Grandfather Toad|he|basket maker|glue wise carve|the mossy stone
"""

# kind | skills | how it moves | how it got into trouble | how it is helped | how it speaks
CREATURES = """
sparrow|high find guide|flew|had caught its foot in a piece of string|untied the string very gently|chirped
robin|high find guide|flew|was tangled in a thorn bush|bent the thorns aside one by one|sang
crow|high find water|flew|was so hungry that it could hardly fly|shared a piece of bread with it|cawed
bee|find guide|flew|had fallen into a puddle|held out a leaf and let it climb up|buzzed
moth|guide|flew|was stuck in a spider's web|freed it without tearing its wings|whispered
beetle|narrow|crept|lay on its back and could not get up|turned it gently over|said
cricket|narrow find|jumped|sat in the middle of the road, where wagons rolled|carried it into the soft grass|chirped
lizard|narrow high find|ran|was trapped under a heavy stone|lifted the stone|whispered
ant|find|ran|was trying to carry a crumb that was much too big|carried the crumb to the anthill|said
frog|water|swam|had fallen into a bucket and could not get out|tipped the bucket over|croaked
duckling|water|swam|was stuck in the thick reeds|pushed the reeds apart|peeped
"""

# noun | adjectives | flags | how it breaks | how it is mended
THINGS = """
kite|red|fly toy|tore from end to end|sew
ball|blue|roll toy float||
boat|little|float toy|lost its mast|carve
drum|little|toy roll|got a hole in its skin|sew
wagon|red|toy roll|lost a wheel|carve
puppet|funny|toy small|lost an arm|glue
top|painted|toy small roll|cracked down the middle|glue
flute|wooden|small toy|broke in two|glue
scarf|green|fly wear|ripped on a nail|sew
hat|yellow|fly wear float|got a big hole|sew
lantern|paper|light|cracked|glue
cup|blue|small|fell into three pieces|glue
umbrella|spotted|fly|tore along one side|sew
sled|fast|roll|lost a runner|carve
basket|round|carry float|lost its handle|carve
music box|silver|small|stopped playing|glue
picture book|thick|small|lost three pages|glue
"""

TREASURES = """
ring|silver|small
key|brass|small
marble|green|small roll
button|shiny|small roll
bell|silver|small roll
shell|pink|small
coin|silver|small roll
"""

FOODS = """
pear|ripe|tree
apple|red|tree
plum|purple|tree
honey cake|warm|bake
berry pie|warm|bake
loaf of bread|warm|bake
nut cake|round|bake
"""

TOOLS = """
rope|long|high water
lantern|brass|guide find narrow
net|green|water
stick|long|high water
whistle|tin|guide
spoon|long|narrow
ball of string|thick|narrow
"""

# name | preposition | world | flags | hiding spots | sights
PLACES = """
the pond|at|both|water tree open|behind the reeds;under the willow;between two stones|The water was as smooth as glass.;A green frog sat on a lily pad and looked important.
the meadow|in|both|open tree|in the tall grass;under a big leaf;beside the fence|The grass was so high that it tickled.;Butterflies danced above the flowers.
the brook|by|both|water hill|between the roots;behind a mossy stone;under the ferns|The water giggled over the stones.;Small silver fish shot away from every shadow.
the hill|on|both|hill open tree|behind a rock;in a rabbit hole;under a bush|From there you could see the whole valley.;The clouds looked close enough to touch.
the old oak|under|both|tree narrow|between the roots;in a heap of leaves;inside a hollow branch|The oak was older than anyone could remember.;Its leaves whispered as if they knew a secret.
the orchard|in|both|tree open|in the long grass;behind the ladder;under a basket|It smelled of apples and warm wood.;The trees stood in rows like children in a line.
the beach|on|both|water open|in the sand;behind a rock;under the seaweed|Little waves ran up the sand and back again.;The sea was blue and wide and in no hurry.
the stone wall|by|both|narrow hill|in a crack;behind a loose stone;under the ivy|The stones were warm from the sun.;A snail was crossing the top of the wall, very slowly.
the market square|in|village|open narrow|behind the fountain;under a bench;beside a flower pot|It smelled of cheese and flowers.;Somebody was playing a fiddle.
the playground|at|village|open tree narrow|under the slide;behind the swing;in the sandbox|The swings creaked softly.;The slide shone in the light.
the bridge|by|village|water narrow|between two boards;behind a post;under the railing|The river hurried along below.;Boats passed under it now and then.
the mill|by|village|water hill|behind a sack;under the steps;beside the wheel|The big wheel turned and dripped.;The air was white with flour.
the clearing|in|forest|open tree|under a fern;behind a stump;in the moss|The light fell through the leaves in golden spots.;It was so still that you could hear a leaf fall.
the berry patch|by|forest|open narrow|under the thorns;behind a thick leaf;in the grass|Everything smelled sweet.;The bushes were taller than a badger.
the hollow log|beside|forest|narrow hill|inside the log;under the bark;behind a mushroom|Mushrooms grew on it like little steps.;It was dark and cozy inside.
the waterfall|by|forest|water hill|behind a wet rock;under the ferns;between two stones|A small rainbow hung in the spray.;The water roared and sparkled.
"""

TRAITS = {
    "any": "cheerful|curious|clever|lively|kind|dreamy|merry|gentle",
    "shy": "shy|quiet|timid",
    "proud": "proud|boastful",
    "hasty": "hasty|impatient|restless",
    "careless": "careless|forgetful|dreamy",
    "timid": "timid|shy|careful",
    "greedy": "greedy|stubborn",
    "patient": "patient|steady|quiet",
}

# a habit | how it comes back at the end
QUIRKS = """
{a} hummed whenever {a.he} was happy.|{a} hummed all evening.
Whenever {a} was happy, {a.he} hummed a little tune.|That evening, {a} hummed until the stars came out.
{a} counted everything: steps, clouds and even peas.|That night {a} tried to count the stars, and fell asleep at forty.
{a} asked more questions than anyone else.|In bed, {a} had only one question left: "Can we do it again tomorrow?"
{a} kept a smooth stone under {a.his} pillow for luck.|That night {a} patted the smooth stone under {a.his} pillow and slept well.
{a} said good night to the moon every evening.|That night {a} had a lot to tell the moon.
{a} had a little brother who wanted a new story every night.|That night {a!}'s little brother got a new story, and every word of it was true.
{a} loved to whistle with the birds.|When {a} whistled that evening, a bird answered.
{a} drew the best thing of every day in a small book.|That evening {a} opened the small book and drew until {a.his} eyes fell shut.
{a} could never sit still, not even at breakfast.|For once, {a} sat quite still and smiled.
{a} talked to trees, just in case they were listening.|That evening {a} told the trees all about it.
{a} laughed louder than anyone.|You could hear {a!}'s laugh from far away.
"""


def rows(table: str) -> list[list[str]]:
    return [line.split("|") for line in table.strip().splitlines()]


def pairs(table: str) -> tuple[tuple[Person, Person], ...]:
    """Hero and friend of each line."""
    found = []
    for line in rows(table):
        cells = [cell.split() for cell in line]
        kinds = {"he": "boy", "she": "girl"}
        hero, friend = (Person(c[0], c[1], (c[2:] or [kinds[c[1]]])[0]) for c in cells)
        found.append((hero, friend))
    return tuple(found)


@cache
def children() -> tuple[tuple[Person, Person], ...]:
    return pairs(CHILDREN)


@cache
def animals() -> tuple[tuple[Person, Person], ...]:
    return pairs(ANIMALS)


def cast() -> tuple[Person, ...]:
    """All children and animals."""
    return tuple(person for pair in (*children(), *animals()) for person in pair)


@cache
def grown_ups(world: str) -> tuple[tuple[Person, Place], ...]:
    """Each with the place where he or she is found."""
    found = []
    for name, gender, kind, skills, house in rows(GROWN_UPS if world == "village" else ELDERS):
        person = Person(name, gender, kind, tuple(skills.split()))
        person.forms["intro"] = person.forms["Intro"] = f"{name}, the {kind},"
        person.forms["meet"] = f"{name}, the {kind}"
        preposition = "by" if house in ("the mossy stone", "the landing") else "at"
        found.append((person, Place(house, preposition)))
    return tuple(found)


@cache
def creatures() -> tuple[Person, ...]:
    found = []
    for kind, skills, moves, trouble, rescue, voice in rows(CREATURES):
        person = Person(f"the {kind}", "it", kind, tuple(skills.split()))
        person.forms.update(moves=moves, trouble=trouble, rescue=rescue, voice=voice)
        person.forms.update(little=f"a little {kind}", Little=f"A little {kind}")
        found.append(person)
    return tuple(found)


Row = tuple[str, list[str], tuple[str, ...], str, str]


def things(table: str) -> list[Row]:
    """(noun, adjectives, flags, how it breaks, how it is mended) of each row."""
    found = []
    for row in rows(table):
        breaks, mends = row[3:] or ("", "")
        found.append((row[0], row[1].split(), tuple(row[2].split()), breaks, mends))
    return found


@cache
def thing_rows(kind: str) -> tuple[Row, ...]:
    tables = {"thing": THINGS, "treasure": TREASURES, "food": FOODS, "tool": TOOLS}
    return tuple(things(tables[kind]))


def make_thing(row: Row, adjective: str) -> Thing:
    return Thing(row[0], adjective, row[2], row[3], row[4])


@cache
def places(world: str) -> tuple[Place, ...]:
    return tuple(
        Place(
            name,
            preposition,
            tuple(spots.split(";")),
            tuple(sights.split(";")),
            tuple(flags.split()),
        )
        for name, preposition, where, flags, spots, sights in rows(PLACES)
        if where in ("both", world)
    )


@cache
def quirks() -> tuple[tuple[str, str], ...]:
    return tuple((row[0], row[1]) for row in rows(QUIRKS))

"""The checker takes every story that is told, and none of those that are broken on purpose.

What is broken is chosen so that no legal story can come out: a sentence that may be missing is not
dropped, two of one kind are not exchanged, a name is only changed where it stands again. So the
share that must be refused is all of them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from weft.data.stories import vocabulary
from weft.data.stories.checker.__main__ import main
from weft.data.stories.checker.grammar import keys, unknown
from weft.data.stories.checker.page import Place, read_page
from weft.data.stories.checker.reasons import KINDS, Violation, check
from weft.data.stories.corpus import Story, story
from weft.data.stories.teller import Draw
from weft.data.stories.world import Thing

COUNT = 60
NAMES = {p.name: p.gender for p in vocabulary.cast()}
# Sentences without which a story is one as well: `maybe` tells them, or a chance does.
OPTIONAL = re.compile(
    r"sight|comfort|joy|sad|end\.|lesson\.|kind\.(smile|return)|rain\.|bread\.|say|thank\.|friend|"
    r"\w+\.(vow|hide|bad|idea|pay|name|best|fail|reward|friend|clear|next|packed|fun|again|teach|"
    r"laugh|stare|join|bake|refuse|bring|melt|third|gift|tired|wave|others|tell|second|keep|dig|"
    r"highfail|waterfail|narrowfail)$"
)

Mutation = Callable[[Story, random.Random], str | None]


@pytest.fixture(scope="module")
def sample() -> list[Story]:
    return [story(seed) for seed in range(COUNT)]


def test_every_story_that_is_told_is_accepted(sample: list[Story]) -> None:
    for one in sample:
        assert check(one.text) == [], one.text
        body = one.text.partition("\n")[2]
        assert check(body) == []  # without its title, too


@pytest.mark.slow
def test_thousands_of_stories_are_accepted() -> None:
    for seed in range(COUNT, 5_000):
        assert check(story(seed).text) == [], story(seed).text


# -- broken stories


def again(text: str, words: str) -> list[int]:
    """Where `words` stand in the body of a story, but for the first time."""
    body = text.index("\n")
    return [m.start() for m in re.finditer(rf"\b{re.escape(words)}\b", text) if m.start() > body][
        1:
    ]


def put(text: str, at: int, old: str, new: str) -> str:
    return text[:at] + new + text[at + len(old) :]


def other_name(one: Story, rng: random.Random) -> str | None:
    """One mention of somebody who is named before becomes a mention of somebody else."""
    name = rng.choice([n for n in NAMES if re.search(rf"\b{n}\b", one.text)])
    places = again(one.text, name)
    new = rng.choice([n for n in NAMES if n not in one.text])
    return put(one.text, rng.choice(places), name, new) if places else None


def exchanged_names(one: Story, rng: random.Random) -> str | None:
    """The friend does what the hero does, once; not in `a and b`, which may stand either way."""
    a, b = (one.events[0].roles[role].name for role in "ab")
    text = one.text.replace(f"{a} and {b}", "#")
    places = [at for at in again(text, a) if text[at + len(a)] == " "]
    return put(text, rng.choice(places), a, b).replace("#", f"{a} and {b}") if places else None


def other_thing(one: Story, rng: random.Random) -> str | None:
    """A thing becomes another between two mentions."""
    things = [v for e in one.events for v in e.roles.values() if isinstance(v, Thing)]
    things = [t for t in things if again(one.text, t.forms["bare"])]
    if not things:
        return None
    bare = rng.choice(things).forms["bare"]
    rows = [row for kind in ("thing", "treasure") for row in vocabulary.thing_rows(kind)]
    others = [f"{row[1][0]} {row[0]}" for row in rows]
    new = rng.choice([other for other in others if other not in one.text])
    return put(one.text, again(one.text, bare)[0], bare, new)


def wrong_pronoun(one: Story, rng: random.Random) -> str | None:
    swap = {"he": "she", "she": "he", "his": "her", "himself": "herself", "herself": "himself"}
    found = [m for m in re.finditer(r"\b(he|she|his|himself|herself)\b", one.text)]
    if not found:
        return None
    match = rng.choice(found)
    return put(one.text, match.start(), match[0], swap[match[0]])


def events(one: Story) -> list[tuple[str, str]]:
    return [(event.key, event.sentence) for event in one.events]


def dropped(one: Story, rng: random.Random) -> str | None:
    """Without a sentence that the plot needs."""
    needed = [words for key, words in events(one) if not OPTIONAL.match(key)]
    return re.sub(r" ?\n ?", "\n", one.text.replace(rng.choice(needed), "", 1)).replace("  ", " ")


def doubled(one: Story, rng: random.Random) -> str | None:
    words = rng.choice(events(one))[1]
    return one.text.replace(words, f"{words} {words}", 1)


def shuffled(one: Story, rng: random.Random) -> str | None:
    """Two neighbours in a paragraph change places."""
    told = events(one)
    pairs = [(a, b) for (k, a), (m, b) in pairwise(told)
             if f"{a} {b}" in one.text and k != m]  # fmt: skip
    a, b = rng.choice(pairs)
    return one.text.replace(f"{a} {b}", f"{b} {a}", 1)


def other_feeling(one: Story, rng: random.Random) -> str | None:
    """Somebody jumps for joy in the middle of the trouble."""
    sad = [words for key, words in events(one) if key in ("sad", "stuck.oh", "broken.hurt")]
    name = one.events[0].roles["a"].name
    return one.text.replace(sad[0], f"{name} jumped for joy.", 1) if sad else None


def stitched(one: Story, rng: random.Random) -> str | None:
    """The first half of this story and the second half of another."""
    lines = one.text.split("\n")
    seeds = iter(lambda: story(rng.randrange(10**6)), None)
    rest = next(s for s in seeds if s and s.events[0].roles["a"] is not one.events[0].roles["a"])
    tail = rest.text.split("\n")
    return "\n".join(lines[: len(lines) // 2 + 1] + tail[len(tail) // 2 + 1 :])


def cut_off(one: Story, rng: random.Random) -> str | None:
    """Without its last paragraph and something before it."""
    body = one.text.rpartition("\n")[0]
    return body[: rng.randrange(len(body) // 2, len(body) - 1)].rstrip()


MUTATIONS = (other_name, exchanged_names, other_thing, wrong_pronoun, dropped, doubled, shuffled,
             other_feeling, stitched, cut_off)  # fmt: skip


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_broken_stories_are_refused(sample: list[Story], mutation: Mutation) -> None:
    rng, broken = random.Random(mutation.__name__), 0
    for one in sample:
        text = mutation(one, rng)
        if text is None or text == one.text:
            continue
        broken += 1
        violations = check(text)
        assert violations, f"{mutation.__name__} was not noticed:\n{text}"
        assert all(v.kind in KINDS and v.reason and v.sentence >= 0 for v in violations)
    assert broken >= 5


# -- what is said of it


def lines(*paragraphs: str) -> str:
    return "\n".join(paragraphs)


STONE = story(next(seed for seed in range(100) if story(seed).plot == "stuck")).text


def wrong(text: str) -> list[str]:
    return [violation.kind for violation in check(text)]


def test_reasons() -> None:
    assert wrong("") == ["end"]
    assert wrong("Once upon a time there was a merry zeppelin named Mia.")[0] == "word"
    assert "word" in wrong(STONE.replace(" the ", " teh ", 1))
    assert wrong(f"{STONE} Everybody in Willow Town knew Mia.")[-1] in ("end", "sentence")
    assert wrong(STONE.replace(STONE.split("\n")[0], "Stone Soup")) == ["title"]
    shown = str(Violation(3, "who", '"Tom" where the story has "Mia"'))
    assert shown == 'sentence 3: who: "Tom" where the story has "Mia"'
    cut = check(STONE.rpartition("\n")[0])[-1]
    assert cut.kind == "end" and "stops before its end" in cut.reason


def test_sentences_and_words() -> None:
    assert keys("Mia wanted to cry.") == ["sad"]
    assert keys("Mia wanted to fry.") == []
    assert unknown("Mia's kite tore, and Mr. Reed laughed.") == []
    assert unknown("Mia's kiet tore.") == ["kiet"]


def test_a_page() -> None:
    page = read_page('The Kite\nMr. Reed came. "Oh!" he said.\nThe end.')
    assert page.title == "The Kite"
    assert [words for _, words in page.sentences()] == [
        "Mr. Reed came.",
        '"Oh!"',
        "he said.",
        "The end.",
    ]
    assert page.number(Place(0, 3)) == 1 and page.number(Place(1, 8)) == 5
    assert read_page("Mia ran.\nTom ran.").title == ""


def test_from_a_file(tmp_path, capsys) -> None:
    path = tmp_path / "stories.txt"
    path.write_text(f"{STONE}\n\n{STONE.replace('. ', '. Mia ran. ', 1)}\n", encoding="utf-8")
    assert main([str(path)]) == 1
    out = capsys.readouterr().out
    assert "story 2, sentence" in out and out.endswith("1 of 2 stories obey grammar and facts\n")
    path.write_text(STONE, encoding="utf-8")
    assert main([str(path)]) == 0
    assert main([]) == main([str(tmp_path / "none")]) == 2


def hostile() -> Iterator[str]:
    rng = random.Random(0)
    letters = 'abc ABC.!?"\n{}|\\()*+Mia Tom The'
    for size in (1, 10, 100, 2_000):
        yield "".join(rng.choice(letters) for _ in range(size))
    yield "a" * 100_000
    yield "\n" * 1_000
    yield '"' * 3_000


def test_any_text_is_read_in_bounded_time() -> None:
    for text in hostile():
        assert check(text)


def test_the_checker_draws_nothing() -> None:
    draw = Draw(1)
    first = draw.number()
    check(STONE)
    assert Draw(1).number() == first

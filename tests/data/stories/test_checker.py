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
from weft.data.stories.plots import all_frames
from weft.data.stories.teller import Draw, Event, Teller
from weft.data.stories.world import Person, Thing

COUNT = 60
NAMES = [p.name for hero in vocabulary.heroes() for p in (hero.person, hero.friend)]
OPTIONAL = ("say", "end")  # sentences without which a story is one as well

Mutation = Callable[[Story, random.Random], str | None]


@pytest.fixture(scope="module")
def sample() -> list[Story]:
    return [story(seed) for seed in range(COUNT)]


def test_every_story_that_is_told_is_accepted(sample: list[Story]) -> None:
    for one in sample:
        assert check(one.text) == [], one.text


@pytest.mark.slow
def test_thousands_of_stories_are_accepted() -> None:
    for seed in range(COUNT, 5_000):
        assert check(story(seed).text) == [], story(seed).text


# -- broken stories


def changed(text: str, rng: random.Random, old: str, new: str) -> str | None:
    """One of the places where `old` stands as words of its own becomes `new`."""
    places = [m.start() for m in re.finditer(rf"\b{re.escape(old)}\b", text)]
    if not places:
        return None
    at = rng.choice(places)
    return text[:at] + new + text[at + len(old) :]


def other_name(one: Story, rng: random.Random) -> str | None:
    """One mention of somebody becomes a mention of somebody who is not in the story."""
    name = rng.choice([n for n in NAMES if re.search(rf"\b{n}\b", one.text)])
    return changed(one.text, rng, name, rng.choice([n for n in NAMES if n not in one.text]))


def exchanged_names(one: Story, rng: random.Random) -> str | None:
    """The friend does what the hero does, once."""
    a, b = (one.events[0].roles[role].name for role in "ab")
    return changed(one.text, rng, a, b)


def other_neighbor(one: Story, rng: random.Random) -> str | None:
    c = one.events[-1].roles.get("c")
    if c is None:
        return None
    return changed(
        one.text, rng, c.name, rng.choice([n for n in vocabulary.neighbors() if n != c.name])
    )


def other_animal(one: Story, rng: random.Random) -> str | None:
    """The animal of the story is another one in one sentence."""
    d = one.events[-1].roles.get("d")
    if not isinstance(d, Person):
        return None
    return changed(one.text, rng, d.kind, rng.choice([k for k in ANIMALS if k != d.kind]))


ANIMALS = ("crow", "swan", "bee", "beetle", "hare", "dog", "bat", "turtle")


def other_thing(one: Story, rng: random.Random) -> str | None:
    """A thing becomes another in one sentence."""
    things = [v.name for v in one.events[-1].roles.values() if isinstance(v, Thing)]
    if not things:
        return None
    new = rng.choice([t for t in THINGS if t not in things])
    return changed(one.text, rng, rng.choice(things), new)


THINGS = ("red kite", "paper boat", "blue cup", "green cap", "ripe pear", "white bean", "plum cake")


def half_a_thing(one: Story, rng: random.Random) -> str | None:
    """A thing is of another colour or kind, in one sentence."""
    things = [v.name for v in one.events[-1].roles.values() if isinstance(v, Thing)]
    if not things:
        return None
    adjective, _, noun = rng.choice(things).partition(" ")
    return changed(one.text, rng, f"{adjective} {noun}", f"purple {noun}")


def other_case(one: Story, rng: random.Random) -> str | None:
    """What happens to a ball happens to the boat: a sentence of another case of the plot."""
    cases = [e for e in one.events if len(siblings(e.key)) > 1]
    if not cases:
        return None
    event = rng.choice(cases)
    key = rng.choice([key for key in siblings(event.key) if key != event.key])
    teller = Teller(Draw(rng.randrange(1000)), all_frames(), roles=dict(event.roles))
    sentence = "".join(words for words, _ in teller.parts(rng.choice(all_frames()[key])))
    return one.text.replace(event.sentence, sentence, 1)


def siblings(key: str) -> list[str]:
    """The keys that a plot may tell in the place of `key`: `fall.hut`, `fall.raft` ..."""
    stem, _, case = key.rpartition(".")
    if stem in ("", "lesson", "own") or sum(k.endswith(f".{case}") for k in all_frames()) < 2:
        return []
    return [other for other in all_frames() if other.rpartition(".")[0] == stem]


def wrong_pronoun(one: Story, rng: random.Random) -> str | None:
    swap = {"he": "she", "she": "he", "his": "her", "him": "her", "He": "She", "She": "He"}
    found = [word for word in swap if re.search(rf"\b{word}\b", one.text)]
    old = rng.choice(found) if found else ""
    return changed(one.text, rng, old, swap[old]) if found else None


def needed(one: Story) -> list[Event]:
    return [event for event in one.events if event.key not in OPTIONAL]


def dropped(one: Story, rng: random.Random) -> str | None:
    """Without a sentence that the plot needs."""
    words = rng.choice(needed(one)).sentence
    return re.sub(r" ?\n ?", "\n", one.text.replace(words, "", 1)).replace("  ", " ").strip()


def doubled(one: Story, rng: random.Random) -> str | None:
    words = rng.choice(one.events).sentence
    return one.text.replace(words, f"{words} {words}", 1)


def shuffled(one: Story, rng: random.Random) -> str | None:
    """Two neighbours in a paragraph change places."""
    told = [event.sentence for event in one.events]
    a, b = rng.choice([(a, b) for a, b in pairwise(told) if f"{a} {b}" in one.text])
    return one.text.replace(f"{a} {b}", f"{b} {a}", 1)


def early_end(one: Story, rng: random.Random) -> str | None:
    """What is learnt in the end is told in the middle."""
    lesson = next(e.sentence for e in one.events if e.key.startswith("lesson"))
    at = rng.choice([e.sentence for e in one.events[3:-3]])
    return one.text.replace(at, f"{at} {lesson}", 1)


def stitched(one: Story, rng: random.Random) -> str | None:
    """The first half of this story and the second half of another hero's."""
    lines = one.text.split("\n")
    told = (story(rng.randrange(10**6)) for _ in range(100))
    rest = next(s for s in told if s.events[0].roles["a"] is not one.events[0].roles["a"])
    return "\n".join(lines[:2] + rest.text.split("\n")[2:])


def cut_off(one: Story, rng: random.Random) -> str | None:
    """Without its last paragraph and something before it."""
    body = one.text.rpartition("\n")[0]
    return body[: rng.randrange(len(body) // 2, len(body) - 1)].rstrip()


def joined(one: Story, rng: random.Random) -> str | None:
    """Without one of its paragraph breaks."""
    breaks = [m.start() for m in re.finditer("\n", one.text)]
    at = rng.choice(breaks)
    return f"{one.text[:at]} {one.text[at + 1 :]}"


MUTATIONS = (other_name, exchanged_names, other_neighbor, other_animal, other_thing, half_a_thing,
             other_case, wrong_pronoun, dropped, doubled, shuffled, early_end, stitched, cut_off,
             joined)  # fmt: skip


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
        assert all(v.kind in KINDS and v.reason and v.sentence >= 1 for v in violations)
    assert broken >= 5


# -- what is said of it


STUCK = story(1, "stuck").text


def wrong(text: str) -> list[str]:
    return [violation.kind for violation in check(text)]


def test_reasons() -> None:
    assert wrong("") == ["end"]
    assert wrong("Once upon a time there was a merry zeppelin named Mia.")[0] == "word"
    assert "word" in wrong(STUCK.replace(" the ", " teh ", 1))
    assert wrong(f"{STUCK}\nThen they slept until noon.") in (["end"], ["order"])
    shown = str(Violation(3, "who", '"Tom" where the story has "Mia"'))
    assert shown == 'sentence 3: who: "Tom" where the story has "Mia"'
    cut = check(STUCK.rpartition("\n")[0])[-1]
    assert cut.kind == "end" and "stops before its end" in cut.reason


def test_kinds_of_what_is_wrong() -> None:
    said = {event.key: event.sentence for event in story(1, "stuck").events}
    hero = story(1, "stuck").events[0].roles["a"].name
    oh, play = said["stuck.oh"], said["stuck.play"]
    broken = {
        "who": (oh, oh.replace(hero, "Peter")),
        "what": (play, play.replace("with the", "with the blue").replace("blue blue", "blue")),
        "sentence": (oh, f"They were so happy that {hero} danced."),
        "order": (oh, "Then they slept until noon."),
    }
    for kind, (old, new) in broken.items():
        found = wrong(STUCK.replace(old, new))
        assert found in ([kind], ["word", kind]), (kind, STUCK.replace(old, new))


def test_sentences_and_words() -> None:
    assert keys("Now Mia wanted to cry.") == ["broken.hurt"]
    assert keys("Now Mia wanted to fry.") == []
    assert unknown("Mia's kite tore, and Mr. Reed laughed.") == []
    assert unknown("Mia's kiet tore.") == ["kiet"]


def test_a_page() -> None:
    page = read_page('Mr. Reed came. "Oh!" he said.\nThe end.\n')
    assert [words for _, words in page.sentences()] == [
        "Mr. Reed came.",
        '"Oh!"',
        "he said.",
        "The end.",
    ]
    assert page.number(Place(0, 3)) == 1 and page.number(Place(1, 8)) == 5


def test_from_a_file(tmp_path, capsys) -> None:
    path = tmp_path / "stories.txt"
    path.write_text(f"{STUCK}\n\n{STUCK.replace('. ', '. Mia ran. ', 1)}\n", encoding="utf-8")
    assert main([str(path)]) == 1
    out = capsys.readouterr().out
    assert "story 2, sentence" in out and out.endswith("1 of 2 stories obey grammar and facts\n")
    path.write_text(STUCK, encoding="utf-8")
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
    check(STUCK)
    assert Draw(1).number() == first

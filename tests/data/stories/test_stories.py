"""The stories as text: shape, words, facts, variety; and the same ones for ever."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from weft.data import open_corpus
from weft.data.stories import corpus, vocabulary
from weft.data.stories.corpus import LONGEST, Story, stories, story
from weft.data.stories.plots import PLOTS, all_frames
from weft.data.stories.teller import Draw
from weft.data.stories.world import Person, Thing

COUNT = 2500


@pytest.fixture(scope="module")
def sample() -> list[Story]:
    return [story(seed) for seed in range(COUNT)]


def test_every_plot_is_told_and_no_event_contradicts(sample: list[Story]) -> None:
    told = Counter(one.plot for one in sample)
    assert set(told) == set(PLOTS) and len(PLOTS) >= 10
    assert min(told.values()) > COUNT / len(PLOTS) / 2  # the world raises on a contradiction


def test_every_key_is_used(sample: list[Story]) -> None:
    used = {event.key for one in sample for event in one.events}
    assert used - {"say"} == set(all_frames())


def test_shape(sample: list[Story]) -> None:
    for one in sample:
        title, *paragraphs = one.text.split("\n")
        assert title == one.title and title[0].isupper() and title[-1] != "."
        assert 3 <= len(paragraphs) <= 9
        for paragraph in paragraphs:
            assert re.fullmatch(r'["A-Z].*[.!?]"?', paragraph), paragraph
            assert paragraph.count('"') % 2 == 0, paragraph
        assert one.text.isascii() and not re.search(r"  |[{}|_]|None|\.\.|,,| ,| \.", one.text)


def test_length(sample: list[Story]) -> None:
    words = sorted(len(one.text.split()) for one in sample)
    assert words[0] >= 80 and words[COUNT // 2] in range(150, 250)
    assert sum(n <= LONGEST for n in words) > 0.97 * COUNT
    first = [one for _, one in zip(range(300), stories(), strict=False)]
    assert max(len(one.text.split()) for one in first) <= LONGEST + 20


def test_articles(sample: list[Story]) -> None:
    wrong = re.compile(
        r"\b[Aa] [aeio]\w*|\b[Aa]n (?!hour)[^aeiou\W]\w*|\b(the|an?|his|its|their) (the|an?)\b"
    )
    for one in sample:
        assert not wrong.search(one.text), wrong.search(one.text)


def test_sentences_begin_with_a_capital(sample: list[Story]) -> None:
    for one in sample:
        for end in re.finditer(r'[^.?!"][.?!] ("?)(\w)', one.text):
            abbreviated = re.search(r"\b(Mr|Mrs)$", one.text[: end.start() + 1])
            assert abbreviated or end[2].isupper(), one.text[end.start() - 20 : end.end() + 20]


def people(one: Story) -> set[Person]:
    """Everybody whom the events name, alone or as one of several."""
    named = {v for e in one.events for v in e.roles.values() if isinstance(v, Person)}
    single = {m for person in named for m in (person.members or (person,))}
    return {p for p in single if re.search(rf"\b{re.escape(p.name)}\b", one.text)}


def test_nobody_appears_who_is_not_in_the_story(sample: list[Story]) -> None:
    cast = {p.name for p in vocabulary.cast()}
    for one in sample:
        allowed = {p.name for p in people(one)}
        for name in cast - allowed:
            assert not re.search(rf"\b{name}\b", one.text), (name, one.text)


def test_pronouns_agree(sample: list[Story]) -> None:
    for one in sample:
        genders = {p.gender for p in people(one)}
        if one.plot == "little_one" or "Mother" in one.text:
            continue  # its mother is she, without a name
        if "she" not in genders:
            assert not re.search(r"\b([Ss]he|[Hh]ers?|herself)\b", one.text), one.text
        if "he" not in genders:
            assert not re.search(r"\b([Hh]e|[Hh]im|[Hh]is|himself)\b", one.text), one.text


def test_a_thing_keeps_its_colour(sample: list[Story]) -> None:
    adjectives = {a for table in (vocabulary.THINGS, vocabulary.TREASURES)
                  for row in vocabulary.rows(table) for a in row[1].split()}  # fmt: skip
    for one in sample:
        things = {v for e in one.events for v in e.roles.values() if isinstance(v, Thing)}
        for thing in things:
            same = {t.adjective for t in things if t.noun == thing.noun}
            found = set(re.findall(rf"\b(\w+) {thing.noun}\b", one.text)) & adjectives
            assert found <= same, (thing.noun, found, one.text)


def test_a_helped_animal_comes_back_and_a_packed_tool_is_used(sample: list[Story]) -> None:
    for one in sample:
        keys = [event.key for event in one.events]
        if "own.pack" in keys:
            assert keys.index("tool.remember") > keys.index("own.pack")
        if "kind.see" in keys:
            assert keys.index("creature.back") > keys.index("kind.see")


def test_the_habit_of_the_beginning_closes_the_story(sample: list[Story]) -> None:
    with_habit = [one for one in sample if "echo" in one.events[-1].roles]
    assert len(with_habit) > COUNT / 5
    for one in with_habit:
        assert one.events[-1].key == "say" and one.text.endswith(one.events[-1].sentence)


def test_all_different(sample: list[Story]) -> None:
    assert len({one.text for one in sample}) == COUNT
    bodies = Counter(e.sentence for one in sample for e in one.events)
    assert len(bodies) > 10_000  # sentences, not only their order


def test_the_same_whatever_the_hash_seed(sample: list[Story]) -> None:
    code = "from weft.data.stories.corpus import story; print([story(i).text for i in range(60)])"
    source = str(Path(corpus.__file__).parents[3])
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": source}
    out = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert out.strip() == str([one.text for one in sample[:60]])


def test_the_draws_are_fixed_for_ever() -> None:
    draw = Draw(1)
    assert [draw.pick(range(1000)) for _ in range(5)] == [134, 847, 763, 255, 495]


def test_another_seed_gives_other_stories() -> None:
    first = {next(stories(seed)).text for seed in range(20)}
    assert len(first) == 20


def test_the_built_in_corpus(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("WEFT_HOME", str(tmp_path))
    text = "".join(open_corpus("stories").chunks())
    assert len(text) >= 5_000_000 and text.isascii()
    told = text.removesuffix("\n\n").split("\n\n")
    assert len(set(told)) == len(told) > 4000  # no story twice
    assert all(2 <= one.count("\n") <= 8 for one in told)  # paragraphs without a title
    assert len(set(text)) < 70  # a small vocabulary of characters
    assert text.startswith(next(stories()).body)
    assert [p.suffix for p in (tmp_path / "corpora").iterdir()] == [".txt"]

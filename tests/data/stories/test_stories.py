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
from weft.data.stories.corpus import Story, stories, story
from weft.data.stories.plots import PLOTS, all_frames
from weft.data.stories.teller import Draw
from weft.data.stories.world import Person, Thing

COUNT = 2500


@pytest.fixture(scope="module")
def sample() -> list[Story]:
    return [story(seed) for seed in range(COUNT)]


def people(one: Story) -> dict[str, str]:
    """Everybody who has a role in the story, with his or her pronoun."""
    return {v.name: v.gender for e in one.events for v in e.roles.values() if isinstance(v, Person)}


def test_every_plot_is_told_and_no_event_contradicts(sample: list[Story]) -> None:
    told = Counter(one.plot for one in sample)
    assert set(told) == set(PLOTS) and len(PLOTS) >= 12
    assert min(told.values()) > COUNT / len(PLOTS) / 2  # the world raises on a contradiction


def test_every_frame_is_used(sample: list[Story]) -> None:
    """Also of those that were drawn once: what is written is told."""
    used = {event.key for one in sample for event in one.events}
    assert used - {"say"} == set(all_frames())
    openings = Counter(e.sentence.split()[0] for one in sample for e in one.events[:1])
    assert set(openings) == {"Once"}


def test_shape(sample: list[Story]) -> None:
    for one in sample:
        paragraphs = one.text.split("\n")
        assert 4 <= len(paragraphs) <= 5
        for paragraph in paragraphs:
            assert re.fullmatch(r'["A-Z].*[.!?]"?', paragraph), paragraph
            assert paragraph.count('"') % 2 == 0, paragraph
        assert one.text.isascii() and not re.search(r"  |[{}|_]|None|\.\.|,,| ,| \.", one.text)


def test_no_paragraph_before_the_last_begins_with_a_name(sample: list[Story]) -> None:
    for one in sample:
        for paragraph in one.text.split("\n")[:-1]:
            assert not paragraph.startswith(tuple(people(one))), paragraph


def test_length(sample: list[Story]) -> None:
    words = sorted(len(one.text.split()) for one in sample)
    assert words[0] >= 60 and words[COUNT // 2] in range(100, 130) and words[-1] <= 180


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


def test_nobody_appears_who_is_not_in_the_story(sample: list[Story]) -> None:
    cast = {p.name for hero in vocabulary.heroes() for p in (hero.person, hero.friend)}
    for one in sample:
        habits = " ".join(e.sentence for e in one.events if e.key == "say")
        for name in cast - people(one).keys():
            assert not re.search(rf"\b{name}\b", one.text) or name in habits, (name, one.text)


def test_pronouns_agree(sample: list[Story]) -> None:
    for one in sample:
        genders = set(people(one).values())
        if "she" not in genders:
            assert not re.search(r"\b([Ss]he|[Hh]ers?|herself)\b", one.text), one.text
        if "he" not in genders:
            assert not re.search(r"\b([Hh]e|[Hh]im|[Hh]is|himself)\b", one.text), one.text


def test_a_thing_has_its_full_name() -> None:
    """Every frame that names the thing of its story by the noun does it with the colour."""
    for line in (frame.line for frames in all_frames().values() for frame in frames):
        assert "{x.noun}" not in line or line == '"My {x.noun}!" cried {a}.'
    thing = Thing("red kite")
    assert thing.forms == {"": "the red kite", "a": "a red kite", "noun": "kite"}


def test_a_habit_closes_the_stories_of_its_hero(sample: list[Story]) -> None:
    with_habit = [one for one in sample if one.events[-1].key == "say"]
    assert COUNT / 4 < len(with_habit) < COUNT / 2
    for one in with_habit:
        assert one.text.endswith(one.events[-1].sentence)
        assert one.events[0].roles["a"].name in one.events[-1].sentence


def test_almost_all_are_different(sample: list[Story]) -> None:
    assert len({one.text for one in sample}) > 0.99 * COUNT
    sentences = Counter(e.sentence for one in sample for e in one.events)
    assert len(sentences) > 5_000  # sentences, not only their order


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
    assert all(3 <= one.count("\n") <= 4 for one in told)
    assert len(set(text)) < 70  # a small vocabulary of characters
    assert text.startswith(next(stories()).text)
    assert [p.suffix for p in (tmp_path / "corpora").iterdir()] == [".txt"]

"""The automaton reads exactly the texts of an expression, and never more than it may."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import ConfigError
from weft.inference import automaton as module
from weft.inference.automaton import (
    SURROGATES,
    Automaton,
    characters,
    choice,
    inverted,
    joined,
    literal,
    repeat,
    sequence,
)

POINTS = st.integers(0, 0x10FFFF)
EDGES = (0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF)


def matches(expression, data):
    reader = Automaton(expression)
    return reader.accepts(reader.read(data))


def of_text(text):
    return text.encode(errors="surrogatepass")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(POINTS, POINTS), max_size=4), st.lists(POINTS, max_size=8))
def test_characters_are_those_of_the_ranges(pairs, points):
    ranges = joined((min(p), max(p)) for p in pairs)
    reader, others = Automaton(characters(ranges)), Automaton(characters(inverted(ranges)))
    for point in {*points, *EDGES, *(p for pair in pairs for p in pair)}:
        inside = any(first <= point <= last for first, last in ranges)
        surrogate = SURROGATES[0] <= point <= SURROGATES[1]
        data = of_text(chr(point))
        assert reader.accepts(reader.read(data)) == (inside and not surrogate)
        assert others.accepts(others.read(data)) == (not inside and not surrogate)


def test_only_utf8_is_read():
    reader = Automaton(characters([(0, 0x10FFFF)]))
    for data in (b"\x80", b"\xc0\x80", b"\xe0\x80\x80", b"\xf4\x90\x80\x80", b"\xf5", b"\xff"):
        assert reader.read(data) == Automaton.DEAD, data
    assert all(reader.read(chr(p).encode()[:-1]) != Automaton.DEAD for p in EDGES)


@pytest.mark.parametrize(("least", "most"), [(0, 0), (0, 2), (2, 2), (1, 3), (0, None), (2, None)])
@pytest.mark.parametrize("part", ["ab", ""])
def test_repeats_are_counted(least, most, part):
    expression = sequence(
        [literal(b"<"), repeat(literal(part.encode()), least, most), literal(b">")]
    )
    for n in range(6):
        held = not part or (n >= least and (most is None or n <= most))
        assert matches(expression, f"<{part * n}>".encode()) == held


def test_a_loop_is_not_entered_again_from_its_neighbours():
    a_or_b = choice([repeat(literal(b"a"), 0, None), literal(b"b")])
    accepted = {
        "".join(t)
        for n in range(4)
        for t in itertools.product("ab", repeat=n)
        if matches(a_or_b, "".join(t).encode())
    }
    assert accepted == {"", "a", "aa", "aaa", "b"}


def test_too_many_states_are_refused():
    nothing = sequence([])
    for part in (literal(b"a"), nothing):
        with pytest.raises(ConfigError, match="too large: more than 50,000 states"):
            Automaton(repeat(repeat(part, 1000, 1000), 1000, 1000))


def test_too_many_sets_and_steps_are_refused(monkeypatch):
    any_of = characters([(97, 98)])
    blow_up = sequence([repeat(any_of, 0, None), literal(b"a"), repeat(any_of, 20, 20)])
    monkeypatch.setattr(module, "MOST_SETS", 100)
    reader = Automaton(blow_up)
    with pytest.raises(ConfigError, match="too large: more than 100 sets of states"):
        for word in itertools.product(b"ab", repeat=10):
            reader.read(bytes(word))
    monkeypatch.setattr(module, "MOST_SETS", 50_000)
    monkeypatch.setattr(module, "MOST_STEPS", 1000)
    reader = Automaton(blow_up)
    with pytest.raises(ConfigError, match="too large: more than 1,000 steps"):
        for word in itertools.product(b"ab", repeat=10):
            reader.read(bytes(word))

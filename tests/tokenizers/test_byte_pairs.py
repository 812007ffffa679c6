import random
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.tokenizers.byte_pairs import merge_pairs


def by_definition(ids, table):
    """The rule itself, in quadratic time: the lowest rank first, of equal ones the leftmost."""
    ids = list(ids)
    while True:
        pairs = [(table[p][0], i) for i, p in enumerate(pairwise(ids)) if p in table]
        if not pairs:
            return ids
        i = min(pairs)[1]
        ids[i : i + 2] = [table[ids[i], ids[i + 1]][1]]


@st.composite
def tables(draw):
    """Merges of four symbols and of what they make, in any order of ranks: worse than any file."""
    pairs = draw(st.lists(st.tuples(*[st.integers(0, 11)] * 2), max_size=12, unique=True))
    return {pair: (rank, 4 + rank % 8) for rank, pair in enumerate(pairs)}


@given(st.lists(st.integers(0, 3), max_size=30), tables())
@settings(max_examples=1000, deadline=None)
def test_equals_the_definition(ids, table):
    assert merge_pairs(list(ids), table) == by_definition(ids, table)


@pytest.mark.parametrize("ids", [[], [0], [0, 1], [1, 0]])
def test_short_lists(ids):
    table = {(0, 1): (0, 2)}
    assert merge_pairs(list(ids), table) == by_definition(ids, table)


def test_overlapping_pairs_are_taken_from_the_left():
    assert merge_pairs([0] * 5, {(0, 0): (0, 1)}) == [1, 1, 0]


def test_a_wrong_rule_is_noticed():
    """The test above can fail: taking the rightmost of equal pairs is not the rule."""

    def from_the_right(ids, table):
        return by_definition(ids[::-1], {p[::-1]: m for p, m in table.items()})[::-1]

    assert from_the_right([0] * 5, {(0, 0): (0, 1)}) != [1, 1, 0]


@pytest.mark.parametrize("letters", ["a", "abcdefghijklmnopqrstuvwxyz"])
def test_time_is_nearly_linear(gpt2, letters):
    """Quadratic time would be 4 for twice and 1,000 for a thousand times the text."""
    text = "".join(random.Random(1).choices(letters, k=400_000))

    def seconds(length):
        start = time.process_time()
        gpt2.encode_array(text[:length])
        return time.process_time() - start

    times = [(seconds(400_000), seconds(200_000)) for _ in range(5)]  # the least: others work too
    twice, once = (min(column) for column in zip(*times, strict=True))
    assert twice < 3.2 * once

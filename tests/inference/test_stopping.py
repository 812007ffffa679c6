"""Stop strings: nothing of them is ever shown, and nothing else is lost."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from weft.errors import ConfigError
from weft.inference.stopping import StopFilter

few = st.text("ab.", max_size=30)


def cut(text, stops):
    """The text before the stop string that ends first (the longest, of those that end there)."""
    ends = [(text.find(stop) + len(stop), text.find(stop)) for stop in stops if stop in text]
    return text[: min(ends)[1]] if ends else text


@settings(max_examples=500)
@example("abab.", ["abab.", "b"], None)
@given(few, st.lists(st.text("ab.", min_size=1, max_size=4), max_size=3), st.data())
def test_any_cutting_into_pieces_shows_the_text_before_the_first_stop(text, stops, data):
    stop_filter, shown, at = StopFilter(stops), "", 0
    while at < len(text) and not stop_filter.stopped:
        size = data.draw(st.integers(1, 5)) if data else 1
        piece, at = text[at : at + size], at + size
        shown += stop_filter.push(piece)
        assert cut(text, stops).startswith(shown)  # what is shown is never taken back
    if not stop_filter.stopped:
        shown += stop_filter.flush()
    assert shown == cut(text, stops)


def test_nothing_waits_longer_than_it_must():
    stop_filter = StopFilter(["\n\n"])
    assert stop_filter.push("one\n") == "one"
    assert stop_filter.push("two") == "\ntwo"
    assert stop_filter.push("\n\nthree") == ""
    assert stop_filter.stopped and stop_filter.push("four") == ""


def test_one_string_is_one_stop():
    assert StopFilter("ab").stops == ("ab",)


@pytest.mark.parametrize("stops", [[""], ["x"] * 65, [3]])
def test_impossible_stops(stops):
    with pytest.raises(ConfigError, match="at most 64 texts"):
        StopFilter(stops)

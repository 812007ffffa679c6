"""Our expressions match what Python's match, and what we do not read is an error with its place."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from weft.errors import ConfigError
from weft.inference.automaton import Automaton
from weft.inference.regular import regular_expression

LETTERS = "ab0 \n-é€😀_]"


def matches(pattern, text, **options):
    reader = Automaton(regular_expression(pattern, **options))
    return reader.accepts(reader.read(text.encode()))


def atoms():
    plain = st.sampled_from(["a", "b", "0", "é", "€", "😀", " ", r"\-", r"\.", ".", r"\n"])
    named = st.sampled_from([r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", r"\x61", r"\u20ac"])
    item = st.sampled_from(["a", "b-é", "0-9", r"\w", r"\n", "€-😀", r"\]", "_"])
    classes = st.builds(
        lambda negative, items: f"[{negative}{''.join(items)}]",
        st.sampled_from(["", "^"]),
        st.lists(item, min_size=1, max_size=3),
    )
    return plain | named | classes


def patterns():
    repeats = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,}", "{,2}", "{1,3}", "*?", "{0}?"])

    def extend(inner):
        repeated = st.builds(lambda p, r: f"(?:{p}){r}", inner, repeats)
        one = st.lists(inner, max_size=3).map("".join)
        either = st.builds("({}|{})".format, inner, inner)
        return repeated | one | either

    return st.recursive(st.builds("{}{}".format, atoms(), repeats), extend, max_leaves=6)


@settings(max_examples=100, deadline=None)
@given(patterns(), st.lists(st.text(LETTERS, max_size=6), max_size=10))
@example("a|b", ["ab", "a", "b", ""])
@example("", ["", "a"])
def test_the_whole_text_is_matched_as_python_does(pattern, texts):
    reader = Automaton(regular_expression(pattern))
    for text in texts:
        expected = re.fullmatch(pattern, text, re.ASCII) is not None
        assert reader.accepts(reader.read(text.encode())) == expected


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["", "^"]), patterns(), st.sampled_from(["", r"$"]),
    st.lists(st.text(LETTERS, max_size=6), max_size=10),
)  # fmt: skip
def test_a_search_finds_what_python_finds(start, pattern, end, texts):
    pattern = f"{start}(?:{pattern}){end}"
    reader = Automaton(regular_expression(pattern, search=True))
    for text in texts:
        expected = re.search(pattern.replace("$", r"\Z"), text, re.ASCII) is not None
        assert reader.accepts(reader.read(text.encode())) == expected


def test_anchors_belong_to_their_alternative():
    for text in ("ab", "xab", "abx", "cd", "xcd", "cdx", "x"):
        expected = re.search("^ab|cd$", text) is not None
        assert matches("^ab|cd$", text, search=True) == expected
    assert matches("^(a|b)$", "a") and not matches("^(a|b)$", "ab")


def test_signs_that_python_takes_as_they_are():
    for pattern, text in [("a]", "a]"), ("}", "}"), ("[]a]", "]"), ("[a-]", "-"), ("[.^$*]", "$")]:
        assert re.fullmatch(pattern, text) and matches(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "error"),
    [
        (
            r"(a)\1",
            r"the escape \1 is not supported; regular expression, character 5; leave it out",
        ),
        ("(?=a)b", "a group of the form (?...); regular expression, character 2"),
        ("(?i)a", "a group of the form (?...)"),
        ("(?P<n>a)", "a group of the form (?...)"),
        (r"\bword", r"the escape \b is not supported; regular expression, character 2"),
        (r"\p{L}", r"the escape \p is not supported"),
        ("a*+", "a repeat of a repeat"),
        ("a{2}{3}", "a repeat of a repeat; regular expression, character 5"),
        ("*a", r"* with nothing to repeat; regular expression, character 1; write \* for the sign"),
        ("a{x}", "{ with nothing to repeat"),
        ("a^b", r"^ inside the expression; regular expression, character 2"),
        ("(a$)b", "$ inside the expression"),
        ("a$b", "more after $; regular expression, character 3"),
        ("(a", "a ( without its )"),
        ("a)", "a ) without its ("),
        ("[a", "a [ without its ]"),
        ("[b-a]", "a range that does not go upwards"),
        (r"[\d-z]", "a range that does not go from a character to a character"),
        (r"[^\x00-\U0010ffff]", "a class of no character"),
        (r"\xg0", "not 2 hexadecimal digits"),
        (r"\ud800", "U+D800 is not a character"),
        ("\ud800", "U+D800 is not a character"),
        ("a\\", "the escape \\ is not supported"),
        ("a{3,2}", "counts the wrong way round"),
        ("a{10001}", "more than 10,000 repeats; regular expression, character 2"),
        ("a{" + "9" * 5000 + "}", "more than 10,000 repeats"),
        ("a" * 10_001, "longer than 10,000 characters"),
        ("(" * 9_000, "more than 50 groups in each other"),
    ],
)
def test_what_is_not_supported_is_named_with_its_place(pattern, error):
    with pytest.raises(ConfigError) as caught:
        Automaton(regular_expression(pattern))
    assert error in str(caught.value) and "\n" not in str(caught.value)


@settings(max_examples=300, deadline=None)
@given(st.text(r"ab()[]{}|*+?\^$.-019,dwsxuU:<=!\n\r€\ud800", max_size=30), st.booleans())
def test_any_text_is_an_expression_or_an_error_of_ours(pattern, search):
    """And what is an expression of ours is one of Python's, which matches the same texts."""
    try:
        reader = Automaton(regular_expression(pattern, search=search))
    except ConfigError as error:
        assert "\n" not in str(error)
        return
    try:
        theirs = re.compile(pattern, re.ASCII)
    except re.error:
        assert "{" in pattern or "\\U" in pattern or "\\x" in pattern, pattern
        return
    if "$" in pattern:
        return  # theirs also matches before a last new line
    for text in ("", "a", "b", "ab", "0", "€", "aa", ",", "\n", "{", "^"):
        matched = theirs.search(text) if search else theirs.fullmatch(text)
        assert reader.accepts(reader.read(text.encode())) == bool(matched), text

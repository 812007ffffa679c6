"""What is in a schema's language satisfies the schema, and nothing that should be in it lacks."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import ConfigError
from weft.inference.automaton import Automaton
from weft.inference.json_schema import json_schema

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema, the peer, is not installed")

NAMES = ["a", "b c", 'quote"', "é", "\n"]


def accepts(schema, value):
    text = value if isinstance(value, bytes) else dumped(value)
    reader = Automaton(json_schema(schema))
    return reader.accepts(reader.read(text))


def dumped(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def random_text(schema, seed):
    """Random bytes that the automaton lets through, to an end; short as soon as it can be."""
    reader, rng = Automaton(json_schema(schema)), np.random.default_rng(seed)
    s, data = reader.start, b""
    while not (reader.accepts(s) and (len(data) > 100 or rng.random() < 0.5)):
        after = reader.step(np.full(256, s), reader.class_of)  # of every byte
        possible = np.flatnonzero(after)
        if not len(possible):
            break
        closing = [b for b in possible if b in b'"]},'] if rng.random() < 0.3 else []
        byte = int(rng.choice(closing or possible))
        s, data = int(after[byte]), data + bytes([byte])
    return data


def schemas():
    integers = st.integers(-1200, 1200)
    bounds = st.fixed_dictionaries(
        {"type": st.just("integer")},
        optional={"minimum": st.integers(-1200, 0), "exclusiveMaximum": st.integers(2, 1200)},
    )
    strings = st.fixed_dictionaries(
        {"type": st.just("string")},
        optional={"minLength": st.integers(0, 2), "maxLength": st.integers(2, 4)},
    )
    patterns = st.sampled_from(["^a+$", "b", r"^\d{2}-[^x]$", "^(é|\n)", '"|\\\\'])
    matching = st.builds(lambda p: {"type": "string", "pattern": p}, patterns)
    plain = st.sampled_from(["null", "boolean", "number", "integer"]).map(lambda t: {"type": t})
    union = st.just({"type": ["integer", "null", "string"], "maxLength": 3})
    values = (
        integers | st.booleans() | st.none() | st.text(max_size=4) | st.lists(integers, max_size=2)
    )
    enum = st.lists(values, min_size=1, max_size=3).map(lambda v: {"enum": v})
    constant = values.map(lambda v: {"const": v})

    def extend(inner):
        array = st.fixed_dictionaries(
            {"type": st.just("array"), "items": inner},
            optional={"minItems": st.integers(0, 2), "maxItems": st.integers(2, 3)},
        )
        properties = st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
        either = st.lists(inner, min_size=1, max_size=2).map(lambda s: {"anyOf": s})
        return array | either | st.tuples(properties, st.randoms()).map(_object)

    leaves = bounds | strings | matching | plain | union | enum | constant
    return st.recursive(leaves, extend, max_leaves=5)


def _object(drawn):
    properties, random = drawn
    required = [name for name in properties if random.random() < 0.5]
    return {
        "type": "object", "properties": properties, "required": required,
        "additionalProperties": False,
    }  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(schemas(), st.integers(0, 2**32 - 1))
def test_what_is_written_satisfies_the_schema(schema, seed):
    text = random_text(schema, seed)
    value = json.loads(text)
    jsonschema.validate(value, schema, jsonschema.Draft202012Validator)


VALUES = [
    None, True, 0, -1, 10, 99, 1000, 0.5, "", "a", 'a"b', "\\", "\n", "\x00\x1f\x7f", "é€😀", [],
    [1], [1, 2], ["a", None], {}, {"a": 1}, {"a": 1, "b c": "x"}, {"b c": "x"}, {"a": 1, "b c": 2},
]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(schemas())
def test_what_satisfies_the_schema_is_written(schema):
    """Our texts of these values have their properties in the order of the schema's names."""
    validator = jsonschema.Draft202012Validator(schema)
    reader = Automaton(json_schema(schema))
    for value in VALUES:
        if isinstance(value, float) or _out_of_order(schema, value):
            continue
        assert reader.accepts(reader.read(dumped(value))) == validator.is_valid(value), value


def _out_of_order(schema, value):
    text = json.dumps(schema)
    return isinstance(value, dict) and len(value) > 1 and '"b c"' in text.split('"a"')[0]


def test_the_texts_of_a_small_schema_are_all_there_and_no_others():
    schema = {
        "type": "object",
        "properties": {"x": {"type": "boolean"}, "y": {"enum": [1, "z"]}, "w": {"const": None}},
        "required": ["y"],
    }
    expected = {
        "{" + x + y + w + "}"
        for x in ("", '"x":true,', '"x":false,')
        for y in ('"y":1', '"y":"z"')
        for w in ("", ',"w":null')
    }
    assert language(schema) == expected
    assert language({"type": "array", "items": {"const": 1}, "minItems": 1, "maxItems": 3}) == {
        "[1]", "[1,1]", "[1,1,1]",
    }  # fmt: skip
    assert language({"type": "array", "items": {"const": 1}, "maxItems": 0}) == {"[]"}
    assert language({"type": "object", "properties": {}}) == {"{}"}


def language(schema):
    reader = Automaton(json_schema(schema))
    found, todo = set(), [(reader.start, b"")]
    while todo:
        s, data = todo.pop()
        found |= {data.decode()} if reader.accepts(s) else set()
        after = reader.step(np.full(256, s), reader.class_of)
        todo += [(int(after[b]), data + bytes([b])) for b in np.flatnonzero(after)]
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(-30_000, 30_000), st.integers(0, 3_000), st.lists(st.integers(-40_000, 40_000)))
def test_integers_are_within_their_bounds(low, width, numbers):
    high = low + width
    reader = Automaton(json_schema({"type": "integer", "minimum": low, "maximum": high}))
    for n in {low - 1, low, low + 1, high - 1, high, high + 1, 0, -low, *numbers}:
        assert reader.accepts(reader.read(str(n).encode())) == (low <= n <= high)
    for text in (b"00", b"-0", b"01", b"+1", b"1.0", b""):
        assert not reader.accepts(reader.read(text))


def test_bounds_may_be_fractions_or_exclusive():
    for bounds, allowed in [
        ({"minimum": 1.5, "maximum": 3.5}, {2, 3}),
        ({"minimum": -3.5, "maximum": -1.5}, {-3, -2}),
        ({"exclusiveMinimum": 1, "exclusiveMaximum": 4}, {2, 3}),
        ({"exclusiveMinimum": 1.5, "exclusiveMaximum": 2.5}, {2}),
        ({"exclusiveMinimum": -1.5, "maximum": 0}, {-1, 0}),
    ]:
        schema = {"type": "integer", **bounds}
        validator = jsonschema.Draft202012Validator(schema)
        assert {n for n in range(-9, 9) if validator.is_valid(n)} == allowed
        assert {n for n in range(-9, 9) if accepts(schema, n)} == allowed


def test_references():
    schema = {
        "$defs": {"name": {"type": "string", "maxLength": 3}, "a/b~c": {"$ref": "#/$defs/name"}},
        "type": "array",
        "items": {"$ref": "#/$defs/a~1b~0c", "description": "a short name"},
    }
    assert accepts(schema, ["a", "bcd"]) and not accepts(schema, ["abcd"])


def test_one_of_needs_branches_that_cannot_overlap():
    cat = {"type": "object", "properties": {"is": {"const": "cat"}}, "required": ["is"]}
    dog = {"type": "object", "properties": {"is": {"const": "dog"}}, "required": ["is"]}
    assert accepts({"oneOf": [cat, dog]}, {"is": "dog"})
    assert accepts({"oneOf": [{"type": "null"}, cat]}, None)
    assert accepts({"oneOf": [{"enum": ["a"]}, {"enum": ["b", "c"]}]}, "c")
    for branches in (
        [{"type": "integer"}, {"type": "number"}],
        [cat, {**dog, "required": []}],
        [{"enum": ["a"]}, {"type": "string"}],
        [{"enum": [1]}, {"const": 1.0}],
    ):
        with pytest.raises(
            ConfigError, match=r"branch 1 may overlap another.*#/oneOf; write anyOf"
        ):
            json_schema({"oneOf": branches})


@pytest.mark.parametrize(
    ("schema", "error"),
    [
        ({"type": "string", "format": "date"}, "'format' beside type is not supported"),
        (
            {
                "type": "object",
                "properties": {
                    "a": {"type": "array", "items": {"type": "number", "multipleOf": 2}}
                },
            },
            "'multipleOf' beside type is not supported; JSON schema, #/properties/a/items",
        ),
        ({"type": "integer", "pattern": "a"}, "'pattern' beside type"),
        ({"type": "array", "items": {"type": "null"}, "uniqueItems": True}, "'uniqueItems'"),
        ({"allOf": []}, "no type; JSON schema, #; choose from object, array"),
        ({"anyOf": [{"type": "null"}], "type": "null"}, "'type' beside anyOf"),
        ({"type": "strin"}, "type 'strin'; JSON schema, #; choose from"),
        ({"type": [["a"]]}, "type ['a']"),
        ({"type": []}, "an empty list of types"),
        ({}, "no type"),
        (True, "True is not an object with keywords"),
        ({"type": "array"}, "an array without items"),
        ({"type": "object"}, "an object without properties"),
        (
            {"type": "object", "properties": {}, "additionalProperties": {}},
            "additionalProperties is",
        ),
        (
            {"type": "object", "properties": {}, "required": ["a"]},
            "'a' is required but no property",
        ),
        ({"type": "object", "properties": {}, "required": "a"}, "required is not a list"),
        ({"$ref": "#/$defs/a"}, "no definition '#/$defs/a'; JSON schema, #/$ref"),
        ({"$ref": "http://a/b"}, "no definition 'http://a/b'"),
        ({"$ref": ["a"]}, "no definition ['a']"),
        (
            {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
            "'#/$defs/a' refers to itself",
        ),
        ({"enum": []}, "enum allows no value"),
        ({"enum": "ab"}, "enum is not a list"),
        ({"enum": ["a"], "type": "null"}, "enum allows no value"),
        ({"const": "\ud800"}, "'\\ud800' cannot be written as JSON"),
        ({"const": float("inf")}, "inf cannot be written as JSON"),
        ({"type": "string", "minLength": -1}, "minLength is -1"),
        ({"type": "string", "minLength": True}, "minLength is True"),
        ({"type": "string", "maxLength": 10**9}, "maxLength is 1000000000"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "maxLength is less than minLength"),
        ({"type": "string", "maxLength": 90_000}, "too large: more than 50,000 states"),
        ({"type": "string", "pattern": "a", "maxLength": 2}, "pattern beside a length"),
        ({"type": "string", "pattern": r"(a)\1"}, "#/pattern, character 5"),
        ({"type": "string", "pattern": 1}, "pattern is not a string"),
        ({"type": "integer", "minimum": 2, "maximum": 1}, "no integer is between the bounds"),
        ({"type": "integer", "minimum": "1"}, "minimum is '1'"),
        ({"type": "integer", "maximum": 10**18}, "maximum is 1000000000000000000"),
        ({"type": "integer", "maximum": float("nan")}, "maximum is nan"),
        ({"anyOf": {}}, "{} is not a list of schemas"),
    ],
)
def test_what_is_not_supported_is_named_with_its_path(schema, error):
    with pytest.raises(ConfigError) as caught:
        Automaton(json_schema(schema))
    assert error in str(caught.value) and "\n" not in str(caught.value)


def test_a_schema_that_grows_by_itself_is_refused():
    bomb = {"$defs": {"0": {"type": "null"}}, "$ref": "#/$defs/12"}
    for i in range(1, 13):
        below = {"$ref": f"#/$defs/{i - 1}"}
        bomb["$defs"][str(i)] = {"type": "object", "properties": dict.fromkeys("abcd", below)}
    with pytest.raises(ConfigError, match="too large: more than 50,000 states"):
        Automaton(json_schema(bomb))
    deep = {"type": "null"}
    for _ in range(60):
        deep = {"type": "array", "items": deep}
    with pytest.raises(ConfigError, match="nested deeper than 40"):
        json_schema(deep)


KEYWORDS = [
    "type", "properties", "required", "additionalProperties", "items", "minItems", "maxItems",
    "minLength", "maxLength", "pattern", "minimum", "exclusiveMaximum", "enum", "const", "anyOf",
    "oneOf", "$ref", "$defs", "a", "title",
]  # fmt: skip
SCALARS = st.sampled_from([
    None, True, 0, 1, -1, 2.5, 1e300, float("nan"), "", "a", "string", "object", "array", "integer",
    "#/$defs/a", "#", "(", "a|b", "\ud800",
])  # fmt: skip
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYWORDS), ANYTHING, max_size=4))
def test_anything_is_a_schema_or_an_error_of_ours(schema):
    try:
        Automaton(json_schema(schema))
    except ConfigError as error:
        assert "\n" not in str(error)

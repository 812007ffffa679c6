"""A JSON schema as a regular language: JSON without white space, its properties in their order.

Supported, of draft 2020-12: `type` (one or a list), `properties`, `required`,
`additionalProperties` (true or false; none are ever written), `items`, `minItems`, `maxItems`,
`minLength`, `maxLength`, `pattern`, `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`
(of an integer), `enum`, `const`, `anyOf`, `oneOf` (where the branches cannot overlap), `$ref` to
`#/$defs/NAME` or `#/definitions/NAME` (no recursion). Annotations are ignored. Everything else is a
`ConfigError` that names the keyword and its path: what is written always satisfies the schema.

Each value is written in one way: a string with the shortest escapes, an integer of at most 18
digits, a number in the range of float64.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from weft.errors import ConfigError
from weft.inference.automaton import (
    LAST_CODE_POINT,
    Expression,
    Ranges,
    States,
    characters,
    choice,
    inverted,
    joined,
    literal,
    repeat,
    sequence,
)
from weft.inference.regular import regular_expression

MOST_DEPTH = 40
MOST_DIGITS = 18  # of an integer: it fits into 64 bits
MOST_COUNT = 100_000  # the states run out far earlier

TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
_ANNOTATIONS = {
    "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly",
    "$schema", "$id", "$comment", "$defs", "definitions",
}  # fmt: skip
_BOUNDS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
_KEYWORDS: dict[str, set[str]] = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems", "maxItems"},
    "string": {"minLength", "maxLength", "pattern"},
    "integer": _BOUNDS,
    "number": set(),
    "boolean": set(),
    "null": set(),
}
_NUMBER = r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,2})?"


def json_schema(schema: Any) -> Expression:
    """JSON texts that satisfy a (parsed) schema. Errors: ConfigError, with the path in it."""
    return _Compiler(schema).value(schema, "#", 0)


def _refuse(what: str, path: str, do: str = "leave it out") -> ConfigError:
    return ConfigError(f"{what}; JSON schema, {path}; {do}")


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else text[:60] + "..."


class _Compiler:
    """Walks a schema; `_open` are the references that it is inside of."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._open: list[str] = []
        self._known: dict[str, Expression] = {}

    def value(self, schema: Any, path: str, depth: int) -> Expression:
        """The texts of one value."""
        if not isinstance(schema, dict):
            raise _refuse(f"{_shown(schema)} is not an object with keywords", path, "give a type")
        if depth > MOST_DEPTH:
            raise _refuse(f"nested deeper than {MOST_DEPTH}", path, "flatten it")
        for keyword, build in (
            ("$ref", self._reference),
            ("anyOf", self._any),
            ("oneOf", self._one),
        ):
            if keyword in schema:
                _only(schema, {keyword}, path)
                return build(schema[keyword], f"{path}/{keyword}", depth + 1)
        if "const" in schema or "enum" in schema:
            return choice([_constant(value, path) for value in _values(schema, path)])
        types = _types(schema, path)
        _only(schema, {"type"}.union(*(_KEYWORDS[name] for name in types)), path)
        return choice([self._typed(name, schema, path, depth) for name in types])

    def _typed(self, name: str, schema: Mapping[str, Any], path: str, depth: int) -> Expression:
        if name == "object":
            return self._object(schema, path, depth)
        if name == "array":
            return self._array(schema, path, depth)
        if name == "string":
            return _string(schema, path)
        if name == "integer":
            return _integer(schema, path)
        if name == "number":
            return regular_expression(_NUMBER)
        return choice([literal(t) for t in ((b"null",) if name == "null" else (b"true", b"false"))])

    def _reference(self, target: Any, path: str, depth: int) -> Expression:
        if target in self._open:
            raise _refuse(f"{_shown(target)} refers to itself", path, "end the recursion")
        if not isinstance(target, str) or target not in self._known:
            definition = self._resolve(target, path)
            self._open.append(target)
            self._known[target] = self.value(definition, target, depth)
            self._open.pop()
        return self._known[target]

    def _resolve(self, target: Any, path: str) -> Any:
        for group in ("$defs", "definitions"):
            start = f"#/{group}/"
            if isinstance(target, str) and target.startswith(start):
                name = target[len(start) :].replace("~1", "/").replace("~0", "~")
                definitions = self._root.get(group)
                if isinstance(definitions, dict) and name in definitions:
                    return definitions[name]
        raise _refuse(f"no definition {_shown(target)}", path, "refer to #/$defs/NAME")

    def _any(self, branches: Any, path: str, depth: int) -> Expression:
        if not isinstance(branches, list) or not branches:
            raise _refuse(f"{_shown(branches)} is not a list of schemas", path, "list some")
        return choice([self.value(b, f"{path}/{i}", depth) for i, b in enumerate(branches)])

    def _one(self, branches: Any, path: str, depth: int) -> Expression:
        built = self._any(branches, path, depth)
        for i, a in enumerate(branches):
            for b in branches[:i]:
                if not self._apart(a, b):
                    raise _refuse(f"branch {i} may overlap another", path, "write anyOf")
        return built

    def _apart(self, a: Any, b: Any) -> bool:
        """Whether no value can satisfy both, as far as that is plain to see."""
        a, b = self._target(a), self._target(b)
        kinds = [_kinds(schema) for schema in (a, b)]
        if not kinds[0] & kinds[1]:
            return True
        if "enum" in a or "const" in a or "enum" in b or "const" in b:
            both = [_plain_values(schema) for schema in (a, b)]
            return both[0] is not None and both[1] is not None and not both[0] & both[1]
        if kinds[0] == kinds[1] == {"object"}:
            shared = set(a.get("required", ())) & set(b.get("required", ()))
            return any(self._apart(a["properties"][n], b["properties"][n]) for n in shared)
        return False

    def _target(self, schema: Any) -> Any:
        while "$ref" in schema:  # compiled before, so it ends
            schema = self._resolve(schema["$ref"], "#")
        return schema

    def _object(self, schema: Mapping[str, Any], path: str, depth: int) -> Expression:
        properties, required = schema.get("properties"), schema.get("required", [])
        if not isinstance(properties, dict):
            raise _refuse("an object without properties", path, "name its properties")
        if not isinstance(schema.get("additionalProperties", False), bool):
            raise _refuse("additionalProperties is a schema", path, "write false")
        if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
            raise _refuse("required is not a list of names", path, "list property names")
        for name in required:
            if name not in properties:
                raise _refuse(f"{_shown(name)} is required but no property", path, "describe it")
        members = []
        for name, child in properties.items():
            value = self.value(child, f"{path}/properties/{name}", depth + 1)
            key = _constant(name, path)
            members.append((sequence([key, literal(b":"), value]), name in required))
        return sequence([literal(b"{"), _members(members), literal(b"}")])

    def _array(self, schema: Mapping[str, Any], path: str, depth: int) -> Expression:
        if "items" not in schema:
            raise _refuse("an array without items", path, "describe its items")
        least, most = _counts(schema, "minItems", "maxItems", path)
        item = self.value(schema["items"], f"{path}/items", depth + 1)
        more = sequence([literal(b","), item])
        parts = []
        if most is None or most > 0:
            rest = repeat(more, max(least - 1, 0), None if most is None else most - 1)
            parts.append(sequence([item, rest]))
        if least == 0:
            parts.append(sequence([]))
        return sequence([literal(b"["), choice(parts), literal(b"]")])


def _only(schema: Mapping[str, Any], known: set[str], path: str) -> None:
    for keyword in schema:
        if keyword not in known and keyword not in _ANNOTATIONS:
            others = ", ".join(sorted(known & schema.keys())) or "nothing"
            raise _refuse(f"{_shown(keyword)} beside {others} is not supported", path)


def _types(schema: Mapping[str, Any], path: str) -> list[str]:
    given = schema.get("type")
    types: list[Any] = given if isinstance(given, list) else [given]
    for name in types:
        if name not in TYPES:
            hint = f"choose from {', '.join(TYPES)}"
            raise _refuse("no type" if given is None else f"type {_shown(name)}", path, hint)
    if not types:
        raise _refuse("an empty list of types", path, f"choose from {', '.join(TYPES)}")
    return types


def _values(schema: Mapping[str, Any], path: str) -> list[Any]:
    """The values of `enum` or `const` that have the `type`, if one is given."""
    keyword = "const" if "const" in schema else "enum"
    _only(schema, {keyword, "type"}, path)
    values = [schema["const"]] if keyword == "const" else schema["enum"]
    if not isinstance(values, list):
        raise _refuse("enum is not a list", path, "list the values")
    types = set(_types(schema, path)) if "type" in schema else set(TYPES)
    values = [value for value in values if types & _kind_of(value)]
    if not values:
        raise _refuse(f"{keyword} allows no value", path, "list a value of the type")
    return values


def _kind_of(value: Any) -> set[str]:
    """The types that a value has; an integer is a number too, and 1.0 an integer."""
    for kind, name in ((bool, "boolean"), (str, "string"), (list, "array"), (dict, "object")):
        if isinstance(value, kind):
            return {name}
    if value is None:
        return {"null"}
    whole = isinstance(value, int) or float(value).is_integer()
    return {"number", "integer"} if whole else {"number"}


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    """The types that values of a schema may have."""
    if "const" in schema:
        return _kind_of(schema["const"])
    if "enum" in schema:
        return set().union(*map(_kind_of, schema["enum"]))
    given = schema.get("type", list(TYPES))
    types = set(given if isinstance(given, list) else [given])
    return types | {"integer"} if "number" in types else types


def _plain_values(schema: Mapping[str, Any]) -> set[tuple[str, Any]] | None:
    """The values of a schema that lists strings only."""
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if values is None or not all(isinstance(value, str) for value in values):
        return None
    return set(values)


def _constant(value: Any, path: str) -> Expression:
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return literal(text.replace("\x7f", "\\u007f").encode())
    except ValueError:  # an infinity, or half a surrogate pair
        raise _refuse(f"{_shown(value)} cannot be written as JSON", path) from None


def _counts(schema: Mapping[str, Any], low: str, high: str, path: str) -> tuple[int, int | None]:
    for name in (low, high):
        value = schema.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_COUNT:
            raise _refuse(f"{name} is {_shown(value)}", path, f"give 0 to {MOST_COUNT}")
    least, most = schema.get(low, 0), schema.get(high)
    if most is not None and most < least:
        raise _refuse(f"{high} is less than {low}", path, "raise it")
    return least, most


def _string(schema: Mapping[str, Any], path: str) -> Expression:
    least, most = _counts(schema, "minLength", "maxLength", path)
    if "pattern" not in schema:
        body = repeat(_character([(0, LAST_CODE_POINT)]), least, most)
    elif "minLength" in schema or "maxLength" in schema:
        raise _refuse("pattern beside a length", path, "put the length into the pattern")
    elif not isinstance(schema["pattern"], str):
        raise _refuse("pattern is not a string", path, "give a regular expression")
    else:
        where = f"JSON schema, {path}/pattern"
        body = regular_expression(schema["pattern"], search=True, encode=_character, where=where)
    return sequence([literal(b'"'), body, literal(b'"')])


_LETTERS = {8: "b", 9: "t", 10: "n", 12: "f", 13: "r", 34: '"', 92: "\\"}
_ESCAPES = [*range(32), 34, 92]


def _character(ranges: Ranges) -> Expression:
    """A character inside a JSON string, as itself or in its shortest escape."""
    escaped = [p for p in _ESCAPES if any(first <= p <= last for first, last in ranges)]
    parts = [characters(_without(ranges, joined((p, p) for p in _ESCAPES)))]
    letters = joined((ord(_LETTERS[p]),) * 2 for p in escaped if p in _LETTERS)
    codes = []
    for high in (0, 1):  # \u00 and two digits
        points = [p for p in escaped if p not in _LETTERS and p >> 4 == high]
        low = joined((ord(f"{p & 15:x}"),) * 2 for p in points)
        if low:  # a state that leads nowhere would not be noticed later
            codes.append(sequence([literal(str(high).encode()), characters(low)]))
    if escaped:
        ways = [characters(letters)]
        if codes:
            ways.append(sequence([literal(b"u00"), choice(codes)]))
        parts.append(sequence([literal(b"\\"), choice(ways)]))
    return choice(parts)


def _without(ranges: Ranges, removed: Ranges) -> Ranges:
    return inverted(joined([*inverted(joined(ranges)), *removed]))


def _members(members: Sequence[tuple[Expression, bool]]) -> Expression:
    """The members of an object in their order, with commas between those that are there."""

    def build(states: States, at: int) -> int:
        nothing: int | None = at  # the place where no member was written
        some: int | None = None  # and where at least one was
        for member, required in members:
            before = states.add()
            if nothing is not None:
                states.empty[nothing].append(before)
            if some is not None:
                states.edges[some].append((44, 44, before))  # a comma
            after = states.add()
            states.empty[member(states, before)].append(after)
            if not required and some is not None:
                states.empty[some].append(after)
            some, nothing = after, None if required else nothing
        end = states.add()
        for place in (nothing, some):
            if place is not None:
                states.empty[place].append(end)
        return end

    return build


def _integer(schema: Mapping[str, Any], path: str) -> Expression:
    largest = 10**MOST_DIGITS - 1
    low, high = -largest, largest
    for name in sorted(_BOUNDS & schema.keys()):
        value = schema[name]
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not abs(value) <= largest:  # nor NaN
            raise _refuse(f"{name} is {_shown(value)}", path, f"give up to {MOST_DIGITS} digits")
        if name in ("minimum", "exclusiveMinimum"):
            least = int(value) + (value > int(value))  # rounded up
            low = max(low, least + (name == "exclusiveMinimum" and least == value))
        else:
            greatest = int(value) - (value < int(value))
            high = min(high, greatest - (name == "exclusiveMaximum" and greatest == value))
    if low > high:
        raise _refuse("no integer is between the bounds", path, "widen them")
    parts = [_naturals(max(low, 0), high)] if high >= 0 else []
    if low < 0:
        parts.append(sequence([literal(b"-"), _naturals(max(1, -high), -low)]))
    return choice(parts)


def _naturals(low: int, high: int) -> Expression:
    """The numbers from low to high, in decimal digits without leading zeros."""
    parts = []
    for digits in range(len(str(low)), len(str(high)) + 1):
        first = max(low, 10 ** (digits - 1) if digits > 1 else 0)
        parts.append(_between(str(first), str(min(high, 10**digits - 1))))
    return choice(parts)


def _between(low: str, high: str) -> Expression:
    """Strings of digits from low to high, which are equally long."""
    n = len(low)
    if low == "0" * n and high == "9" * n:
        return repeat(_digit("0", "9"), n, n)
    if low[0] == high[0]:
        return sequence([_digit(low[0], low[0]), _between(low[1:], high[1:]) if n > 1 else _NONE])
    if n == 1:
        return _digit(low, high)
    parts = [
        sequence([_digit(low[0], low[0]), _between(low[1:], "9" * (n - 1))]),
        sequence([_digit(high[0], high[0]), _between("0" * (n - 1), high[1:])]),
    ]
    if int(low[0]) + 1 < int(high[0]):
        middle = _digit(str(int(low[0]) + 1), str(int(high[0]) - 1))
        parts.append(sequence([middle, repeat(_digit("0", "9"), n - 1, n - 1)]))
    return choice(parts)


_NONE: Expression = sequence([])


def _digit(first: str, last: str) -> Expression:
    return characters([(ord(first), ord(last))])

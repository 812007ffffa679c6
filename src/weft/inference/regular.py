r"""Regular expressions, of the part of Python's syntax that a finite automaton can read.

Literal characters, `.` (no new line), classes `[a-z]` `[^"]`, `\d \w \s` and `\D \W \S` (ASCII, as
with `re.ASCII`), `\n \t \r \f \v \a \0 \xHH \uHHHH \UHHHHHHHH`, an escaped sign for itself, groups
`( )` and `(?: )`, `|`, `* + ? {m} {m,} {,n} {m,n}`, also lazy (`*?`: the same texts). `^` may begin
and `$` may end an alternative of the whole expression. Everything else (references back, looking
around, flags, possessive repeats) is an error that names its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from weft.errors import ConfigError
from weft.inference.automaton import (
    LAST_CODE_POINT,
    Expression,
    Ranges,
    characters,
    choice,
    inverted,
    joined,
    repeat,
    sequence,
)

MOST_CHARACTERS = 10_000
MOST_REPEATS = 10_000
MOST_DEPTH = 50

_ANY: Ranges = [(0, LAST_CODE_POINT)]
_NOT_NEW_LINE = inverted([(10, 10)])
_CLASSES: dict[str, Ranges] = {
    "d": [(48, 57)],
    "s": [(9, 13), (32, 32)],
    "w": [(48, 57), (65, 90), (95, 95), (97, 122)],
}
_CLASSES |= {name.upper(): inverted(ranges) for name, ranges in _CLASSES.items()}
_CONTROLS = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11, "0": 0, "a": 7}
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}
_COUNTS = re.compile(r"\{(?=[0-9,]*[0-9])([0-9]*)(,?)([0-9]*)\}")


def regular_expression(
    pattern: str,
    *,
    search: bool = False,
    encode: Callable[[Ranges], Expression] = characters,
    where: str = "regular expression",
) -> Expression:
    """The texts that `pattern` matches as a whole; with `search`, that have a match in them.

    `encode` says how one character out of a set is written. Errors: ConfigError with the place of
    what is not supported, or is too long or nested too deep.
    """
    return _Parser(pattern, search, encode, where).parse()


class _Parser:
    """Recursive descent; `_at` is the next character."""

    def __init__(
        self, pattern: str, search: bool, encode: Callable[[Ranges], Expression], where: str
    ) -> None:
        self._pattern, self._search, self._encode, self._where = pattern, search, encode, where
        self._at = self._depth = 0
        if len(pattern) > MOST_CHARACTERS:
            raise self._error(f"longer than {MOST_CHARACTERS:,} characters", "shorten it")

    def parse(self) -> Expression:
        """The whole pattern: alternatives, each with its own anchors."""
        parts = [self._anchored()]
        while self._take("|"):
            parts.append(self._anchored())
        if self._peek() == ")":
            raise self._error("a ) without its (", r"write \) for the sign")
        if self._peek():
            raise self._error("more after $", r"write \$ for the sign")
        return choice(parts)

    def _error(self, what: str, do: str = "leave it out") -> ConfigError:
        return ConfigError(f"{what}; {self._where}, character {self._at + 1}; {do}")

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self, text: str) -> bool:
        found = self._pattern.startswith(text, self._at)
        self._at += len(text) if found else 0
        return found

    def _anchored(self) -> Expression:
        around = repeat(self._encode(_ANY), 0, None)
        parts = [] if self._take("^") or not self._search else [around]
        parts.append(self._sequence())
        if not self._take("$") and self._search:
            parts.append(around)
        return sequence(parts)

    def _sequence(self) -> Expression:
        parts = []
        while self._peek() not in ("", "|", ")", "$"):
            parts.append(self._repeated())
        return sequence(parts)

    def _repeated(self) -> Expression:
        part = self._atom()
        counts = self._counts()
        if counts is None:
            return part
        self._take("?")  # lazy: other groups, the same texts
        if self._peek() in ("+", "*", "?") or _COUNTS.match(self._pattern, self._at):
            raise self._error("a repeat of a repeat", "put the first in a group: (?:...)")
        return repeat(part, *counts)

    def _counts(self) -> tuple[int, int | None] | None:
        for sign, counts in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return counts
        match = _COUNTS.match(self._pattern, self._at)
        if match is None:
            return None
        least, comma, most = match.groups()
        if len(least) > 9 or len(most) > 9 or max(int(least or 0), int(most or 0)) > MOST_REPEATS:
            raise self._error(f"more than {MOST_REPEATS:,} repeats", "use smaller counts")
        bounds = int(least or 0), int(most) if most else (None if comma else int(least))
        if bounds[1] is not None and bounds[1] < bounds[0]:
            raise self._error("counts the wrong way round", "put the smaller one first")
        self._at = match.end()
        return bounds

    def _atom(self) -> Expression:
        sign = self._peek()
        if sign in ("*", "+", "?", "{"):
            raise self._error(f"{sign} with nothing to repeat", f"write \\{sign} for the sign")
        if sign == "^":
            raise self._error("^ inside the expression", r"write \^ for the sign")
        if self._take("("):
            return self._group()
        if self._take("."):
            return self._encode(_NOT_NEW_LINE)
        if self._take("["):
            return self._encode(self._class())
        if self._take("\\"):
            return self._encode(self._escape())
        self._at += 1
        return self._encode(self._one(ord(sign)))

    def _group(self) -> Expression:
        if self._peek() == "?" and not self._take("?:"):
            raise self._error("a group of the form (?...)", "only ( ) and (?: ) are supported")
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise self._error(f"more than {MOST_DEPTH} groups in each other", "simplify it")
        parts = [self._sequence()]
        while self._take("|"):
            parts.append(self._sequence())
        if self._peek() == "$":
            raise self._error("$ inside the expression", r"write \$ for the sign")
        if not self._take(")"):
            raise self._error("a ( without its )", r"close it, or write \( for the sign")
        self._depth -= 1
        return choice(parts)

    def _one(self, point: int) -> Ranges:
        if 0xD800 <= point <= 0xDFFF or point > LAST_CODE_POINT:
            raise self._error(f"U+{point:04X} is not a character")
        return [(point, point)]

    def _escape(self) -> Ranges:
        sign = self._peek()
        self._at += 1
        if sign in _CLASSES:
            return _CLASSES[sign]
        if sign in _HEX_DIGITS:
            return self._one(self._hexadecimal(_HEX_DIGITS[sign]))
        if sign in _CONTROLS and not (sign == "0" and self._peek().isdecimal()):
            return self._one(_CONTROLS[sign])
        if sign and not sign.isalnum():
            return self._one(ord(sign))
        self._at -= 1
        raise self._error(f"the escape \\{sign} is not supported")

    def _hexadecimal(self, count: int) -> int:
        digits = self._pattern[self._at : self._at + count]
        if not re.fullmatch(f"[0-9a-fA-F]{{{count}}}", digits):
            raise self._error(f"not {count} hexadecimal digits", "complete the escape")
        self._at += count
        return int(digits, 16)

    def _class(self) -> Ranges:
        negative = self._take("^")
        ranges: Ranges = []
        while not ranges or self._peek() != "]":
            if not self._peek():
                raise self._error("a [ without its ]", r"close it, or write \[ for the sign")
            first = self._class_item()
            if self._peek() == "-" and self._pattern[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                first = self._span(first, self._class_item())
            ranges += first
        self._at += 1
        ranges = joined(ranges)
        ranges = inverted(ranges) if negative else ranges
        if not ranges:
            raise self._error("a class of no character")
        return ranges

    def _class_item(self) -> Ranges:
        if self._take("\\"):
            if self._take("b"):
                return [(8, 8)]
            return self._escape()
        sign = self._peek()
        if not sign:
            raise self._error("a [ without its ]", r"close it, or write \[ for the sign")
        self._at += 1
        return self._one(ord(sign))

    def _span(self, first: Ranges, last: Ranges) -> Ranges:
        if len(first) != 1 or len(last) != 1 or first[0][0] != first[0][1]:
            raise self._error("a range that does not go from a character to a character")
        if last[0][0] != last[0][1] or last[0][0] < first[0][0]:
            raise self._error("a range that does not go upwards from character to character")
        return [(first[0][0], last[0][0])]

"""What configurations have in common: typed fields, ranges, choices, to and from plain values."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from weft.errors import ConfigError

# The default of a field that is derived from the others in `__post_init__`; readers never see None.
DERIVED: Any = None

LARGEST_INT = 2**31 - 1  # of sizes and counts
T = TypeVar("T")


def from_dict(cls: type[T], values: Mapping[str, Any], where: str = "") -> T:
    """Build the configuration `cls` from plain values, refusing what it does not know.

    `where` names the file or the option group in the error. Raises `ConfigError`.
    """
    where = where or cls.__name__
    names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    for key in values:
        if key not in names:
            raise ConfigError(unknown_key_message(key, names, where))
    missing = [
        field.name
        for field in dataclasses.fields(cls)  # type: ignore[arg-type]
        if field.default is dataclasses.MISSING and field.name not in values
    ]
    if missing:
        raise ConfigError(f"{', '.join(missing)} missing; {where}; add {missing[0]}")
    return cls(**values)


def to_dict(config: Any) -> dict[str, Any]:
    """All fields as plain values in the order of the class; those that are None are left out."""
    return {k: v for k, v in dataclasses.asdict(config).items() if v is not None}


def unknown_key_message(key: object, names: list[str], where: str) -> str:
    """One line that names the nearest of `names`."""
    near = difflib.get_close_matches(str(key), names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"
    return f"unknown option {str(key)[:80]!r}; {where}; {hint}"


def unknown_name_message(name: str, value: object, known: list[str], where: str) -> str:
    """One line that names the nearest of the choices of `name`, or all of them."""
    near = difflib.get_close_matches(str(value), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(known)}"
    return f"unknown {name} {str(value)[:80]!r}; {where}; {hint}"


def check_types(config: Any) -> None:
    """Raise `ConfigError` unless each field has its declared type: no true or "12" for 12."""
    for name, hint in _hints(config.__class__).items():
        value = getattr(config, name)
        derived = value is None and type(config).__dict__.get(name, 0) is None
        if not derived and not _has_type(value, hint):
            raise ConfigError(
                f"{name} must be {_type_name(hint)}, not {str(value)[:80]!r} "
                f"({type(value).__name__}); {type(config).__name__}; correct {name}"
            )


@functools.cache
def _hints(cls: Any) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _has_type(value: object, hint: Any) -> bool:
    if isinstance(hint, types.UnionType):
        return any(_has_type(value, option) for option in typing.get_args(hint))
    if typing.get_origin(hint) is Literal:
        return isinstance(value, str)
    if typing.get_origin(hint) is tuple:  # tuple[str, ...]
        inside = typing.get_args(hint)[0]
        return isinstance(value, tuple) and all(_has_type(item, inside) for item in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def _type_name(hint: Any) -> str:
    if isinstance(hint, types.UnionType):
        return " or ".join(_type_name(h) for h in typing.get_args(hint) if h is not types.NoneType)
    if typing.get_origin(hint) is Literal:
        return "one of " + ", ".join(typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        return "several of " + _type_name(typing.get_args(hint)[0])
    return {int: "a whole number", float: "a number", bool: "true or false"}.get(hint, "a string")


def derive(config: Any, name: str, value: object) -> None:
    if getattr(config, name) is None:
        object.__setattr__(config, name, value)


def check_choice(config: Any, name: str, choices: Any) -> None:
    value, known = getattr(config, name), list(typing.get_args(choices))
    if value not in known:
        raise ConfigError(unknown_name_message(name, value, known, type(config).__name__))


def check_range(
    config: Any, name: str, low: float, high: float, *, above: bool = False, below: bool = False
) -> None:
    """low <= value <= high; `above`/`below` exclude that end. NaN is never in range."""
    value = getattr(config, name)
    inside = (low < value if above else low <= value) and (value < high if below else value <= high)
    if not inside:
        left, right = "(" if above else "[", ")" if below else "]"
        raise ConfigError(
            f"{name} {value} is not in {left}{low}, {high}{right}; "
            f"{type(config).__name__}; correct {name}"
        )

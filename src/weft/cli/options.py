"""From a verb's options, a dataclass, to its command line: tyro reads it, this file shapes errors.

A field is an option, its docstring the help. `options_of` makes options from the fields of a
configuration, so that every field of the configuration is reachable and documented once.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import inspect
import io
import os
import re
import sys
import textwrap
import types
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

import tyro

from weft.cli import output
from weft.config import unknown_key_message
from weft.errors import ConfigError

T = TypeVar("T")

Json = Annotated[
    bool,
    tyro.conf.FlagCreatePairsOff,
    tyro.conf.arg(help="Print one JSON object on stdout.", help_behavior_hint=""),
]


def positional(metavar: str) -> Any:
    """Marks a field as an argument without `--`; "[NAME]" is one that may be left out."""
    return tyro.conf.arg(metavar=metavar, help_behavior_hint=""), tyro.conf.Positional


def flag() -> Any:
    """Marks a switch that is off unless it is given; it has no `--no-` form."""
    return tyro.conf.arg(help_behavior_hint=""), tyro.conf.FlagCreatePairsOff


def group() -> Any:
    """Marks a field that is a dataclass of options, which the help shows under its name."""
    return (tyro.conf.OmitArgPrefixes,)


def off(metavar: str, name: str | None = None) -> Any:
    """Marks a field whose default, None, is "not given": the help does not show it.

    `name` is that of the option, where it cannot be that of a field.
    """
    return tyro.conf.arg(name=name, metavar=metavar, help_behavior_hint="")


def parse(options: type[T], argv: Sequence[str], program: str) -> T | None:
    """The options in `argv`, or None after printing their help. Raises `ConfigError`."""
    _check_names(options, argv, program)
    stdout, stderr = io.StringIO(), io.StringIO()
    try:
        with (
            _columns(80),
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
        ):
            parsed, unknown = tyro.cli(
                options,
                prog=program,
                args=list(argv),
                return_unknown_args=True,
                config=(tyro.conf.UseAppendAction,),
            )
    except SystemExit as stop:
        if not stop.code:
            output.result(_tidy_help(stdout.getvalue()))
            return None
        raise ConfigError(_one_line_error(stderr.getvalue(), program)) from None
    if unknown:
        what = output.one_line(unknown[0])[:80]
        raise ConfigError(f"unexpected argument {what!r}; {program}; see {program} --help")
    return parsed


@contextlib.contextmanager
def _columns(width: int) -> Iterator[None]:
    """Let tyro lay its help out for this width, whatever the terminal's."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(width)
    try:
        yield
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before


def _tidy_help(text: str) -> str:
    """No trailing blanks, no line of more than 80 characters, no gaps between options."""
    lines = [line.rstrip() for line in text.rstrip().splitlines()]
    short = [textwrap.fill(line, 80) if len(line) > 80 else line for line in lines]
    return re.sub(r"\n\n(?=  \S)", "\n", "\n".join(short))


def _one_line_error(box: str, program: str) -> str:
    """tyro's box has a title, a rule, the message, another rule and general advice."""
    lines = [line.strip(" │╭╰╮╯") for line in box.splitlines()]
    rules = [i for i, line in enumerate(lines) if line and set(line) <= {"-", "─"}]
    body = lines[rules[0] + 1 : rules[1]] if len(rules) > 1 else lines
    words = " ".join(" ".join(body).split())
    words = words.removeprefix("Error parsing ").removesuffix(".")
    words = words.replace(". Expected", ", expected").replace(" with base 10", "")
    if words.startswith("Missing from"):
        words = f"missing argument {words.partition(': ')[2].split()[0]}"
    return f"{words or 'wrong usage'}; {program}; see {program} --help"


def _check_names(options: Any, argv: Sequence[str], program: str) -> None:
    """Refuse an option that does not exist before its value can be taken for something else."""
    names = ["--" + name.replace("_", "-") for name in _names(options)]
    known = {"--help", *names, *(name.replace("--", "--no-", 1) for name in names)}
    for token in argv:
        if token == "--":
            return
        name = token.split("=")[0].replace("_", "-")
        if token.startswith("--") and name not in known:
            raise ConfigError(unknown_key_message(token.split("=")[0], names, program))


def _names(options: Any) -> list[str]:
    """The fields that are options, those of groups among them."""
    names = []
    for name, hint in typing.get_type_hints(options, include_extras=True).items():
        group = typing.get_args(hint)[0] if typing.get_args(hint) else hint
        if dataclasses.is_dataclass(group):
            names += _names(group)
        elif not _is_positional(hint):
            given = (getattr(mark, "name", None) for mark in getattr(hint, "__metadata__", ()))
            names.append(next(filter(None, given), name))
    return names


def _is_positional(hint: Any) -> bool:
    return tyro.conf.Positional in getattr(hint, "__metadata__", ())


def options_of(
    config: Any,
    leave_out: Collection[str] = (),
    unset: bool = False,
    notes: Mapping[str, tuple[str, str]] | None = None,
) -> list[tuple[str, Any, Any]]:
    """Fields for `dataclasses.make_dataclass`: those of `config`, each with its own docstring.

    With `unset` every default is None, "not given"; the help still shows the default of `config`.
    `notes` has for an option what the help says after its docstring, and as its default.
    """
    hints, docs = typing.get_type_hints(config), field_docs(config)
    fields = []
    for field in dataclasses.fields(config):
        if field.name not in leave_out:
            more, shown = (notes or {}).get(field.name, ("", ""))
            doc = docs.get(field.name, "") + more
            kind = _option_type(hints[field.name], field.default, doc, unset, shown)
            default = None if unset else field.default
            fields.append((field.name, kind, dataclasses.field(default=default)))
    return fields


def _option_type(hint: Any, default: object, doc: str, unset: bool, shown_default: str = "") -> Any:
    """The type as tyro needs it. A default of None is explained by the docstring, not by "None"."""
    if default is not None and not unset:
        return Annotated[hint, tyro.conf.arg(help=doc)]
    plain = _without_none(hint)
    shown = "" if default is None else f"(default: {shown_default or default})"
    if plain is bool:
        plain = Literal["true", "false"]
    metavar = {int: "INT", float: "FLOAT", str: "TEXT"}.get(plain)
    metavar = metavar or "{" + ",".join(typing.get_args(plain)) + "}"
    return Annotated[
        plain | None, tyro.conf.arg(help=doc, metavar=metavar, help_behavior_hint=shown)
    ]


def _without_none(hint: Any) -> Any:
    if isinstance(hint, types.UnionType):
        return next(h for h in typing.get_args(hint) if h is not types.NoneType)
    return hint


def values_of(options: Any, config: Any) -> dict[str, Any]:
    """The values in `options` that are fields of `config`; "true" and "false" become booleans."""
    values = {}
    for field in dataclasses.fields(config):
        value = getattr(options, field.name, None)
        if value is not None:
            values[field.name] = {"true": True, "false": False}.get(value, value)
    return values


def field_docs(cls: Any) -> dict[str, str]:
    """The docstring below each field of a dataclass, read from its source."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(body, ast.ClassDef)
    docs = {}
    for field, after in zip(body.body, body.body[1:], strict=False):
        doc = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and doc:
            docs[field.target.id] = inspect.cleandoc(after.value.value)  # type: ignore[attr-defined]
    return docs


def read_stdin() -> str:
    """All of stdin as UTF-8 text."""
    data = sys.stdin.buffer.read() if sys.stdin is not None else b""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"not UTF-8 text at byte {error.start}; stdin; convert it to UTF-8 first"
        ) from None

"""What the user enters, turn by turn: from a terminal with line editing, or from a pipe.

A line is a turn. A backslash at its end goes on in the next line; lines between three quotation
marks are one turn too.
"""

from __future__ import annotations

import contextlib
import sys

from weft.cli import output
from weft.errors import ConfigError

PROMPT, MORE = ">>> ", "... "
BLOCK = '"""'
LONGEST = 4 << 20  # bytes of a line of a pipe


class Lines:
    """The turns of the user; `interactive` if somebody sits there."""

    def __init__(self) -> None:
        self.interactive = sys.stdin is not None and sys.stdin.isatty()
        # input() writes its prompt to stdout: not where that is a file.
        self._editing = self.interactive and sys.stdout is not None and sys.stdout.isatty()
        self._read = 0
        if self._editing:
            with contextlib.suppress(ImportError):  # not on every system
                import readline  # noqa: F401

    def turn(self) -> tuple[str, bool] | None:
        """The next turn, and whether it may be a command; None at the end of the input.

        Raises `ConfigError` for what is not UTF-8, or a line without end.
        """
        line = self._line(PROMPT)
        if line is None:
            return None
        if line.lstrip().startswith(BLOCK):
            return self._block(line.lstrip()[len(BLOCK) :]), False
        whole, lines = line, 1
        while whole.endswith("\\"):
            more = self._line(MORE)
            whole = whole[:-1] + ("" if more is None else f"\n{more}")
            lines += 1
            if more is None:
                break
        return whole, lines == 1

    def _block(self, first: str) -> str:
        lines, line = [], first
        while not line.rstrip().endswith(BLOCK):
            lines.append(line)
            more = self._line(MORE)
            if more is None:
                return "\n".join(lines)
            line = more
        lines.append(line.rstrip()[: -len(BLOCK)])
        lines = lines[1:] if not lines[0] and len(lines) > 1 else lines
        return "\n".join(lines[:-1] if len(lines) > 1 and not lines[-1] else lines)

    def _line(self, prompt: str) -> str | None:
        """One line without its end; None at the end of the input."""
        self._read += 1
        try:
            if self._editing:
                return input(prompt)
            if self.interactive:
                output.note(prompt, end="")
                line = sys.stdin.readline()
                return line.rstrip("\n") if line else None
            return self._piped()
        except EOFError:
            return None
        except UnicodeDecodeError:
            raise ConfigError(
                f"line {self._read} is not UTF-8 text; stdin; convert it to UTF-8 first"
            ) from None

    def _piped(self) -> str | None:
        data = sys.stdin.buffer.readline(LONGEST + 1) if sys.stdin is not None else b""
        if len(data) > LONGEST:
            raise ConfigError(
                f"line {self._read} has more than {LONGEST:,} bytes; stdin; shorten it"
            )
        return data.decode("utf-8").rstrip("\r\n") if data else None

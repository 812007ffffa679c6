"""The errors a user can cause, each with the exit code of its kind.

A message is one line: what is wrong; where; what to do. The command line prints it after
`weft: error:` and exits with `exit_code`; a traceback is for our mistakes only.
"""

from __future__ import annotations


class WeftError(Exception):
    """Something failed at run time (exit code 1)."""

    exit_code = 1


class ConfigError(WeftError):
    """A usage or configuration mistake: unknown key, impossible value (exit code 2)."""

    exit_code = 2


class DataError(WeftError):
    """A text or a token shard that cannot be used: empty, too short, not UTF-8 (exit code 1)."""


class NonFiniteError(WeftError):
    """A loss or a gradient became NaN or infinite (exit code 1).

    `what` is not finite, `where` that came from first, in words, at which `step`; where known.
    """

    def __init__(
        self,
        message: str,
        *,
        what: str | None = None,
        where: str | None = None,
        step: int | None = None,
    ) -> None:
        super().__init__(message)
        self.what, self.where, self.step = what, where, step


class RunLockedError(WeftError):
    """Another process is training in this run folder (exit code 1)."""


class MalformedFileError(WeftError):
    """A file that is not what it should be: truncated, altered, wrong format (exit code 3)."""

    exit_code = 3


class UnsupportedFileError(MalformedFileError):
    """A file that may be sound, of a kind that Weft does not compute (exit code 3)."""


class CheckpointError(MalformedFileError):
    """A checkpoint or model folder that is missing a part or fails its manifest (exit code 3)."""

"""From an exception to one line on stderr and an exit code.

The line is "weft: error: what; where; what to do". WEFT_DEBUG=1 shows the traceback as well. With
--json the error is also an object on stdout: {"error": {"type", "message", "hint"}}.
"""

from __future__ import annotations

import os
import sys
import traceback

from weft.cli import output
from weft.errors import ConfigError, WeftError

INTERRUPTED = 130  # 128 + SIGINT
TERMINATED = 143  # 128 + SIGTERM


def report(error: BaseException, as_json: bool) -> int:
    """Print what went wrong; the exit code of that kind of error."""
    if isinstance(error, KeyboardInterrupt):
        output.note("weft: interrupted")
        return INTERRUPTED
    if os.environ.get("WEFT_DEBUG"):
        traceback.print_exception(error, file=sys.stderr)
    message = output.one_line(describe(error))
    if as_json:
        what, _, hint = message.rpartition("; ")
        values = {"type": type(error).__name__, "message": what or hint, "hint": hint}
        output.result_json({"error": values})
    output.note(f"weft: error: {message}")
    return error.exit_code if isinstance(error, WeftError) else 1


def describe(error: BaseException) -> str:
    """What, where, what to do."""
    if isinstance(error, WeftError):
        return str(error)
    if isinstance(error, MemoryError):
        return (
            f"out of memory{f' ({error})' if str(error) else ''}; this process; "
            "choose a smaller --batch-size, --block-size or model"
        )
    if isinstance(error, OSError) and error.strerror:
        return _describe_os_error(error)
    if isinstance(error, ModuleNotFoundError):
        return f"{error}; this installation; install it with: pip install {error.name}"
    return _describe_bug(error)


def _describe_os_error(error: OSError) -> str:
    import errno

    advice = {
        errno.ENOENT: "check the path",
        errno.EACCES: "check the permissions",
        errno.ENOSPC: "free some space on that disk and run it again",
        errno.EDQUOT: "free some space on that disk and run it again",
        errno.EROFS: "choose a place that can be written to",
        errno.EISDIR: "give a file",
        errno.ENOTDIR: "give a folder",
        errno.ENAMETOOLONG: "choose a shorter name",
    }.get(error.errno or 0, "see WEFT_DEBUG=1 for more")
    where = error.filename if error.filename is not None else "this process"
    return f"{error.strerror}; {where}; {advice}"


def _describe_bug(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else "weft"
    return (
        f"{type(error).__name__}: {str(error)[:300] or 'no message'}; {where}; this is a bug in "
        "weft: please report it with the traceback that WEFT_DEBUG=1 shows"
    )


def missing_verb(verb: str, verbs: list[str], where: str) -> ConfigError:
    """The error for a word that is not a command, naming the nearest one."""
    import difflib

    near = difflib.get_close_matches(verb, verbs, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(verbs)}"
    return ConfigError(f"unknown command {verb[:80]!r}; {where}; {hint}")

"""From the command line to the verb: the first words choose a function, the rest are its options.

Only this file and what it imports are loaded for `weft --help`; NumPy and the engine come with the
verb that needs them.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from dataclasses import dataclass
from types import FrameType, ModuleType
from typing import NoReturn

from weft.cli import failure, output


@dataclass(frozen=True)
class Verb:
    """One command: its module in this package, and what the help says of it."""

    module: str
    summary: str
    example: str
    subverbs: tuple[str, ...] = ()


VERBS = {
    "train": Verb("train", "train a model on a text", "weft train book.txt --minutes 10"),
    "plan": Verb("plan", "what that would choose, and why", "weft plan book.txt --minutes 10"),
    "ladder": Verb("ladder", "every family, from n-gram to GPT", "weft ladder book.txt"),
    "watch": Verb("watch", "a run, as it trains elsewhere", "weft watch runs/book-1"),
    "sweep": Verb("sweep", "try settings, halve, compare", "weft sweep book.txt --set n_layer=2,4"),
    "generate": Verb("generate", "continue a text", 'weft generate runs/book-1 "Once upon"'),
    "chat": Verb("chat", "talk with a model in the terminal", "weft chat runs/book-1"),
    "eval": Verb("evaluate", "loss, perplexity, bits per byte", "weft eval runs/book-1 other.txt"),
    "convert": Verb(
        "convert", "to Hugging Face, GGUF, nanoGPT", "weft convert runs/book-1 book.gguf"
    ),
    "pull": Verb("pull", "a model from the public hub", "weft pull gpt2"),
    "info": Verb("info", "what a model is made of; its memory", "weft info runs/book-1"),
    "tokenizer": Verb(
        "tokenizer",
        "train, encode, decode, show",
        'weft tokenizer show runs/book-1 "Hello"',
        ("train", "encode", "decode", "show"),
    ),
    "bench": Verb(
        "bench",
        "speed of train, generate, kernels",
        "weft bench train --n-layer 6",
        ("train", "generate", "kernels", "tokenizer"),
    ),
    "gradcheck": Verb(
        "gradcheck", "check a layer of your own", "weft gradcheck mine.py:Layer --shape 2,3"
    ),
    "lessons": Verb("lessons", "lessons to run, from words to a GPT", "weft lessons 4"),
    "report": Verb("report", "a page about a run, for a browser", "weft report runs/book-1"),
    "compare": Verb("compare", "runs side by side", "weft compare runs/book-1 runs/book-2"),
    "doctor": Verb("doctor", "check the machine, or a run folder", "weft doctor runs/book-1"),
}

INTRODUCTION = """\
usage: weft VERB ... [--json]   Read, train and run GPTs on your own machine.
"""

CLOSING = """
`weft help VERB` lists the options of a verb; `weft --version` prints the
version. Results go to stdout, progress to stderr. Exit codes: 0 done, 1 failed,
2 wrong usage, 3 malformed file, 130 interrupted, 143 terminated."""


def top_help() -> str:
    """The first screen: an example of every verb, and what it does."""
    lines = [INTRODUCTION]
    lines += [f"  {verb.example:<40} {verb.summary}" for verb in VERBS.values()]
    return "\n".join([*lines, CLOSING])


def entry_point() -> NoReturn:
    """The `weft` command of the installation: never returns, never shows a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a stream that is not UTF-8
    signal.signal(signal.SIGTERM, _terminate)
    code = main(sys.argv[1:])
    sys.exit(code)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(failure.TERMINATED)


def main(argv: list[str]) -> int:
    """Run one command line (without the program's name); returns its exit code."""
    options = argv[: argv.index("--")] if "--" in argv else argv
    try:
        return _flushed(_dispatch(argv))
    except BrokenPipeError:
        _forget_stdout()  # `weft ... | head`: the reader has seen enough
        return 0
    except (Exception, KeyboardInterrupt) as error:
        try:
            return _flushed(failure.report(error, as_json="--json" in options))
        except OSError:  # stdout or stderr cannot be written to either
            _forget_stdout()
            return 1


def _flushed(code: int) -> int:
    """The exit code, once all results are out: a full disk shows only when buffers are written."""
    if sys.stdout is not None:
        sys.stdout.flush()
    return code


def _dispatch(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help") or argv == ["help"]:
        output.result(top_help())
        return 0
    if argv[0] == "--version":
        from weft import __version__

        output.result(f"weft {__version__}")
        return 0
    if argv[0] == "help":
        argv = [*argv[1:], "--help"]
    if argv[0] not in VERBS:
        raise failure.missing_verb(argv[0], [*VERBS, "help"], "weft")
    return _run_verb(argv[0], argv[1:])


def _run_verb(name: str, argv: list[str]) -> int:
    from weft.cli.options import parse

    verb, key, path = VERBS[name], "", f"weft {name}"
    if verb.subverbs:
        if not argv or argv[0] in ("-h", "--help"):
            output.result(f"usage: {path} {{{','.join(verb.subverbs)}}} ...\n\n  {verb.example}")
            return 0
        key, argv = argv[0], argv[1:]
        if key not in verb.subverbs:
            raise failure.missing_verb(key, list(verb.subverbs), path)
        path = f"{path} {key}"
    module = _load(verb.module)
    options_type, run = module.COMMANDS[key]
    options = parse(options_type, argv, path)
    return 0 if options is None else int(run(options) or 0)


def _load(module: str) -> ModuleType:
    return importlib.import_module(f"weft.cli.{module}")


def _forget_stdout() -> None:
    """Point stdout nowhere, so that Python's last flush does not complain."""
    if sys.stdout is not None:
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (OSError, ValueError):  # not a real file (a test's capture)
            return

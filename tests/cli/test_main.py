"""The frame: help, versions, dispatch, errors, streams, and what is imported when."""

import errno
import io
import json
import os
import re
import subprocess
import sys

import pytest

import weft as package
from weft.cli import failure, main, output
from weft.errors import ConfigError, MalformedFileError

PATHS = [f"{n} {s}" for n, v in main.VERBS.items() for s in v.subverbs] + [
    n for n, v in main.VERBS.items() if not v.subverbs
]
HEAVY = ("torch", "transformers", "rich", "safetensors", "regex", "platformdirs")


def shell(*argv, **options):
    return subprocess.run(
        [sys.executable, "-m", "weft", *argv], capture_output=True, timeout=60, **options
    )


def test_the_first_screen_shows_every_verb_with_an_example_in_80_columns(weft):
    ran = weft("--help")
    assert ran.code == 0 and ran.err == ""
    assert max(map(len, ran.out.splitlines())) <= 80 and len(ran.out.splitlines()) <= 36
    for verb in main.VERBS.values():
        assert f"  {verb.example}" in ran.out and verb.summary in ran.out
    assert weft().out == weft("help").out == weft("-h").out == ran.out


def test_a_wide_terminal_has_the_same_help(weft, monkeypatch):
    narrow = weft("help", "info").out
    monkeypatch.setenv("COLUMNS", "132")
    assert weft("help", "info").out == narrow


@pytest.mark.parametrize("path", PATHS)
def test_every_option_of_every_verb_is_explained_in_80_columns(weft, path):
    ran = weft("help", *path.split())
    assert ran.code == 0 and ran.err == ""
    assert ran.out.startswith(f"usage: weft {path}")
    assert max(map(len, ran.out.splitlines())) <= 80
    assert ran.out == weft(*path.split(), "--help").out
    assert "Example: weft " + path in ran.out
    words = ran.out.split()
    assert "(default:" not in words or "None)" not in words  # never "(default: None)"


@pytest.mark.parametrize("path", PATHS)
def test_no_option_is_without_a_text(weft, path):
    options = weft("help", *path.split()).out.split("\n options\n")[1]
    entries = re.split(r"\n  (?=--[a-z])", options)[1:]
    assert entries
    for entry in entries:
        text = " ".join(entry.split()).partition("(default")[0]
        words = [w for w in text.split() if not w.startswith(("--", "{")) and not w.isupper()]
        assert len(words) >= 2, entry


def test_verbs_that_are_not_built_are_not_listed(weft):
    for verb in ("serve", "finetune"):
        assert verb not in weft("--help").out.split()
        assert weft(verb).code == 2


def test_version(weft):
    assert weft("--version").out == f"weft {package.__version__}\n"


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        ("trian x", "unknown command 'trian'; weft; did you mean train?"),
        ("xyzzy", "unknown command 'xyzzy'; weft; choose one of train, plan, ladder"),
        ("bench trian", "unknown command 'trian'; weft bench; did you mean train?"),
        ("help trian", "unknown command 'trian'; weft; did you mean train?"),
        ("info", "missing argument MODEL; weft info; see weft info --help"),
        ("info a b", "unexpected argument 'b'; weft info; see weft info --help"),
        ("info a --jsno", "unknown option '--jsno'; weft info; did you mean --json?"),
        ("generate a --max-token 3", "unknown option '--max-token'; weft generate; did you mean"),
        ("generate a --max-tokens x", "--max-tokens: invalid literal for int(): 'x'; weft gen"),
        ("generate a --max-tokens 1e3", "--max-tokens: invalid literal for int(): '1e3'"),
        ("generate a --max-tokens", "Missing value for argument '--max-tokens'"),
        ("generate a --overflow no", "invalid choice 'no' for argument '--overflow', expected"),
        ("generate a --temperature=hot", "--temperature: could not convert string to float"),
        ("bench train --n-head 3", "n_embd 128 is not divisible by n_head 3; model; choose"),
        ("bench train --dropout 1", "dropout 1.0 is not in [0, 1); ModelConfig; correct"),
        ("bench train --block-size 0", "block_size 0 is not in [1, 2147483647]"),
        ("bench train --batch-size 0", "--batch-size 0; bench; give 1 or more"),
        ("bench train --arch gtp2", "invalid choice 'gtp2'"),
        ("bench train --threads 0", "threads = 0; --threads; give 1 to 1024"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(weft, argv, error):
    ran = weft(*argv.split())
    assert ran.code == 2 and ran.out == ""
    assert ran.error.startswith(error)


def test_a_configuration_too_large_for_memory_is_refused_before_it_is_built(weft):
    ran = weft("bench", "train", "--n-layer", 1000, "--n-embd", 131072)
    assert ran.code == 1
    assert "training needs about" in ran.error and "this machine has" in ran.error


def test_errors_are_json_too_when_asked_for(weft):
    ran = weft("info", "nowhere", "--json")
    assert ran.code == 1 and ran.error.startswith("no such folder; nowhere; ")
    assert ran.json == {
        "error": {
            "type": "WeftError",
            "message": "no such folder; nowhere",
            "hint": "check the path",
        },
        "schema_version": 1,
    }


def test_control_characters_in_an_error_are_escaped(weft):
    ran = weft("info", "no\x1b[31m\nwhere")
    assert "\\x1b[31m\\nwhere" in ran.error


def raising(error):
    def run(options):
        raise error

    return run


@pytest.fixture
def failing(weft, monkeypatch):
    """Run `weft info x` when its work raises this."""
    module = main._load("info")

    def run(error, *argv):
        monkeypatch.setitem(module.COMMANDS, "", (module.Info, raising(error)))
        return weft("info", "x", *argv)

    return run


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigError("a; b; c"), 2, "a; b; c"),
        (MalformedFileError("a; b; c"), 3, "a; b; c"),
        (MemoryError(), 1, "out of memory; this process; choose a smaller"),
        (OSError(errno.ENOSPC, "No space left on device", "f"), 1, "No space left on device; f; f"),
        (PermissionError(errno.EACCES, "Permission denied", "f"), 1, "Permission denied; f; check"),
        (ModuleNotFoundError("No module named 'rich'", name="rich"), 1, "No module named 'rich'"),
        (ZeroDivisionError("division by zero"), 1, "ZeroDivisionError: division by zero; test_"),
    ],
)
def test_every_error_is_one_line_with_its_exit_code(failing, error, code, line):
    ran = failing(error)
    assert ran.code == code and ran.error.startswith(line)


def test_an_unexpected_error_says_how_to_report_it(failing, monkeypatch):
    assert "this is a bug in weft" in failing(KeyError("x")).error
    monkeypatch.setenv("WEFT_DEBUG", "1")
    assert "Traceback" in failing(KeyError("x")).err


def test_ctrl_c_is_exit_code_130(failing):
    ran = failing(KeyboardInterrupt())
    assert ran.code == 130 and ran.err == "weft: interrupted\n"


def test_a_closed_pipe_is_quiet(failing):
    ran = failing(BrokenPipeError())
    assert ran.code == 0 and ran.err == ""


@pytest.mark.parametrize("argv", [["--help"], ["--version"]])
def test_help_does_not_load_what_it_does_not_need(argv):
    script = (
        "import sys; from weft.cli.main import main; code = main(sys.argv[1:]); "
        "print(*sorted(m for m in sys.modules if '.' not in m or 'weft' in m), file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, *argv], capture_output=True, text=True, timeout=60
    )
    loaded = set(ran.stderr.split())
    assert "weft.cli.main" in loaded
    assert not loaded & {*HEAVY, "tyro", "numpy", "weft.autograd", "weft.kernels", "weft.models"}


def test_importing_weft_and_a_verb_loads_no_peer(weft):
    script = "import sys, weft.cli.generate, weft.inference; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert not {*ran.stdout.split()} & {"torch", "transformers", "tokenizers", "tiktoken", "rich"}


def test_python_m_weft_on_streams_that_are_not_utf_8():
    env = {**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    ran = shell("info", "naïve 😀", env=env)
    assert ran.returncode == 1
    assert ran.stderr.startswith(b"weft: error: no such folder; na\\xefve \\U0001f600; ")


def test_python_m_weft_when_the_reader_stops_reading():
    writer = subprocess.Popen(
        [sys.executable, "-m", "weft", "bench", "train", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    writer.stdout.close()
    assert writer.wait(60) == 0 and writer.stderr.read() == b""
    writer.stderr.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_python_m_weft_when_stdout_is_a_full_disk(unbuffered):
    with open("/dev/full", "w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "weft", "--version"], stdout=full, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
    assert ran.returncode == 1
    assert ran.stderr.startswith(b"weft: error: No space left on device; ")
    assert ran.stderr.count(b"\n") == 1


def test_python_m_weft_with_a_bad_environment():
    ran = shell("doctor", env={**os.environ, "WEFT_NUM_THREADS": "many"})
    assert ran.returncode == 2 and ran.stderr.startswith(b"weft: error: WEFT_NUM_THREADS is 'many'")
    assert ran.stderr.count(b"\n") == 1


def test_stdout_may_be_closed(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert main.main(["--version"]) == 0


def test_colour_only_where_it_is_wanted(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert output.has_colour(Terminal()) and not output.has_colour(io.StringIO())
    assert not output.has_colour(None)
    monkeypatch.setenv("TERM", "dumb")
    assert not output.has_colour(Terminal())
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert output.has_colour(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not output.has_colour(Terminal())


def test_json_has_no_nan(capsys):
    output.result_json({"a": float("nan"), "b": [float("inf"), 1.5], "c": {"d": float("-inf")}})
    assert json.loads(capsys.readouterr().out) == {
        "a": None, "b": [None, 1.5], "c": {"d": None}, "schema_version": 1,
    }  # fmt: skip


def test_the_hint_is_what_follows_the_last_semicolon(capsys):
    assert failure.report(ConfigError("what; where; do; this"), as_json=True) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error == {"type": "ConfigError", "message": "what; where; do", "hint": "this"}

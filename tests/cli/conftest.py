"""Lets tests import what they share: `tiny_model` of inference, `folders` of reports."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "inference"), str(HERE.parent / "reports")]
from tiny_model import save_run, tiny  # noqa: E402

from weft.cli.main import main  # noqa: E402


class Ran:
    """One command line, run in this process: its exit code and what it printed."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        import json

        lines = self.out.splitlines()
        assert len(lines) == 1, self.out
        return json.loads(lines[0])

    @property
    def error(self):
        """The one line of an error, without its start."""
        lines = self.err.splitlines()
        assert len(lines) == 1 and lines[0].startswith("weft: error: "), self.err
        return lines[0].removeprefix("weft: error: ")


@pytest.fixture
def weft(capsys, monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "WEFT_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*argv):
        code = main([str(word) for word in argv])
        return Ran(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    """A run with three checkpoints, the second of them the best; not to be changed."""
    return save_run(tmp_path_factory.mktemp("cli") / "tiny", tiny(), losses=(2.0, 1.5, 1.8)).path

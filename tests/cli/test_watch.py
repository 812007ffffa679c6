"""`weft watch`: the present state as text and JSON, the live screen, and what is no run."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

from weft.checkpoint import RunFolder

BEGIN = {"kind": "begin", "step": 0, "seconds": 0.0}


@pytest.fixture
def folder(tmp_path):
    """A run of 40 of 100 steps; its sample is not harmless."""
    path = tmp_path / "runs" / "book"
    path.mkdir(parents=True)
    (path / "config.toml").write_text(
        '[train]\nsteps = 100\nprecision = "float32"\n[model]\nmodel = "gpt"\narch = "llama"\n'
        "n_layer = 1\nn_head = 2\nn_embd = 16\nblock_size = 8\nvocab_size = 20\n"
    )
    log = [
        {"step": i, "tokens": 32 * i, "train_loss": 4 - i / 20, "lr": 0.01, "seconds": i / 10}
        | {"tokens_per_second": 320.0}
        | ({"val_loss": 4.1 - i / 20} if i % 20 == 0 else {})
        for i in range(1, 41)
    ]
    sample = {"kind": "sample", "step": 40, "seconds": 4.0, "text": "once \x1b[2Jupon\na time"}
    write(path / "metrics.jsonl", log)
    write(path / "events.jsonl", [BEGIN, sample])
    return path


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def test_once_is_plain_text(weft, folder):
    ran = weft("watch", folder, "--once")
    assert ran.code == 0 and ran.err == "" and "\x1b" not in ran.out
    assert max(map(len, ran.out.splitlines())) < 80
    for part in (
        "llama",
        "step 40/100  40 %",
        "val 2.1000",
        "best 2.1000 at step 40",
        "320 tokens/s",
        "no process works at it any more",
        "sample at step 40",
        "upon\n  a time",
    ):
        assert part in ran.out, part


def test_without_a_terminal_it_is_as_once(weft, folder):
    assert weft("watch", folder).out == weft("watch", folder, "--once").out


def test_json(weft, folder):
    values = weft("watch", folder, "--once", "--json").json
    expected = {
        "state": "gone",
        "model": "llama",
        "step": 40,
        "steps": 100,
        "tokens": 1280,
        "eta_seconds": None,
        "best_step": 40,
        "peak_fraction": None,
        "learning_rate": 0.01,
    }
    assert {name: values[name] for name in expected} == expected
    assert values["best_val_loss"] == values["val_loss"] == pytest.approx(2.1)
    assert values["seconds"] == pytest.approx(4.0) and values["weights"] > 0
    assert values["tokens_per_second"] == pytest.approx(320)


def test_nothing_in_the_folder_changes(weft, folder):
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert weft("watch", folder).code == 0
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_what_is_no_run_is_one_line(weft, folder, tmp_path):
    for place, message in ((tmp_path / "no", "no such run folder"), (tmp_path, "no run")):
        ran = weft("watch", place)
        assert ran.code == 2 and ran.error.startswith(message)
    assert weft("watch", folder, "--json").code == 2
    (folder / "metrics.jsonl").write_text("x\n")
    ran = weft("watch", folder, "--once")
    assert ran.code == 3 and "line 1 is not valid JSON" in ran.error


def in_a_terminal(folder, columns=60):
    """`weft watch` on a pseudo-terminal; (process, the end that reads what it shows)."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    environment = {k: v for k, v in environment.items() if k not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-m", "weft", "watch", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    os.close(theirs)
    return process, ours


class Shown:
    """All that a terminal has been sent so far."""

    def __init__(self, terminal):
        self.terminal, self.text = terminal, b""

    def wait_for(self, text, seconds=60):
        end = time.monotonic() + seconds
        while text.encode() not in self.text and time.monotonic() < end:
            try:
                self.text += os.read(self.terminal, 65536)
            except OSError:  # closed by the other side
                break
        assert text.encode() in self.text, self.text.decode()


def test_on_a_terminal_it_follows_the_run_to_its_end(folder):
    with RunFolder(folder).lock():
        process, terminal = in_a_terminal(folder)
        shown = Shown(terminal)
        shown.wait_for("step 40/100")
        line = {"step": 41, "train_loss": 2.0, "val_loss": 1.25, "seconds": 4.1}
        with (folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        shown.wait_for("1.2500 at step 41")
        write(folder / "events.jsonl", [BEGIN, {"kind": "stop", "step": 41, "signal": "SIGINT"}])
    shown.wait_for("stopped: SIGINT")
    shown.wait_for("\x1b[?25h")
    assert process.wait(60) == 0 and process.stderr.read() == b""
    assert b"\x1b[?25l" in shown.text and b"\x1b[2J" not in shown.text
    process.stderr.close()
    os.close(terminal)


def test_ctrl_c_ends_it_quietly(folder):
    with RunFolder(folder).lock():
        process, terminal = in_a_terminal(folder)
        shown = Shown(terminal)
        shown.wait_for("step 40/100")
        process.send_signal(signal.SIGINT)
        shown.wait_for("\x1b[?25h")
        assert process.wait(60) == 130 and process.stderr.read() == b""
    process.stderr.close()
    os.close(terminal)

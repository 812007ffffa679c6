"""What is shown: plain lines without a terminal, a bar with one, nothing on stdout."""

import io

import pytest

from weft.training import PlainProgress, Progress, RichProgress, choose_progress
from weft.training.progress.plain import clock

RECORD = {
    "step": 5,
    "train_loss": 2.0,
    "lr": 1e-3,
    "grad_norm": 0.5,
    "tokens_per_second": 1000.0,
    "step_seconds": 0.5,
}


class Stream(io.StringIO):
    encoding = "utf-8"

    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


def show(progress):
    progress.message("hello [bold]there[/bold]")
    progress.preparing(50, 100)
    progress.start(4, 10)
    progress.step(RECORD)
    progress.evaluated({**RECORD, "val_loss": 1.5}, "a sample [x]\nof text")
    progress.finish()
    progress.finish()


def test_plain_lines_have_no_control_characters():
    stream = Stream(terminal=False)
    show(PlainProgress(stream))
    lines = stream.getvalue().splitlines()
    assert lines == [
        "hello [bold]there[/bold]",
        "step 5/10  loss 2.000  val 1.500  1,000 tokens/s  eta 0:02",
        "  | a sample [x]",
        "  | of text",
    ]


def test_a_line_comes_every_ten_seconds(monkeypatch):
    now = 0.0
    monkeypatch.setattr("weft.training.progress.plain.time.monotonic", lambda: now)
    stream = Stream(terminal=False)
    progress = PlainProgress(stream)
    progress.start(0, 100)
    for step in range(1, 31):
        now = step * 1.0
        progress.step({**RECORD, "step": step})
    assert [line.split()[1] for line in stream.getvalue().splitlines()] == [
        "10/100",
        "20/100",
        "30/100",
    ]


def test_a_terminal_gets_a_bar_and_the_sample_above_it(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Stream(terminal=True)
    progress = choose_progress(stream)
    assert isinstance(progress, RichProgress)
    show(progress)
    text = stream.getvalue()
    assert "\x1b[" in text and "hello [bold]there[/bold]" in text
    assert "a sample [x]" in text and "5/10" in text and "val loss 1.5000" in text


@pytest.mark.parametrize(("terminal", "term"), [(False, "xterm"), (True, "dumb")])
def test_without_a_terminal_that_can_it_is_plain(monkeypatch, terminal, term):
    monkeypatch.setenv("TERM", term)
    assert isinstance(choose_progress(Stream(terminal)), PlainProgress)


def test_without_stderr_it_is_silent(monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    assert type(choose_progress()) is Progress


def test_silence_prints_nothing(capfd):
    show(Progress())
    assert capfd.readouterr() == ("", "")


def test_what_a_stream_cannot_encode_is_replaced():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    PlainProgress(stream).message("naïve")
    assert raw.getvalue() == b"na?ve\n"


def test_clock():
    assert [clock(s) for s in (0, 65, 3600, 7384.4)] == ["0:00", "1:05", "1:00:00", "2:03:04"]

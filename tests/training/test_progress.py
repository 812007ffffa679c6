"""What is shown: plain lines without a terminal, a bar with one, nothing on stdout."""

import io
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import DataError
from weft.training import PlainProgress, Progress, RichProgress, choose_progress, train
from weft.training.progress import Several
from weft.training.progress.figures import MOST_POINTS, Figures, Points, clock, harmless
from weft.training.progress.live import LiveScreen
from weft.training.progress.screen import screen

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


def test_a_terminal_gets_a_screen_and_the_sample_above_it(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Stream(terminal=True)
    progress = choose_progress(stream)
    assert isinstance(progress, RichProgress)
    show(progress)
    text = stream.getvalue()
    assert "\x1b[" in text and "hello [bold]there[/bold]" in text
    assert "a sample [x]" in text and "5/10" in text and "val loss 1.5000" in text
    assert text.rstrip().endswith("\x1b[?25h")  # the cursor is shown again


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


def run_of(steps, **more):
    """Figures after `steps` of 1,000 with losses 4, 4 / 2, 4 / 3, ... and an evaluation in 100."""
    figures = Figures()
    figures.facts |= {"run": "runs/book", "model": "llama", "weights": 10_795_776}
    figures.start(0, 1000)
    for step in range(1, steps + 1):
        record = {"step": step, "train_loss": 4 / step, "tokens_per_second": 500.0, "lr": 1e-3}
        record |= {"seconds": 0.1 * step, **more}
        figures.add(record | ({"val_loss": 5 / step} if step % 100 == 0 else {}))
    return figures


@given(
    st.sampled_from([run_of(0), run_of(1), run_of(250)]),
    st.integers(1, 130),
    st.integers(1, 50),
    st.text(max_size=200),
    st.sampled_from(["utf-8", "ascii", "latin-1"]),
)
@settings(max_examples=25, deadline=None)
def test_a_screen_fits_and_has_nothing_but_what_can_be_shown(
    figures, width, height, text, encoding
):
    figures.facts["run"] = text
    figures.say(text, figures.step)
    lines = screen(figures, width, height, encoding)
    assert 1 <= len(lines) <= height
    for line in lines:
        assert line.cell_len <= width
        assert all(c.isprintable() or c in "\u200c\u200d" for c in line.plain)
        line.plain.encode(encoding)


def test_a_screen_has_every_figure():
    figures = run_of(250, peak_fraction=0.412)
    figures.say("once upon\n\na \x1b[2Jtime", 200)
    text = "\n".join(line.plain for line in screen(figures, 80, 20))
    for part in (
        "runs/book  llama  10.8M weights",
        "step 250/1,000  25 %",
        "val 0.0250",
        "best 0.0250 at step 200",
        "500 tokens/s",
        "41 % of peak",
        "lr 0.001",
        "eta 1:15",  # 750 steps of 0.1 s
        "sample at step 200\n  once upon\n  a \N{REPLACEMENT CHARACTER}[2Jtime",
        "┬",
        "●",
    ):
        assert part in text, part


def test_a_low_screen_keeps_the_figures():
    figures = run_of(250)
    figures.say("once", 200)
    low, lower = ([line.plain for line in screen(figures, 80, n)] for n in (9, 3))
    assert any("┬" in line for line in low) and not any("once" in line for line in low)
    assert lower[0].endswith("25 %") and "tokens/s" in lower[1]


def test_what_was_not_measured_is_not_shown():
    text = "\n".join(line.plain for line in screen(Figures(), 80, 20))
    assert not any(word in text for word in ("peak", "eta", "best", "nan", "loss"))


def test_the_best_is_the_lowest_and_a_step_counts_once():
    figures = Figures()
    for step, loss in ((1, 3.0), (2, 1.5), (3, 2.0)):
        record = {**RECORD, "step": step}
        figures.add(record)
        figures.add({**record, "val_loss": loss})
        figures.add({**record, "val_loss": loss})
    assert figures.best == (1.5, 2) and figures.val_loss == 2.0
    assert figures.val_curve.points() == [(1, 3.0), (2, 1.5), (3, 2.0)]
    assert figures.loss.count == 3


def test_by_the_clock_what_is_left_is_the_clocks(monkeypatch):
    monkeypatch.setattr("weft.training.progress.figures.time.monotonic", lambda: 100.0)
    figures = run_of(10)
    figures.by_clock(20, 60)
    assert (figures.seconds(), figures.seconds_left()) == (20, 40)
    assert figures.share_done() == pytest.approx(1 / 3)
    figures.is_running = False
    assert (figures.seconds(), figures.seconds_left()) == (1.0, None)


def test_the_share_of_the_peak_is_of_the_speed():
    figures = run_of(10)
    assert figures.peak_share() is None
    figures.facts["peak_tokens_per_second"] = 2000
    assert figures.peak_share() == 0.25


@pytest.mark.parametrize("bad", [None, True, "3", 10**400, float("nan"), float("inf"), [], {}])
def test_what_is_no_number_is_left_out(bad):
    figures = Figures()
    keys = ("train_loss", "val_loss", "tokens_per_second", "lr", "seconds", "expert_share")
    figures.add({"step": 1, **dict.fromkeys(keys, bad)})
    figures.add({"step": bad})
    assert figures.step == 1 and figures.best is None and figures.loss.count == 0
    assert screen(figures, 80, 24)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=3000))
@settings(max_examples=20, deadline=None)
def test_a_curve_of_any_length_is_bounded_and_keeps_its_mean(values):
    points = Points()
    for x, y in enumerate(values):
        points.add(x, y)
    each = next(2**k for k in range(20) if len(values) // 2**k < MOST_POINTS)
    kept = points.points()
    assert len(kept) == len(values) // each
    for i, (x, y) in enumerate(kept):
        part = range(i * each, (i + 1) * each)
        assert x == pytest.approx(math.fsum(part) / each)
        assert y == pytest.approx(math.fsum(values[j] for j in part) / each, abs=1e-9)


def test_text_is_made_harmless():
    assert harmless("a\tb\r\nc\x1b[2J\x07\u202e\x9b\u00a0é日\u200d") == (
        "a    b\nc\ufffd[2J\ufffd\ufffd\ufffd é日\u200d"
    )


def test_no_display_lets_a_model_move_the_cursor(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    for kind in (PlainProgress, RichProgress):
        stream = Stream(terminal=kind is RichProgress)
        progress = kind(stream)
        progress.message("\x1b]0;title\x07")
        progress.start(0, 10)
        progress.evaluated({**RECORD, "val_loss": 1.0}, "evil \x1b[2J\x1b]0;title\x07\x9b1A")
        progress.finish()
        text = stream.getvalue()
        assert "\x1b[2J" not in text and "]0;title" in text
        assert "\x1b]" not in text and "\x07" not in text and "\x9b" not in text


def test_a_resumed_run_shows_what_was_before(quick, tmp_path):
    quick("run", sample_tokens=0)
    screen = RichProgress(Stream(terminal=True))
    screen.describe({"run": str(tmp_path / "run")})
    screen.start(15, 30)
    screen.finish()
    assert screen.figures.step == 15 and len(screen.figures.train_curve.points()) == 15
    assert len(screen.figures.val_curve.points()) == 3


def test_drawing_takes_its_share_and_no_more(monkeypatch):
    live = LiveScreen(Stream(terminal=True), Figures)
    pauses = []
    monkeypatch.setattr(live, "draw", lambda: 0.05)
    monkeypatch.setattr(
        live._stopped, "wait", lambda pause: pauses.append(pause) or len(pauses) > 2
    )
    live._keep_drawing()
    assert pauses == [0.25, 5.0, 5.0]


def test_no_color_has_no_colours(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Stream(terminal=True)
    show(RichProgress(stream))
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", stream.getvalue())


def test_several_displays_are_told_the_same():
    streams = [Stream(terminal=False), Stream(terminal=False)]
    show(Several(*map(PlainProgress, streams)))
    assert streams[0].getvalue() == streams[1].getvalue() != ""


def test_a_run_that_ends_before_it_begins_leaves_the_terminal_clean(tmp_path):
    """The text is too short for a window: an error after it was tokenized."""
    (tmp_path / "short.txt").write_text("abc" * 20)
    stream = Stream(terminal=True)
    with pytest.raises(DataError):
        train(tmp_path / "short.txt", out=tmp_path / "run", progress=RichProgress(stream))
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h") == 1

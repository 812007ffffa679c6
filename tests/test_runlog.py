"""metrics.jsonl: full precision, a torn last line, cutting at a step, a full disk."""

import errno
import json
import logging
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft import runlog
from weft.errors import MalformedFileError
from weft.runlog import (
    EventLog,
    MetricsLog,
    drop_after,
    drop_samples_after,
    read_events,
    read_metrics,
)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with MetricsLog(path) as log:
        for step in range(1, 6):
            log.append({"step": step, "train_loss": 1 / step})
    return path


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_read_back_to_the_same_bits(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("log") / "metrics.jsonl"
    with MetricsLog(path) as log:
        log.append({"step": 1, "train_loss": value})
    assert read_metrics(path)[0]["train_loss"].hex() == value.hex()


def test_nan_and_infinity_become_null(path):
    with MetricsLog(path) as log:
        log.append({"step": 6, "a": float("nan"), "b": float("inf")})
    assert read_metrics(path)[-1] == {"step": 6, "a": None, "b": None}


def test_lines_are_there_before_the_log_is_closed(tmp_path):
    with MetricsLog(tmp_path / "m.jsonl") as log:
        log.append({"step": 1})
        assert read_metrics(tmp_path / "m.jsonl") == [{"step": 1}]


def test_every_torn_end_reads_as_the_whole_lines_before_it(path):
    data = path.read_bytes()
    whole = [i for i, byte in enumerate(data) if byte == ord("\n")]
    for cut in range(len(data) + 1):
        path.write_bytes(data[:cut])
        assert len(read_metrics(path)) == sum(end < cut for end in whole)


def test_every_torn_end_can_be_cut_and_written_again(path):
    data = path.read_bytes()
    for cut in range(len(data) + 1):
        path.write_bytes(data[:cut])
        drop_after(path, 3)
        kept = [record["step"] for record in read_metrics(path)]
        assert kept == [1, 2, 3][: len(kept)] and path.read_bytes() == data[: path.stat().st_size]
        with MetricsLog(path) as log:
            for step in range(len(kept) + 1, 6):
                log.append({"step": step, "train_loss": 1 / step})
        assert path.read_bytes() == data


def test_drop_after_says_how_many_lines_went(path):
    assert drop_after(path, 5) == 0
    assert drop_after(path, 2) == 3
    assert drop_after(path, 0) == 2
    assert path.read_bytes() == b""
    assert drop_after(path.with_name("none"), 3) == 0


@pytest.mark.parametrize("bad", [b"nonsense", b"[1]", b"{}", b"[" * 100_000, b'{"step": "1"}'])
def test_a_bad_line_in_the_middle_is_named(path, bad):
    lines = path.read_bytes().splitlines()
    lines[2] = bad
    path.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(MalformedFileError, match="line 3 is not a record"):
        read_metrics(path)


class FullDisk:
    """`os` that writes 3 bytes of a line, or none, while `full`."""

    def __init__(self, written):
        self.written, self.full = written, True

    def __getattr__(self, name):
        return getattr(os, name)

    def write(self, file, data):
        if not self.full:
            return os.write(file, data)
        if self.written:
            return os.write(file, data[: self.written])
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("written", [0, 3])
def test_a_full_disk_costs_lines_and_one_warning_only(path, monkeypatch, caplog, written):
    disk = FullDisk(written)
    monkeypatch.setattr(runlog, "os", disk)
    with caplog.at_level(logging.WARNING), MetricsLog(path) as log:
        log.append({"step": 6})
        log.append({"step": 7})
        disk.full = False
        log.append({"step": 8})
    assert [record["step"] for record in read_metrics(path)] == [1, 2, 3, 4, 5, 8]
    assert len(caplog.records) == 1 and "cannot write the log" in caplog.text


def test_one_line_is_one_write(tmp_path, monkeypatch):
    calls = []

    class Counting(FullDisk):
        def write(self, file, data):
            calls.append(bytes(data))
            return os.write(file, data)

    monkeypatch.setattr(runlog, "os", Counting(0))
    with MetricsLog(tmp_path / "m.jsonl") as log:
        log.append({"step": 1, "train_loss": 0.1})
    assert calls == [json.dumps({"step": 1, "train_loss": 0.1}).encode() + b"\n"]


def test_events_come_back_and_later_samples_go(tmp_path):
    path = tmp_path / "events.jsonl"
    assert read_events(path) == []
    with EventLog(path) as log:
        log.write("begin", 0, 0.5, resumed=False)
        for step in (5, 10):
            log.write("sample", step, float(step), text="a\nb")
        log.write("stop", 12, 12.5, signal="SIGINT")
    drop_samples_after(path, 5)
    events = read_events(path)
    assert [(event["kind"], event["step"]) for event in events] == [
        ("begin", 0), ("sample", 5), ("stop", 12),
    ]  # fmt: skip
    assert events[1] == {"kind": "sample", "step": 5, "seconds": 5.0, "text": "a\nb"}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("line", ["{", "[]", '{"step": 1}', '{"kind": 3, "step": 1}'])
def test_a_bad_event_is_named(tmp_path, line):
    path = tmp_path / "events.jsonl"
    path.write_text('{"kind": "begin", "step": 0}\n' + line + "\n")
    with pytest.raises(MalformedFileError, match="line 2"):
        read_events(path)

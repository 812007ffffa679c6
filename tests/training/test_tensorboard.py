"""Events for TensorBoard: what a run wrote is there once, and what fails costs no run."""

import importlib.util
import logging
import struct
import sys

import pytest

from weft.errors import WeftError
from weft.runlog import read_metrics
from weft.training.progress import Several, tensorboard
from weft.training.progress.tensorboard import TensorBoardProgress

needs_tensorboardx = pytest.mark.skipif(
    importlib.util.find_spec("tensorboardX") is None,
    reason="tensorboardX is not installed; pip install 'weft[tensorboard]'",
)


@pytest.fixture
def every_step(monkeypatch):
    monkeypatch.setattr(tensorboard, "APART", 0.0)


def events(folder):
    """All events of a folder, in the order in which TensorBoard reads them."""
    from tensorboardX.proto.event_pb2 import Event

    for path in sorted(folder.glob("events.out.tfevents.*")):
        data, at = path.read_bytes(), 0
        while at < len(data):  # a record: length, its checksum, the event, its checksum
            (length,) = struct.unpack_from("<Q", data, at)
            yield Event.FromString(data[at + 12 : at + 12 + length])
            at += 12 + length + 4


def shown(folder):
    """{tag: [(step, value)]} as TensorBoard shows it: a start forgets what was after its step."""
    from tensorboardX.proto.event_pb2 import SessionLog

    tags = {}
    for event in events(folder):
        if event.session_log.status == SessionLog.START:
            for tag, points in tags.items():
                tags[tag] = [point for point in points if point[0] < event.step]
        for value in event.summary.value:
            is_text = value.metadata.plugin_data.plugin_name == "text"
            found = value.tensor.string_val[0].decode() if is_text else value.simple_value
            tags.setdefault(value.tag.removesuffix("/text_summary"), []).append((event.step, found))
    return tags


@needs_tensorboardx
def test_figures_and_samples_are_there(quick, tmp_path, every_step):
    quick("run", progress=TensorBoardProgress(), sample_tokens=12)
    log = read_metrics(tmp_path / "run" / "metrics.jsonl")
    tags = shown(tmp_path / "run" / "tensorboard")
    for key, tag in (*tensorboard.TAGS.items(), ("val_loss", "loss/validation")):
        expected = [(line["step"], line[key]) for line in log if key in line]
        assert [step for step, _ in tags[tag]] == [step for step, _ in expected]
        values = [value for _, value in expected]
        assert [value for _, value in tags[tag]] == pytest.approx(values, rel=2**-23)  # float32
    assert [step for step, _ in tags["sample"]] == [5, 10, 15, 20]
    assert all(text.startswith("    ") for _, text in tags["sample"])


@needs_tensorboardx
def test_a_resumed_run_has_each_step_once(quick, tmp_path, every_step, crash):
    error, crash_after = crash
    with pytest.raises(error):
        quick("run", progress=Several(TensorBoardProgress(), crash_after(13)))
    quick("run", resume=True, progress=TensorBoardProgress())
    tags = shown(tmp_path / "run" / "tensorboard")
    assert [step for step, _ in tags["loss/train"]] == list(range(1, 21))
    assert [step for step, _ in tags["loss/validation"]] == [5, 10, 15, 20]
    log = read_metrics(tmp_path / "run" / "metrics.jsonl")
    losses = [line["train_loss"] for line in log]
    assert [value for _, value in tags["loss/train"]] == pytest.approx(losses, rel=2**-23)


@needs_tensorboardx
def test_what_cannot_be_written_costs_no_run(quick, tmp_path, caplog):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "tensorboard").write_text("a file, not a folder")
    with caplog.at_level(logging.WARNING, "weft"):
        result = quick("run", progress=TensorBoardProgress())
    assert result.steps == 20
    assert [r.message for r in caplog.records if "no more events for TensorBoard" in r.message]
    assert len(caplog.records) == 1


def test_a_missing_package_is_said_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(WeftError, match=r'; pip install "weft\[tensorboard\]"$'):
        TensorBoardProgress()

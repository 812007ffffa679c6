"""The record of a run: whole where the folder is, empty where it is not, an error where it lies."""

import json
import os

import pytest
from folders import line, lines, write_run

from weft.errors import ConfigError, MalformedFileError
from weft.reports import read_run


def test_everything_that_a_run_writes(tmp_path):
    events = [
        {"kind": "begin", "step": 0, "seconds": 0.0, "weft": "0.1.0"},
        {"kind": "sample", "step": 20, "seconds": 2.0, "text": "once"},
        {"kind": "sample", "step": 40, "seconds": 4.0, "text": "upon"},
        {"kind": "end", "step": 60, "seconds": 6.0, "result": {"steps": 60}},
    ]
    run = write_run(tmp_path / "run", lines(), events, plan={"minutes": 1})
    (run / "checkpoints" / "step-00000060").mkdir(parents=True)
    record = read_run(run)
    assert (record.version, record.train["steps"], record.model["n_embd"]) == ("0.1.0", 60, 32)
    assert record.metrics == lines() and record.logged == 60
    assert [each["step"] for each in record.evaluations] == [20, 40, 60]
    assert record.best == record.metrics[59]
    assert record.events == events and record.result == {"steps": 60}
    assert [event["text"] for event in record.of_kind("sample")] == ["once", "upon"]
    assert record.last("sample")["step"] == 40 and record.last("stop") == {}
    assert record.plan == {"minutes": 1} and record.checkpoints == [60]
    assert record.family == "gpt"


def test_a_folder_with_nothing_but_a_configuration(tmp_path):
    record = read_run(write_run(tmp_path / "run"))
    assert record.metrics == record.means == record.events == record.checkpoints == []
    assert record.plan is None and record.result is None and record.best is None


def test_what_is_no_run(tmp_path):
    with pytest.raises(ConfigError, match=r"^no such run folder; .*; give a folder"):
        read_run(tmp_path / "nothing")
    with pytest.raises(ConfigError, match=rf"^no run; {tmp_path}; give a folder"):
        read_run(tmp_path)
    with pytest.raises(ConfigError, match="not TOML"):
        read_run(write_run(tmp_path / "run", config="[train\n"))
    with pytest.raises(MalformedFileError, match=r"\[model\] is no table"):
        read_run(write_run(tmp_path / "run", config="model = 3\n"))


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("metrics.jsonl", "{}\n", "line 1 has no step"),
        ("metrics.jsonl", '{"step": 1}\n{"step": -1}\n', "line 2 has no step"),
        ("metrics.jsonl", '{"step": true}\n', "line 1 has no step"),
        ("metrics.jsonl", '{"step": 1}\nstep 2\n', "line 2 is not valid JSON"),
        ("metrics.jsonl", "\n", "line 1 is not valid JSON"),
        ("metrics.jsonl", "[1]\n", "line 1 is not a JSON object"),
        ("metrics.jsonl", "[" * 100_000 + "\n", "line 1 is not valid JSON"),
        ("metrics.jsonl", '{"step": ' + "9" * 5000 + "}\n", "line 1 is not valid JSON"),
        ("metrics.jsonl", " " * (1 << 20) + "\n", "line 1 is longer than 1,048,576 bytes"),
        ("metrics.jsonl", "\xff\n", "line 1 is not valid JSON"),
        ("events.jsonl", '{"kind": 3}\n', "line 1 is no event"),
        ("events.jsonl", "null\n", "line 1 is not a JSON object"),
        ("plan.json", "[]", "the file is not a JSON object"),
        ("plan.json", "", "the file is not valid JSON"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, text, error):
    run = write_run(tmp_path / "run")
    (run / name).write_text(text, encoding="latin-1")
    with pytest.raises(MalformedFileError) as caught:
        read_run(run)
    assert str(caught.value) == f"{error}; {run / name}; restore it from a copy, or remove it"


@pytest.mark.parametrize("name", ["metrics.jsonl", "events.jsonl", "plan.json"])
def test_what_is_no_plain_file_or_far_too_large(tmp_path, name):
    path = write_run(tmp_path / "run") / name
    os.mkfifo(path)
    with pytest.raises(MalformedFileError, match="not a plain file"):
        read_run(path.parent)
    path.unlink()
    path.symlink_to("/etc/hostname")
    with pytest.raises(MalformedFileError, match="cannot read"):
        read_run(path.parent)
    path.unlink()
    with path.open("wb") as file:
        file.truncate(1 << 31)  # takes no space
    with pytest.raises(MalformedFileError, match="more than"):
        read_run(path.parent)


def test_a_torn_last_line_is_left_out(tmp_path):
    run = write_run(tmp_path / "run", lines(3))
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "tr')
    assert [each["step"] for each in read_run(run).metrics] == [1, 2, 3]


def test_numbers_are_finite_or_none(tmp_path):
    run = write_run(tmp_path / "run", [line(1)])
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "train_loss": NaN, "grad_norm": 1e999, "lr": "x", "seconds": {}}\n')
        file.write(
            '{"step": 3, "train_loss": null, "grad_norm": -Infinity, "tokens": 1%s}\n' % ("0" * 400)
        )
    second, third = read_run(run).metrics[1:]
    assert second == {"step": 2, "train_loss": None, "grad_norm": None}
    assert third == {"step": 3, "train_loss": None, "grad_norm": None, "tokens": None}


def test_long_samples_are_cut_and_many_events_thinned(tmp_path):
    events = [{"kind": "sample", "step": n, "text": "x" * 30_000} for n in (1, 2)]
    events += [{"kind": "note", "step": n, "seconds": n / 10} for n in range(5_001)]
    record = read_run(write_run(tmp_path / "run", events=events))
    assert {len(event["text"]) for event in record.of_kind("sample")} == {20_001}
    notes = [event["step"] for event in record.of_kind("note")]
    assert len(notes) <= 2_000 and notes == sorted(notes) and (notes[0], notes[-1]) == (0, 5_000)
    assert record.events[0]["seconds"] == 0  # not given


def test_a_long_log_is_read_into_little(tmp_path):
    run = tmp_path / "run"
    write_run(run)
    with (run / "metrics.jsonl").open("w") as file:
        for step in range(1, 12_501):
            spike = {"train_loss": 99.0} if step == 9_345 else {}
            evaluated = {"val_loss": 3.0, "expert_share": [[0.5, 0.5]]} if step % 1000 == 0 else {}
            file.write(json.dumps(line(step, **spike, **evaluated)) + "\n")
    record = read_run(run)
    assert record.logged == 12_500 and len(record.metrics) <= 10_020
    assert max(each["train_loss"] for each in record.metrics) == 99.0
    assert len(record.evaluations) == 12
    assert record.evaluations[0]["expert_share"] == [[0.5, 0.5]]
    assert 512 <= len(record.means) <= 1024

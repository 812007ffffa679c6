"""Findings on how a run went: its end, its speed, where its time went."""

import numpy as np
import pytest
from made_runs import ENDED, decay, found, kinds, noisy, record

from weft.checkpoint import RunFolder
from weft.reports import diagnose, verdict

BEGIN = {"kind": "begin", "step": 0, "seconds": 0.0}


def ended(**more):
    return [BEGIN, {"kind": "end", "step": 200, "seconds": 60.0, **more}]


def failed(**more):
    return [BEGIN, {"kind": "failure", "step": 120, "seconds": 3.0, "message": "m", **more}]


def test_nan_is_said_with_its_place():
    events = failed(where="blocks.3.feed_forward", what="the loss is nan", at=121)
    run = record(decay(119), events=events, train_options={"precision": "bfloat16"})
    finding = found(run, "not-finite")
    assert finding.message == "the loss became NaN at step 121, first in blocks.3.feed_forward"
    assert finding.severity == "error" and finding.step == 121
    assert "--learning-rate 0.001 (is 0.003)" in finding.advice
    assert "--precision float32 (is bfloat16)" in finding.advice and "--resume" in finding.advice
    assert kinds(run)[0] == "not-finite" and "interrupted" not in kinds(run)


def test_nan_in_an_old_log_has_a_step_and_no_place():
    train = decay(100)
    train[60:] = np.nan
    finding = found(record(train, events=[]), "not-finite")
    assert finding.message == "the loss became NaN or infinite at step 61"


def test_a_failure_that_was_resumed_is_a_note():
    events = [*failed(where="norm", what="the gradient's norm is inf"), BEGIN, ended()[1]]
    finding = found(record(decay(200), events=events), "not-finite")
    assert finding.severity == "note"
    assert finding.message.startswith("the gradient became infinite at step 120, first in norm")


def test_any_other_failure_is_said_in_its_words():
    run = record(decay(120), events=failed(message="no space left; x\x1b[2J" + "y" * 1000))
    (finding,) = [f for f in diagnose(run) if f.step == 120]
    assert finding.kind == "failed" and "no space left" in finding.message
    assert len(finding.message) < 500


@pytest.mark.parametrize(
    ("events", "how"),
    [
        ([BEGIN, {"kind": "stop", "step": 90, "seconds": 1.0, "signal": "SIGINT"}], "(by SIGINT)"),
        ([BEGIN], "(without a word)"),
        ([], "(without a word)"),
        ([*failed(), BEGIN], "(without a word)"),
    ],
)
def test_a_run_that_was_not_finished(events, how):
    run = record(decay(90), events=events, train_options={"steps": 200}, checkpoints=[80])
    finding = found(run, "interrupted")
    assert finding.message == f"interrupted at step 90 of 200 {how} and never finished"
    assert finding.advice.endswith("goes on from step 80")


def test_a_run_that_is_being_trained_is_not_interrupted(tmp_path):
    folder = RunFolder(tmp_path)
    folder.create()
    assert not folder.is_held()
    run = record(decay(90), events=[BEGIN], train_options={"steps": 200}, path=tmp_path)
    empty = record([], events=[BEGIN], path=tmp_path)
    with folder.lock():
        assert folder.is_held() and verdict(run, []).endswith("; it is being trained now")
        assert not {"interrupted", "nothing-logged"} & {*kinds(run), *kinds(empty)}
    assert not folder.is_held()
    assert "interrupted" in kinds(run) and kinds(empty) == ["nothing-logged"]


def test_an_old_run_without_events_has_ended_with_its_last_step():
    assert "interrupted" not in kinds(record(decay(90), events=[]))


@pytest.mark.parametrize("factor", [1.6, 2.0, 10.0])
def test_a_machine_that_became_slower(factor):
    draw = np.random.default_rng(0)
    speeds = noisy(np.full(400, 9000.0), 0.2, draw)
    speeds[250:] /= factor
    finding = found(record(decay(400), lines={"tokens_per_second": speeds}), "slower")
    assert abs(finding.step - 250) <= 8 and finding.severity == "note"
    stated = float(finding.message.split("became ")[1].split("x")[0])
    assert stated == pytest.approx(factor, rel=0.15) and "to the end" in finding.message


def test_a_slow_part_has_its_end_and_luck_is_no_slowness():
    draw = np.random.default_rng(0)
    speeds = noisy(np.full(400, 9000.0), 0.2, draw)
    assert "slower" not in kinds(record(decay(400), lines={"tokens_per_second": speeds}))
    speeds[100:200] /= 2
    run = record(decay(400), lines={"tokens_per_second": speeds})
    assert "until step 20" in found(run, "slower").message
    change = {"step": 100, "option": "batch_size", "old": 12, "new": 6}
    changed = record(decay(400), lines={"tokens_per_second": speeds}, changes=[change])
    assert "slower" not in kinds(changed)


def test_where_the_time_went():
    times = {"prepare": 1.0, "train": 60.0, "evaluate": 30.0, "sample": 6.0, "save": 4.0}
    finding = found(record(decay(200), events=ended(times=times)), "overhead")
    assert finding.message == (
        "evaluating, sampling and saving took 40 % of the time (evaluate 30 s, sample 6 s, "
        "save 4 s of 101 s)"
    )
    assert "--eval-interval (is 20), or fewer --eval-batches (is 40)" in finding.advice
    short = {name: value / 20 for name, value in times.items()}
    for other in ({**times, "train": 900.0}, short, {}, {"train": "x"}, 7):
        assert "overhead" not in kinds(record(decay(200), events=ended(times=other)))


def test_saves_that_failed():
    warning = {"kind": "warning", "about": "save", "step": 60, "seconds": 1.0, "message": "full"}
    finding = found(record(decay(200), events=[BEGIN, warning, warning, ENDED[1]]), "saves-failed")
    assert finding.message == "2 checkpoints could not be saved: full" and finding.step == 60


def test_what_was_forgotten():
    result = {"old_val_loss_before": 1.5, "old_val_loss_after": 1.9}
    assert "from 1.5 to 1.9" in found(record(decay(200), result=result), "forgotten").message
    little = {**result, "old_val_loss_after": 1.6}
    assert "forgotten" not in kinds(record(decay(200), result=little))

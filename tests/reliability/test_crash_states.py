"""Every state in which a crash can leave the disk recovers to the old or the new checkpoint."""

import logging

import pytest
from disk import Recorder, crash_states, read_tree, write_tree
from saved import assert_is, save

from weft.checkpoint import RunFolder, durable, latest_checkpoint
from weft.errors import CheckpointError

STEPS = [(10, 2.0), (20, 3.0), (30, 2.5)]  # 10 is the best; saving 40 prunes 20


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """Record one save into a folder that holds `STEPS`."""

    def record(step=40, loss=2.2, before=None):
        run = RunFolder(tmp_path / "recorded")
        run.create()
        for old, old_loss in STEPS:
            save(run, old, old_loss)
        start = read_tree(run.checkpoints_path)
        recorder = Recorder()
        with monkeypatch.context() as patch:
            patch.setattr(durable, "os", recorder)
            if before:
                before(patch)
            save(run, step, loss)
        return run, start, recorder.operations

    return record


def recover(tree, source, folder):
    """The checkpoint that a new process takes in that state."""
    run = RunFolder(folder)
    run.create()
    moved = {run.checkpoints_path / p.relative_to(source): data for p, data in tree.items()}
    write_tree(moved)
    with run.lock():
        return latest_checkpoint(run)


def steps_after_crashes(recorded, tmp_path, **how):
    run, start, operations = recorded(**how)
    steps, count = [], 0
    for count, (label, tree) in enumerate(crash_states(start, operations), 1):
        found = recover(tree, run.checkpoints_path, tmp_path / f"state-{count}")
        assert found is not None, label
        assert_is(found, found.step, dict([*STEPS, (40, 2.2)])[found.step])
        steps.append(found.step)
    return steps, count, operations


def test_a_crash_at_any_instant_leaves_the_old_or_the_new_checkpoint(recorded, tmp_path, caplog):
    with caplog.at_level(logging.CRITICAL):
        steps, count, operations = steps_after_crashes(recorded, tmp_path)
    assert set(steps) == {30, 40}
    assert count > 300
    assert [o[0] for o in operations].count("fsync") == 8  # six files, their folder, its parent


def test_once_saved_the_new_checkpoint_is_the_only_answer(recorded, tmp_path, caplog):
    with caplog.at_level(logging.CRITICAL):
        run, start, operations = recorded()
        last_sync = max(i for i, o in enumerate(operations) if o[0] == "fsync")
        after = list(crash_states(start, operations))
        after = [(label, tree) for label, tree in after if int(label.split()[1][:-1]) > last_sync]
        assert len(after) > 20
        for number, (label, tree) in enumerate(after):
            found = recover(tree, run.checkpoints_path, tmp_path / f"state-{number}")
            assert found.step == 40, label


def is_lost(tree, source, folder, returned):
    """Neither checkpoint is there, or the new one is not although it has its name or was saved."""
    try:
        found = recover(tree, source, folder)
    except CheckpointError:
        return True
    promised = returned or any(path.name == "step-00000040" for path in tree)
    return found is None or found.step < 30 or (promised and found.step != 40)


@pytest.mark.parametrize("forgotten", ["file", "folder", "parent"])
def test_a_writer_that_forgets_an_fsync_is_caught(recorded, tmp_path, caplog, forgotten):
    """The enumeration can fail: each fsync of the protocol is needed in some state."""
    write_file, sync_folder = durable.write_file, durable.sync_folder

    def before(patch):
        if forgotten == "file":

            def unsynced(path, chunks):
                recorder = durable.os
                recorder.fsync = lambda file: None
                try:
                    return write_file(path, chunks)
                finally:
                    del recorder.fsync

            patch.setattr(durable, "write_file", unsynced)
        else:
            name = "step-" if forgotten == "folder" else "checkpoints"
            patch.setattr(
                durable,
                "sync_folder",
                lambda path: None if path.name.startswith(name) else sync_folder(path),
            )

    with caplog.at_level(logging.CRITICAL):
        run, start, operations = recorded(before=before)
        states, last = crash_states(start, operations), len(operations)
        assert any(
            is_lost(tree, run.checkpoints_path, tmp_path / f"state-{number}", instant == last)
            for number, (instant, tree) in enumerate(
                (int(label.split()[1][:-1]), tree) for label, tree in states
            )
        )

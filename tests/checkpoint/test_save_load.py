"""Checkpoints come back bit for bit; damaged ones are refused or skipped; pruning keeps two."""

import json
import logging
import os
import shutil
import stat

import pytest
from saved import assert_is, save

from weft.checkpoint import RunFolder, best_checkpoint, latest_checkpoint, load_checkpoint, prune
from weft.checkpoint.load import FILES, MANIFEST
from weft.errors import CheckpointError


@pytest.fixture
def run(tmp_path):
    run = RunFolder(tmp_path / "a run")
    run.create()
    return run


def test_a_checkpoint_comes_back(run):
    folder = save(run, 7, val_loss=2.5)
    assert folder == run.path / "checkpoints" / "step-00000007"
    assert_is(load_checkpoint(folder), 7, 2.5)
    assert sorted(os.listdir(folder)) == sorted([*FILES, MANIFEST])
    assert os.listdir(run.checkpoints_path) == ["step-00000007"]


def test_no_checkpoint_yet(run):
    assert latest_checkpoint(run) is None and best_checkpoint(run) is None
    assert latest_checkpoint(RunFolder(run.path / "nothing")) is None
    assert not run.is_used()


def test_the_latest_two_and_the_best_are_kept(run):
    for step, loss in [(1, 3.0), (2, 2.0), (3, 2.5), (4, 2.0), (5, 2.2)]:
        save(run, step, loss)
    assert run.checkpoints() == [2, 4, 5]  # of equals, the earlier is the best
    assert latest_checkpoint(run).step == 5 and best_checkpoint(run).step == 2


def test_without_losses_the_latest_two_are_kept(run):
    for step in (1, 2, 3):
        save(run, step)
    assert run.checkpoints() == [2, 3] and best_checkpoint(run).step == 3


def test_permissions_are_what_umask_leaves(run):
    old = os.umask(0o027)
    try:
        folder = save(run, 1)
    finally:
        os.umask(old)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()} == {0o640}


def test_the_same_step_twice_with_the_same_contents_is_one(run):
    save(run, 1)
    save(run, 1)
    assert run.checkpoints() == [1] and len(os.listdir(run.checkpoints_path)) == 1


def test_the_same_step_with_other_contents_is_refused_and_kept(run):
    save(run, 1, size=3)
    with pytest.raises(CheckpointError, match="saved already with other contents"):
        save(run, 1, size=4)
    assert_is(latest_checkpoint(run), 1, size=3)
    assert os.listdir(run.checkpoints_path) == ["step-00000001"]


def test_a_damaged_checkpoint_of_the_step_is_replaced(run):
    folder = save(run, 1)
    (folder / "model.safetensors").write_bytes(b"damaged")
    save(run, 1)
    assert_is(latest_checkpoint(run), 1)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def extend(path):
    path.write_bytes(path.read_bytes() + b"x")


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def link(path):
    path.rename(path.with_suffix(".real"))
    path.symlink_to(path.with_suffix(".real").name)


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
@pytest.mark.parametrize("damage", [truncate, extend, flip, link, os.unlink])
def test_any_damage_is_found_and_the_older_checkpoint_taken(run, caplog, name, damage):
    save(run, 1, val_loss=1.0)
    path = save(run, 2, val_loss=2.0) / name
    if name == MANIFEST and damage in (truncate, extend):
        path.write_bytes(path.read_bytes()[:-2] if damage is truncate else b"[]")
    elif name == MANIFEST and damage is flip:
        path.write_bytes(path.read_bytes().replace(b'"sha256": "', b'"sha256": "0', 1))
    else:
        damage(path)
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(path.parent)
    assert "\n" not in str(error.value) and "step-00000002" in str(error.value)
    with caplog.at_level(logging.WARNING):
        assert_is(latest_checkpoint(run), 1, 1.0)
    assert len(caplog.records) == 1 and "checkpoint skipped" in caplog.text


def test_when_all_are_damaged_it_says_so(run, caplog):
    for step in (1, 2):
        truncate(save(run, step, val_loss=step) / "state.json")
    with pytest.raises(CheckpointError, match="none of 2 checkpoints"):
        latest_checkpoint(run)


def test_prune_removes_nothing_while_the_latest_is_damaged(run, caplog):
    for step, loss in [(1, 1.0), (2, 2.0)]:
        save(run, step, loss)
    shutil.copytree(run.checkpoint_path(2), run.checkpoint_path(3))  # of another step: damaged
    prune(run)
    assert run.checkpoints() == [1, 2, 3] and "old checkpoints stay" in caplog.text


def test_inference_needs_no_optimizer_file(run):
    folder = save(run, 1)
    (folder / "optimizer.safetensors").unlink()
    assert load_checkpoint(folder, optimizer=False).optimizer == {}
    with pytest.raises(CheckpointError, match=r"optimizer\.safetensors"):
        load_checkpoint(folder)


def test_a_newer_format_is_refused_with_what_to_do(run):
    folder = save(run, 1)
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "format": 2}))
    with pytest.raises(CheckpointError, match=r"format 2 is newer than 1.*use a newer weft"):
        load_checkpoint(folder)


@pytest.mark.parametrize("name", ["../../outside", "/etc/hostname", "a\nb"])
def test_names_in_a_manifest_are_never_paths(run, name):
    folder = save(run, 1)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][name] = {"size": 1, "sha256": "0"}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    assert_is(load_checkpoint(folder), 1)  # never looked at


def test_leftovers_of_the_dead_go_when_the_lock_is_taken(run):
    save(run, 1)
    leftover = run.checkpoints_path / "step-00000002.tmp-999999"
    leftover.mkdir()
    (leftover / "model.safetensors").write_bytes(b"half")
    kept = [run.checkpoints_path / "notes", run.checkpoints_path / "step-00000003.tmp-1x"]
    for folder in kept:
        folder.mkdir()
    with run.lock():
        assert not leftover.exists()
    assert all(folder.exists() for folder in kept) and run.checkpoints() == [1]


def test_a_link_is_neither_a_checkpoint_nor_a_leftover(run, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_bytes(b"1")
    (run.checkpoints_path / "step-00000009").symlink_to(outside)
    (run.checkpoints_path / "step-00000009.tmp-1").symlink_to(outside)
    with run.lock():
        assert run.checkpoints() == []
    assert (outside / "precious").exists()

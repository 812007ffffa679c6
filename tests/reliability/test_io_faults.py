"""The k-th operation on the disk fails, for every k: a clear error, the old checkpoint intact.

The loop ends by itself, at the first k that a save does not reach.
"""

import errno
import logging
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from saved import assert_is, contents, save

from weft.checkpoint import RunFolder, durable, latest_checkpoint
from weft.errors import WeftError

OPERATIONS = ("open", "write", "fsync", "mkdir", "rename", "unlink", "rmdir", "listdir", "statvfs")


class Faulty:
    """`os` whose k-th call of `name` fails, once or from then on; with 0 it counts."""

    def __init__(self, name, k, number, forever=False, torn=False):
        self.name, self.k, self.number = name, k, number
        self.forever, self.torn, self.calls = forever, torn, 0

    def __getattr__(self, name):
        return self._call if name == self.name else getattr(os, name)

    def _call(self, *arguments):
        self.calls += 1
        if self.calls == self.k or (self.forever and self.calls > self.k):
            if self.torn:
                os.write(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
            raise OSError(self.number, os.strerror(self.number))
        return getattr(os, self.name)(*arguments)

    @property
    def reached(self):
        return self.calls >= self.k


@pytest.mark.parametrize("forever", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize(
    ("name", "number"),
    [(name, errno.EIO) for name in OPERATIONS]
    + [("write", errno.ENOSPC), ("mkdir", errno.ENOSPC), ("rename", errno.ENOSPC)],
)
def test_every_fault_is_survived(tmp_path, monkeypatch, caplog, name, number, forever):
    k, reached = 0, True
    while reached:
        k += 1
        run = RunFolder(tmp_path / f"{k}")
        run.create()
        for step, loss in [(10, 2.0), (15, 4.0), (20, 3.0)]:  # saving 30 prunes 15
            save(run, step, loss)
        fault = Faulty(name, k, number, forever, torn=name == "write")
        with monkeypatch.context() as patch, caplog.at_level(logging.CRITICAL):
            patch.setattr(durable, "os", fault)
            try:
                save(run, 30, 2.5)
                failed = False
            except WeftError as error:
                failed = True
                assert error.exit_code == 1 and os.strerror(number) in str(error)
                assert "\n" not in str(error) and "step-00000030" in str(error)
        reached = fault.reached
        found = latest_checkpoint(run)
        assert_is(found, found.step, {20: 3.0, 30: 2.5}[found.step])
        assert failed or found.step == 30
        assert 10 in run.checkpoints()  # the best
        if failed and not (forever and name in ("unlink", "rmdir", "listdir")):
            assert not list(run.checkpoints_path.glob("*.tmp-*"))
        with run.lock():
            assert not list(run.checkpoints_path.glob("*.tmp-*"))
        save(run, 30, 2.5)  # and when the disk is well again
        assert_is(latest_checkpoint(run), 30, 2.5)
    assert not failed and k > 1


def test_no_room_is_found_before_anything_is_written(tmp_path, monkeypatch):
    run = RunFolder(tmp_path)
    run.create()
    save(run, 10)

    class Small(Faulty):
        def _call(self, path):
            real = os.statvfs(path)
            return os.statvfs_result([*real[:4], 3, *real[5:]])

    class NoWriting(Small):
        def mkdir(self, path):
            raise AssertionError("it began to write")

    monkeypatch.setattr(durable, "os", NoWriting("statvfs", 0, 0))
    with pytest.raises(WeftError, match=r"bytes needed.*free some space"):
        save(run, 20)
    assert run.checkpoints() == [10]


LIMITED = """
import resource, sys
sys.path.insert(0, sys.argv[2])
from saved import save
from weft.checkpoint import RunFolder
from weft.errors import WeftError
run = RunFolder(sys.argv[1])
run.create()
save(run, 10)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
try:
    save(run, 20, size=10_000)
except WeftError as error:
    sys.exit(str(error))
"""


def test_a_file_size_limit_is_one_line(tmp_path):
    helper = str(Path(__file__).parent.parent / "checkpoint")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), helper], capture_output=True, text=True
    )
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "File too large" in done.stderr and "ulimit -f" in done.stderr
    run = RunFolder(tmp_path)
    assert_is(latest_checkpoint(run), 10)
    assert os.listdir(run.checkpoints_path) == ["step-00000010"]


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 3 MB; needs root."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("cannot mount a small file system (not root)")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_really_fills_up(tiny_disk, monkeypatch):
    run = RunFolder(tiny_disk)
    run.create()
    save(run, 10, size=20_000)
    monkeypatch.setattr(durable, "check_space", lambda folder, size: None)
    with pytest.raises(WeftError, match="No space left on device"):
        save(run, 20, size=200_000)
    assert_is(latest_checkpoint(run), 10, size=20_000)
    assert os.listdir(run.checkpoints_path) == ["step-00000010"]


def test_a_read_only_folder_is_one_line(tmp_path):
    run = RunFolder(tmp_path / "file" / "run")
    (tmp_path / "file").write_text("a file where a folder should be")
    with pytest.raises(WeftError, match="cannot make the run folder: Not a directory"):
        run.create()


def test_the_helper_writes_what_it_says():
    """`contents` differs between steps: a test that mixes two up would fail."""
    first, second = contents(1)["model"], contents(2)["model"]
    assert any(first[name].tobytes() != second[name].tobytes() for name in first)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY

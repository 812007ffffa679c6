"""One run in a folder: the second is refused and told who; a dead holder's lock is taken over."""

import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from weft.checkpoint import RunFolder
from weft.errors import RunLockedError

HOLDER = """
import sys, time
from weft.checkpoint import RunFolder
from weft.errors import RunLockedError
run = RunFolder(sys.argv[1])
sys.stdin.readline()
try:
    with run.lock():
        print("won", flush=True)
        sys.stdin.readline()
except RunLockedError as error:
    print(error, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def run(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.create()
    return run


@pytest.fixture
def holders(run):
    started = []

    def start(count):
        for _ in range(count):
            started.append(
                subprocess.Popen(
                    [sys.executable, "-c", HOLDER, str(run.path)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
        return started

    yield start
    for process in started:
        process.kill()
        process.communicate()


def go(process):
    process.stdin.write("\n")
    process.stdin.flush()


def test_the_second_run_is_told_who_holds_the_folder(run, holders):
    (holder,) = holders(1)
    go(holder)
    assert holder.stdout.readline() == "won\n"
    begin = time.monotonic()
    with pytest.raises(RunLockedError) as error, run.lock():
        pass
    assert time.monotonic() - begin < 1
    assert f"pid {holder.pid} on {socket.gethostname()} since 20" in str(error.value)
    assert str(run.path) in str(error.value) and "\n" not in str(error.value)


def test_a_killed_holders_lock_is_taken_over(run, holders):
    (holder,) = holders(1)
    go(holder)
    holder.stdout.readline()
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert str(holder.pid) in run.lock_path.read_text()  # its name is still there
    with run.lock():
        assert str(os.getpid()) in run.lock_path.read_text()
    with run.lock():  # and again, after it was let go
        pass


def test_of_twenty_processes_exactly_one_wins(run, holders):
    processes = holders(20)
    for process in processes:
        go(process)
    answers = [process.stdout.readline() for process in processes]
    winners = [i for i, answer in enumerate(answers) if answer == "won\n"]
    assert len(winners) == 1
    named = {int(re.search(r"pid (\d+)", a)[1]) for a in answers if a != "won\n"}
    assert named == {processes[winners[0]].pid}


def test_an_error_inside_is_not_taken_for_a_locking_error(run):
    with pytest.raises(FileNotFoundError), run.lock():
        raise FileNotFoundError("mine")
    with run.lock():
        pass


def test_who_looks_at_the_lock_is_told_its_holder_and_takes_nothing(run, holders):
    assert run.holder() is None
    (holder,) = holders(1)
    go(holder)
    assert holder.stdout.readline() == "won\n"
    assert f"pid {holder.pid} on {socket.gethostname()} since 20" in run.holder()
    before = run.lock_path.read_bytes()
    holder.kill()
    holder.wait()
    assert run.holder() is None and run.lock_path.read_bytes() == before
    with run.lock():
        assert f"pid {os.getpid()}" in run.holder()
    assert run.holder() is None


def test_a_run_waits_out_who_only_looks(run, monkeypatch):
    run.lock_path.write_text("{}")
    looker = os.open(run.lock_path, os.O_RDONLY)
    fcntl.flock(looker, fcntl.LOCK_SH)
    monkeypatch.setattr("weft.checkpoint.lock.time.sleep", lambda seconds: os.close(looker))
    with run.lock():
        assert f"pid {os.getpid()}" in run.holder()

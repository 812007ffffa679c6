"""SIGINT and SIGTERM: the step is finished and saved, the exit code tells, resuming is exact."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from weft.checkpoint import RunFolder, latest_checkpoint
from weft.training.signals import StopRequest

SMALL_RUN = Path(__file__).parent / "small_run.py"
sys.path.insert(0, str(SMALL_RUN.parent))


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    words = ["the", "cat", "dog", "bird", "sat", "ran", "flew", "over", "mat", "hill", "and"]
    path.write_text(" ".join(random.Random(0).choices(words, k=1500)))
    return path


@pytest.fixture
def start(tmp_path, text):
    """Start a slow run, and wait until it has done a number of steps."""
    started = []

    def start(name, steps):
        process = subprocess.Popen(
            [sys.executable, str(SMALL_RUN), str(tmp_path / name), str(text)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        while process.stdout.readline().strip() != str(steps):
            assert process.poll() is None
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)]
)
def test_a_signal_saves_at_the_step_and_resuming_is_exact(start, tmp_path, text, number, code):
    from small_run import bits, small_run

    process = start("cut", 7)
    process.send_signal(number)
    begin = time.monotonic()
    process.communicate()
    assert time.monotonic() - begin < 10
    # Python turns the KeyboardInterrupt of SIGINT into death by SIGINT; the command exits with 130.
    assert process.returncode == code
    checkpoint = latest_checkpoint(RunFolder(tmp_path / "cut"))
    assert checkpoint.step in (7, 8, 9)
    small_run(tmp_path / "cut", text)
    small_run(tmp_path / "whole", text)
    assert bits(tmp_path / "cut") == bits(tmp_path / "whole")


def test_a_second_signal_exits_at_once():
    code = (
        "import os, signal, time\n"
        "from weft.training.signals import StopRequest\n"
        "with StopRequest() as stop:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print(stop.received.name, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(30)\n"
    )
    begin = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert time.monotonic() - begin < 25
    assert done.stdout == "SIGINT\n" and done.returncode == 143


def test_handlers_come_back():
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    with StopRequest() as stop:
        assert signal.getsignal(signal.SIGINT) not in before
        stop.check()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.received == signal.SIGTERM
        with pytest.raises(SystemExit) as error:
            stop.check()
        assert error.value.code == 143
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_second_run_is_refused_while_the_first_trains(start, tmp_path, text):
    from small_run import small_run

    from weft.errors import RunLockedError

    process = start("run", 2)
    with pytest.raises(RunLockedError, match=f"pid {process.pid} on "):
        small_run(tmp_path / "run", text)
    assert process.poll() is None


LIMITED = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from small_run import OPTIONS, small_run
from weft.errors import WeftError
from weft.training import Progress
class Limit(Progress):
    def step(self, record):
        if record["step"] == 4:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
try:
    small_run(sys.argv[2], sys.argv[3], Limit())
except WeftError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


def test_a_full_disk_in_the_middle_of_a_run(tmp_path, text):
    """Saves fail from step 6 on: after the third the run ends; step 3 is there, and goes on."""
    from small_run import bits, small_run

    command = [sys.executable, "-c", LIMITED, str(SMALL_RUN.parent), str(tmp_path / "cut"), text]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert latest_checkpoint(RunFolder(tmp_path / "cut")).step == 3
    assert not list((tmp_path / "cut").rglob("*.tmp-*"))
    small_run(tmp_path / "cut", text)
    small_run(tmp_path / "whole", text)
    assert bits(tmp_path / "cut") == bits(tmp_path / "whole")

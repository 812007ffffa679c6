"""kill -9 at random instants, half of them inside a save: resuming gives the uninterrupted bits."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from weft.kernels import active

SMALL_RUN = Path(__file__).parent / "small_run.py"


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    words = ["the", "cat", "dog", "bird", "sat", "ran", "flew", "over", "mat", "hill", "and"]
    path.write_text(" ".join(random.Random(0).choices(words, k=1500)))
    return path


def kill(tmp_path, text, kills, seed):
    command = [sys.executable, str(SMALL_RUN), "kill", str(tmp_path), str(text), str(kills)]
    done = subprocess.run([*command, str(seed)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_twenty_kills(tmp_path, text):
    counts = kill(tmp_path, text, 20, seed=1)
    assert counts["killed"] >= 20 and counts["finished"] >= 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_a_hundred_kills(tmp_path, text, seed):
    assert kill(tmp_path, text, 20, seed=100 + seed)["killed"] >= 20


def test_the_comparison_can_fail(tmp_path, text):
    """Another seed is another run: `bits` sees it."""
    sys.path.insert(0, str(SMALL_RUN.parent))
    from small_run import bits, small_run

    small_run(tmp_path / "one", text, seed=1)
    small_run(tmp_path / "two", text, seed=1)
    small_run(tmp_path / "three", text, seed=2)
    assert bits(tmp_path / "one") == bits(tmp_path / "two") != bits(tmp_path / "three")


@pytest.mark.skipif(active.native is None, reason="the reference kernels have one thread")
def test_the_same_bits_with_one_and_two_threads(tmp_path, text):
    sys.path.insert(0, str(SMALL_RUN.parent))
    from small_run import bits

    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import small_run;"
        "small_run.OPTIONS.update(threads=int(sys.argv[4]), n_embd=64, block_size=32);"
        "small_run.small_run(sys.argv[2], sys.argv[3])"
    )
    for threads in ("1", "2"):
        arguments = [str(SMALL_RUN.parent), str(tmp_path / threads), str(text), threads]
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert bits(tmp_path / "1") == bits(tmp_path / "2")

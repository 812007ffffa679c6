"""Random calls of the native kernels: each is an error or a right result, and none a crash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SEED = 3
PROGRAM = Path(__file__).with_name("make_calls.py")


def make_calls(first: int, count: int, last: Path) -> None:
    command = [sys.executable, str(PROGRAM), *map(str, (SEED, first, count, last))]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode < 0:
        pytest.fail(f"signal {-done.returncode} in: {last.read_text()}\n{done.stderr[-4000:]}")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-4000:]}"


def test_random_calls(native: Any, tmp_path: Path) -> None:
    make_calls(0, 2000, tmp_path / "last")


def test_calls_that_went_wrong(native: Any, tmp_path: Path) -> None:
    """Among the first, dropout of hidden keys was decided by what lay on the stack."""
    make_calls(91_200, 60, tmp_path / "last")
    make_calls(8_530, 10, tmp_path / "last")  # gates beyond 1, for which bounds were too small
    make_calls(82_030, 10, tmp_path / "last")  # an array's MemoryError, lost by a dtype's search


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(10))
def test_a_hundred_thousand_random_calls(part: int, native: Any, tmp_path: Path) -> None:
    make_calls(10_000 * part, 10_000, tmp_path / "last")

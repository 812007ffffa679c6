"""The same bits for any number of threads, in a fork, and from many Python threads at once."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from inputs import Inputs, bfloat16, float32
from twin import Twin
from twins import TWINS


def results(native: Any, twin: Twin, args: tuple[Any, ...]) -> list[bytes]:
    values = twin.run(native, args)
    return [np.asarray(value).tobytes() for value in values if value is not None]


# 60 rows of 1531: several tasks' share of elements, and not a multiple of anything.
@pytest.mark.parametrize("twin, dtype", [
    pytest.param(twin, dtype, id=f"{twin.label}-{dtype.name}")
    for twin in TWINS for dtype in twin.dtypes
])  # fmt: skip
def test_same_bits(twin: Twin, dtype: np.dtype, native: Any) -> None:
    if not hasattr(native, twin.name):
        pytest.skip(f"{twin.name} has no native twin; kernels.active runs its definition")
    length = 83 if twin.name.startswith(("attention", "rnn", "gru", "lstm")) else 1531
    args = twin.inputs(Inputs(length, dtype, rows=60, offset=1))
    native.set_num_threads(1)
    alone = results(native, twin, args)
    native.set_processors(8)  # or fewer threads would run than are asked for
    for threads in (2, 4, 8):
        native.set_num_threads(threads)
        assert results(native, twin, args) == alone, f"{threads} threads"


def test_same_bits_when_rows_are_summed(native: Any) -> None:
    """More rows than pieces, in each kernel that sums over rows."""
    names = {"layer_norm_backward", "rms_norm_backward", "embedding_backward", "linear_backward"}
    for twin in (t for t in TWINS if t.name in names):
        args = twin.inputs(Inputs(67, float32, rows=1531))
        native.set_num_threads(1)
        alone = results(native, twin, args)
        native.set_processors(3)
        native.set_num_threads(3)
        assert results(native, twin, args) == alone, twin.label


@pytest.mark.parametrize("dtype", [float32, bfloat16], ids=str)
def test_same_bits_of_a_weight_in_halves(native: Any, dtype: np.dtype) -> None:
    i = Inputs(70, dtype)
    args = i.normal(1003, 90), i.normal(1003, 70), i.weight(90, 70), False
    native.set_num_threads(1)
    alone = native.linear_backward(*args)[1].tobytes()
    native.set_processors(8)
    for threads in (2, 3, 8):
        native.set_num_threads(threads)
        assert native.linear_backward(*args)[1].tobytes() == alone, f"{threads} threads"


def test_many_python_threads_at_once(native: Any) -> None:
    native.set_processors(4)
    native.set_num_threads(4)
    x = np.linspace(-3, 3, 100_003, dtype=np.float32)
    expected = native.gelu_forward(x, True).tobytes()
    with ThreadPoolExecutor(4) as executor:
        futures = [executor.submit(native.gelu_forward, x, True) for _ in range(32)]
        assert all(future.result().tobytes() == expected for future in futures)


FORK = """
import os, sys
import numpy as np
from weft import _native as native

native.set_processors(3)
native.set_num_threads(3)
x = np.linspace(-3, 3, 200_003, dtype=np.float32)
before = native.gelu_forward(x, True).tobytes()
child = os.fork()
if child == 0:  # the workers did not come along
    same = native.gelu_forward(x, True).tobytes() == before
    os._exit(0 if same else 7)
_, status = os.waitpid(child, 0)
after = native.gelu_forward(x, True).tobytes()
sys.exit(os.waitstatus_to_exitcode(status) or (0 if after == before else 8))
"""


def test_fork(native: Any) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORK]
    assert subprocess.run(command, timeout=60).returncode == 0


COUNT = """
import os, sys
import numpy as np
from weft import _native as native

def after(threads):
    native.set_num_threads(threads)
    before = len(os.listdir("/proc/self/task"))
    native.gelu_forward(np.ones(1_000_000, np.float32), True)
    return len(os.listdir("/proc/self/task")) - before

native.set_processors(2)
print(after(16), native.num_threads())
native.set_processors(5)
print(after(4), after(16))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads in /proc")
def test_no_more_threads_than_processors(native: Any) -> None:
    """Sixteen on two would take turns, and each wait for one that is not running."""
    command = [sys.executable, "-W", "ignore", "-c", COUNT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["1 16", "2 1"], done.stdout + done.stderr


def test_a_number_of_processors_that_is_none(native: Any) -> None:
    for n in (0, -1, 1025):
        with pytest.raises(ValueError, match="1 to 1024"):
            native.set_processors(n)

"""Make random calls of the native kernels and judge each: an error, or a right result.

    python tests/kernels/make_calls.py SEED FIRST COUNT LAST

LAST is a file that holds the call being made: what is left there after a crash is the culprit.
Prints one line for each call that went wrong, and then exits with 1.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from calls import Call, memory, random_call
from compare import failures

from weft import _native as native
from weft.kernels import reference

Array = Any
REFUSALS = (TypeError, ValueError, IndexError, MemoryError, OverflowError)
ROOM = 4 << 30  # bytes of address space: an array that asks for more is refused, not swapped
ENOUGH = 20  # failures that are shown
ENORMOUS = 1 << 16  # of an axis
LARGEST = float(np.finfo(np.float32).max)


def copied(args: Any) -> Any:
    """Plain copies, so that the definition sees what the call saw."""
    if isinstance(args, (list, tuple)):
        return type(args)(copied(a) for a in args)
    return np.array(args) if isinstance(args, np.ndarray) and args.size < 2**30 else args


def arrays_in(args: Any) -> Iterator[Array]:
    for a in args:
        if isinstance(a, np.ndarray):
            yield a
        elif isinstance(a, list):
            yield from arrays_in(a)


def contents(call: Call) -> dict[int, tuple[Array, bytes]]:
    """All bytes that the call's arrays lie among."""
    roots = {id(m): m for m in map(memory, arrays_in(call.args)) if m.size < 2**30}
    return {key: (m, m.tobytes()) for key, m in roots.items() if not m.dtype.hasobject}


def allowed(call: Call, root: Array) -> Array:
    """Which bytes of a memory the call may change: those of arrays that it changes in place."""
    mask = np.zeros(root.nbytes, bool)
    for a in arrays_in(call.args[i] for i in call.twin.changed):
        if memory(a) is root:
            start = a.ctypes.data - root.ctypes.data
            mask[start : start + a.nbytes] = True
    return mask


def strays(call: Call, before: dict[int, tuple[Array, bytes]], refused: bool) -> list[str]:
    """Writes outside the arrays that are changed in place; any write, by a call that is refused."""
    lines = []
    for root, old in before.values():
        new = root.tobytes()
        if new == old:
            continue
        changed = np.frombuffer(new, np.uint8) != np.frombuffer(old, np.uint8)
        if refused:
            lines.append("it was refused, and has written nevertheless")
        elif (changed & ~allowed(call, root)).any():
            lines.append("it has written outside its results")
    return lines


def results_of(call: Call, args: list[Any], result: Any) -> list[Any]:
    if call.twin.changed:
        return [args[i] for i in call.twin.changed]
    return list(result) if isinstance(result, tuple) else [result]


def differ(a: Any, b: Any) -> bool:
    if isinstance(a, list):
        return any(differ(x, y) for x, y in zip(a, b, strict=True))
    return np.array(a).tobytes() != np.array(b).tobytes()


def joined(call: Call, args: list[Any]) -> tuple[Any, ...]:
    """Lists of arrays as the table of twins has them: one array, whose first row came first."""
    return tuple(
        np.concatenate(a) if i in call.twin.listed and a is not None else a
        for i, a in enumerate(args)
    )


def misses(call: Call, seen: list[Any], result: Any) -> list[str]:
    """Where a result is not the definition's, or not that of plain arrays with the same values."""
    results, plain, wide = results_of(call, call.args, result), copied(seen), copied(seen)
    again = results_of(call, plain, getattr(native, call.twin.name)(*plain))
    if differ(results, again):
        return ["plain arrays with the same values give another result"]
    if any(max(a.shape, default=0) > ENORMOUS for a in arrays_in(seen)):
        return []  # the definition would walk along an axis of nothing
    try:
        definition = getattr(reference, call.twin.name)(*wide)
    except (*REFUSALS, ArithmeticError) as error:
        if isinstance(error, ArithmeticError) or "math domain" in str(error):
            return []  # of Python's own numbers: the twin goes on with NaN or infinity
        return [f"the definition refuses it: {type(error).__name__}: {error}"]
    expected = results_of(call, wide, definition)
    if shapes(results) != shapes(expected):
        return [f"shapes {shapes(results)}, not {shapes(expected)}"]
    return [] if call.extreme else errors(call, seen, results)


def shapes(results: Any) -> Any:
    if isinstance(results, list):
        return [shapes(r) for r in results]
    return None if results is None else (np.shape(results), str(np.asarray(results).dtype))


def errors(call: Call, seen: list[Any], results: list[Any]) -> list[str]:
    """Results out of bounds. Where NaN and infinity go, test_twins.py says."""
    if call.twin.listed:
        if call.spoilt:
            return []  # the bounds are for lists of two arrays that fit together
        results = [np.concatenate(r) if isinstance(r, list) else r for r in results]
    if not any(np.size(r) for r in results):
        return []
    args = joined(call, seen)
    expected, bounds = call.twin.truth(args)
    limits = [np.asarray(x) for x in (*expected, *bounds) if x is not None]
    small = all((np.abs(x) < LARGEST).all() for x in limits)  # what is beyond it may be infinite
    return failures(call.twin, args, tuple(results)) if small else []


def make(call: Call) -> list[str]:
    """What is wrong with the call's outcome."""
    seen, before = copied(call.args), contents(call)
    try:
        result = getattr(native, call.twin.name)(*call.args)
    except REFUSALS:
        return strays(call, before, refused=True)
    except BaseException as error:
        return [f"{type(error).__name__}: {error}"]
    refused = result is NotImplemented
    lines = strays(call, before, refused)
    try:
        return lines if refused else lines + misses(call, seen, result)
    except MemoryError:
        return lines  # the result fits, a second one does not


def main(seed: int, first: int, count: int, last: str) -> int:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, resource.RLIM_INFINITY))
    log = os.open(last, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    isas, wrong, outcomes = native.isas(), 0, 0
    native.set_processors(4)
    for index in range(first, first + count):
        call = random_call(seed, index)
        if not hasattr(native, call.twin.name):
            continue
        isa, threads = isas[call.rng.integers(len(isas))], int(call.rng.integers(1, 5))
        native.set_isa(isa)
        native.set_num_threads(threads)
        line = f"call {index} of seed {seed}, {isa}, {threads} threads: {call.describe()}"
        os.ftruncate(log, 0)
        os.pwrite(log, line.encode(), 0)
        with np.errstate(all="ignore"):
            found = make(call)
        outcomes += 1
        if found:
            wrong += 1
            print(f"{line}\n    {'; '.join(found)}", flush=True)
            if wrong == ENOUGH:
                break
    print(f"{outcomes} calls, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:4]), sys.argv[4]))

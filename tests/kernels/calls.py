"""Random calls of the native entry points, most of them wrong in one or a few ways.

A call begins as a right one, from the table of twins, and is then spoilt. Everything follows from
(seed, index), so that a call which crashed can be made again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
from inputs import Inputs, bfloat16
from twin import Twin, rows_of
from twins import TWINS

Array = Any
Generator = np.random.Generator
GUARD = 64  # bytes before and behind each array, which nobody may write
DTYPES = (
    *(np.dtype(t) for t in ("f4", "f4", "f8", "f2", "i4", "i8", "u4", "u1", "?", "c8", ">f4")),
    *(np.dtype(t) for t in (">i8", "O", "U3", "M8[s]", "S4", "f4,i4", "2f4", "V8")),
    bfloat16,
    np.dtype(ml_dtypes.float8_e5m2),
)
NUMBERS = (
    0, 1, -1, 2, 0.5, -0.5, 1e-8, 1e30, 1e300, -1e300, 2**31, 2**40, 2**63 - 1, -(2**63), 2**64,
    10**30, float("nan"), float("inf"), float("-inf"), True, None, "1", [1], 1j, np.float32(0.5),
)  # fmt: skip
JUNK = (
    None,
    "text",
    3.0,
    7,
    [1.0, 2.0],
    (),
    {},
    b"bytes",
    np.float32(1),
    object,
    memoryview(b"ab"),
)
VALUES = (np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-40, 0.0, -1.0, 1e9, 2**40, -(2**63), 2**62)


Place = tuple[list[Any], int]  # a list, and the index of an array in it


def _ordinary(a: Any) -> bool:
    return isinstance(a, np.ndarray) and max(a.shape, default=0) <= 1 << 16


@dataclass
class Call:
    """name(*args), and what was done to it. changed: the arguments that it may write."""

    twin: Twin
    args: list[Any]
    rng: Generator
    spoilt: list[str] = field(default_factory=list)
    extreme: bool = False  # values for which the bounds do not hold

    def describe(self) -> str:
        shown = ", ".join(_shown(a) for a in self.args)
        return f"{self.twin.name}({shown})  # {', '.join(self.spoilt) or 'as it should be'}"

    def places(self) -> list[Place]:
        """Where arrays stand in the arguments, and in lists among them; but not enormous ones."""
        found = [(self.args, i) for i in range(len(self.args))]
        found += [(a, i) for a in self.args if isinstance(a, list) for i in range(len(a))]
        return [(holder, i) for holder, i in found if _ordinary(holder[i])]

    def some_place(self) -> Place | None:
        found = self.places()
        return found[self.rng.integers(len(found))] if found else None

    def name_of(self, place: Place) -> str:
        holder, i = place
        if holder is self.args:
            return str(i)
        return f"{next(k for k, a in enumerate(self.args) if a is holder)}.{i}"


def _shown(a: Any) -> str:
    if isinstance(a, (list, tuple)):
        return f"[{', '.join(_shown(x) for x in a)}]"
    if not isinstance(a, np.ndarray):
        return repr(a)
    flags = "" if a.flags.writeable else ", read-only"
    return f"array({a.shape}, {a.dtype}, strides {a.strides}, at {a.ctypes.data % 64}{flags})"


def random_call(seed: int, index: int) -> Call:
    """Call number `index`: of a random twin, of random sizes, spoilt in 0 to 3 ways."""
    rng = np.random.default_rng([seed, index])
    twin = TWINS[rng.integers(len(TWINS))]
    dtype = twin.dtypes[rng.integers(len(twin.dtypes))]
    longest = min(twin.most, 2000 if rng.random() < 0.03 else 40)
    n = int(rng.integers(max(twin.least, 1), longest + 1))
    inputs = Inputs(n, dtype, rows=int(rng.integers(2, 7)), seed=index)
    arguments = enumerate(twin.inputs(inputs))
    args = [_own(rows_of(a) if i in twin.listed else a) for i, a in arguments]
    call = Call(twin, args, rng)
    for _ in range(rng.choice(4, p=[0.1, 0.5, 0.25, 0.15])):
        spoil = WAYS[rng.integers(len(WAYS))]
        spoil(call)
    return call


def _own(a: Any) -> Any:
    if isinstance(a, list):
        return [_own(x) for x in a]
    return placed(a) if isinstance(a, np.ndarray) else a


# ---- arrays in guarded memory -------------------------------------------------------------------


def placed(
    values: Array,
    strides: tuple[int, ...] | None = None,
    repeats: int = 1,
    shift: int = 0,
) -> Array:
    """The values in memory of their own, between guards; strides in elements, `shift` in bytes."""
    values = np.asarray(values)
    size = values.dtype.itemsize
    if values.dtype.hasobject or size == 0:
        return np.array(values)
    if strides is None:
        strides = contiguous(values.shape)
    reach = [s * (n - 1) * (values.size > 0) for s, n in zip(strides, values.shape, strict=True)]
    low, high = sum(min(r, 0) for r in reach), sum(max(r, 0) for r in reach)
    buffer = np.full((high - low + 1) * size + 2 * GUARD + shift, 0x5A, np.uint8)
    offset = GUARD - low * size + shift
    view = np.ndarray(values.shape, values.dtype, buffer, offset, tuple(s * size for s in strides))
    view[...] = values
    return view


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides in elements."""
    strides = [1]
    for n in reversed(shape[1:]):
        strides.append(strides[-1] * max(n, 1))
    return tuple(reversed(strides)) if shape else ()


def memory(a: Array) -> Array:
    """All bytes of the memory that an array lies in."""
    while isinstance(a.base, np.ndarray):
        a = a.base
    return a


# ---- ways to spoil a call -----------------------------------------------------------------------


def array_way(change: Callable[[Array, Generator], Array]) -> Callable[[Call], None]:
    def spoil(call: Call) -> None:
        place = call.some_place()
        if place:
            holder, i = place
            call.spoilt.append(f"{change.__name__.lstrip('_')} {call.name_of(place)}")
            holder[i] = change(holder[i], call.rng)

    return spoil


def _reshaped(a: Array, rng: Generator) -> Array:
    shape = list(a.shape)
    axis = int(rng.integers(len(shape))) if shape else 0
    choice = rng.integers(9)
    if choice == 0 and shape:
        shape[axis] += 1
    elif choice == 1 and shape:
        shape[axis] = max(shape[axis] - 1, 0)
    elif choice == 2 and shape:
        shape[axis] = 0
    elif choice == 3 and shape:
        del shape[axis]
    elif choice == 4:
        shape.insert(axis, int(rng.integers(0, 3)))
    elif choice == 5:
        shape = []
    elif choice == 6:
        shape = [1] * int(rng.integers(5, 12)) + shape[-1:]
    elif choice == 7 and shape:
        shape[axis] = 1
    else:
        rng.shuffle(shape)
    return placed(np.resize(a, shape)) if a.size else placed(np.zeros(shape, a.dtype))


def _cast(a: Array, rng: Generator) -> Array:
    dtype = DTYPES[rng.integers(len(DTYPES))]
    with np.errstate(all="ignore"):
        try:
            return placed(a.astype(dtype))
        except (TypeError, ValueError):
            return placed(np.zeros(a.shape, dtype))


def _strided(a: Array, rng: Generator) -> Array:
    """Other memory, the same values: other steps, backwards, in another order of axes."""
    order = rng.permutation(a.ndim)
    strides, step = [0] * a.ndim, 1
    for axis in order:
        step *= int(rng.integers(1, 3))
        strides[axis] = step * (-1 if rng.random() < 0.3 else 1)
        step *= max(a.shape[axis], 1)
    return placed(a, tuple(strides), shift=int(rng.random() < 0.2))


def _last_axis(a: Array, rng: Generator) -> Array:
    """The last axis contiguous, the others as in a slice of something larger."""
    strides, step = [], 1
    for n in reversed(a.shape):
        strides.append(step if not strides else step * (-1 if rng.random() < 0.3 else 1))
        step *= max(n, 1) + int(rng.integers(0, 3))
    return placed(a, tuple(reversed(strides)))


def _odd_strides(a: Array, rng: Generator) -> Array:
    """Strides of axes without a second element mean nothing, and may be anything."""
    if a.dtype.hasobject:
        return a
    size, extra = a.dtype.itemsize, int(rng.integers(0, 2))  # not a multiple of the element
    strides = tuple(
        int(rng.integers(-(2**40), 2**40)) + extra if n < 2 else s * size
        for n, s in zip(a.shape, contiguous(a.shape), strict=True)
    )
    return np.ndarray(a.shape, a.dtype, memory(placed(a)), GUARD, strides)


def _unaligned(a: Array, rng: Generator) -> Array:
    return placed(a, shift=int(rng.integers(1, 8)))


def _repeated(a: Array, rng: Generator) -> Array:
    """One axis with a stride of nothing; sometimes a window that slides over itself."""
    if not a.ndim or not a.size:
        return a
    axis, strides = int(rng.integers(a.ndim)), list(contiguous(a.shape))
    strides[axis] = 0 if rng.random() < 0.5 else strides[axis] // 2
    return placed(a, tuple(strides))


def _enormous(a: Array, rng: Generator) -> Array:
    """More elements than there is memory, all of them in one place."""
    shape = (2**40, 2**10) if rng.random() < 0.5 else (2**40, *a.shape)
    return np.broadcast_to(placed(a.reshape(-1)[:1]), shape) if a.size else a


def _read_only(a: Array, rng: Generator) -> Array:
    view = a[...]
    view.flags.writeable = False
    return view


def _emptied(call: Call) -> None:
    """One length becomes 0 in all arrays alike; another one enormous where that costs no memory."""
    lengths = sorted({n for holder, i in call.places() for n in holder[i].shape} - {0})
    if not lengths:
        return
    gone, long = (lengths[call.rng.integers(len(lengths))] for _ in range(2))
    longer = long if call.rng.random() < 0.5 else 2 ** int(call.rng.integers(36, 44))
    for holder, i in call.places():
        a = holder[i]
        shape = [0 if n == gone else n for n in a.shape]
        if 0 in shape:
            longest = 1 if shape.count(long) > 1 else longer  # NumPy limits the other axes' product
            shape = [longest if n == long else n for n in shape]
            holder[i] = placed(np.zeros(shape, a.dtype))
    call.spoilt.append(f"{gone} emptied")


def _valued(call: Call) -> None:
    place = call.some_place()
    if place is None:
        return
    holder, i = place
    if not holder[i].size or holder[i].dtype.kind not in "fiuV":
        return
    values = holder[i].copy()
    value = VALUES[call.rng.integers(len(VALUES))]
    with np.errstate(all="ignore"):
        try:
            values[tuple(call.rng.integers(n) for n in values.shape)] = value
        except (OverflowError, TypeError, ValueError):
            return
    holder[i] = placed(values)
    call.extreme = True
    call.spoilt.append(f"value {value} in {call.name_of(place)}")


def _numbered(call: Call) -> None:
    where = [i for i, a in enumerate(call.args) if isinstance(a, (int, float))]
    if not where:
        return
    i = where[call.rng.integers(len(where))]
    call.args[i] = NUMBERS[call.rng.integers(len(NUMBERS))]
    call.extreme = True
    call.spoilt.append(f"number {i}")


def _replaced(call: Call) -> None:
    if not call.args:
        return
    i = int(call.rng.integers(len(call.args)))
    place = call.some_place() if call.rng.random() < 0.5 else None
    holder, i = place or (call.args, i)
    choices = (*JUNK, *DTYPES)
    holder[i] = choices[call.rng.integers(len(choices))]
    call.extreme = True
    call.spoilt.append(f"replaced {i}")


def _counted(call: Call) -> None:
    lists = [call.args, *(a for a in call.args if isinstance(a, list))]
    some = lists[call.rng.integers(len(lists))]
    if call.rng.random() < 0.5 and some:
        some.pop()
    else:
        some.append(placed(np.ones(3, np.float32)) if call.rng.random() < 0.5 else 1)
    call.spoilt.append("another number of arguments")


def _overlapping(call: Call) -> None:
    """Two arguments in the same memory: one and the same, or one some elements behind."""
    places = call.places()
    if len(places) < 2:
        return
    first, second = (places[k] for k in call.rng.choice(len(places), 2, replace=False))
    (left, i), (right, j) = first, second
    a, b = left[i], right[j]
    if a.dtype != b.dtype or a.dtype.hasobject or call.rng.random() < 0.3:
        right[j] = a
    else:
        size, both = a.dtype.itemsize, max(a.size, b.size)
        distance = int(call.rng.integers(0, max(a.size, 1) + 1))
        whole = placed(np.resize(a if a.size else np.zeros(1, a.dtype), both + distance))
        root = memory(whole)
        left[i] = np.ndarray(a.shape, a.dtype, root, GUARD)
        right[j] = np.ndarray(b.shape, b.dtype, root, GUARD + distance * size)
    call.extreme = True  # dy in y's place: the bounds are for values that belong together
    call.spoilt.append(f"{call.name_of(second)} in the memory of {call.name_of(first)}")


WAYS: tuple[Callable[[Call], None], ...] = (
    *(array_way(w) for w in (_reshaped, _reshaped, _reshaped, _cast, _strided, _last_axis)),
    *(array_way(w) for w in (_odd_strides, _unaligned, _repeated, _enormous, _read_only)),
    _emptied,
    _valued,
    _numbered,
    _replaced,
    _counted,
    _overlapping,
    _overlapping,
)

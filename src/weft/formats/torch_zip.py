"""Tensors in files of `torch.save`, without PyTorch and without unpickling.

Today's files are a stored zip: `data.pkl` says what there is, `data/KEY` holds the bytes of each
storage. Files from before PyTorch 1.6 are five pickles and the storages one after the other. Both
are read by `pickle_values.Reader`, which knows the names below and no other.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from weft.checkpoint.tensors import map_file
from weft.errors import ConfigError
from weft.formats.pickle_values import MAX_BYTES, Name, Reader, write_pickle
from weft.formats.stored_zip import Entry, read_entries, stored_zip
from weft.tokenizers.strict_json import malformed, printable, shown

Array = NDArray[Any]
MAX_SIDES = 8  # dimensions of a tensor
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C

STORAGES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "HalfStorage": np.dtype("<f2"),
    "DoubleStorage": np.dtype("<f8"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}
STORAGE_OF = {dtype: name for name, dtype in STORAGES.items()}


@dataclass
class Storage:
    """A run of numbers of one type that tensors are windows of; `data` is its bytes (uint8)."""

    key: str
    dtype: np.dtype[Any]
    count: int
    data: Array | None = None
    entry: Entry | None = None

    def numbers(self, where: str) -> Array:  # (count,)
        if self.entry is not None:
            self.entry.check(f"storage {self.key}", where)
            self.entry = None
        assert self.data is not None
        numbers = self.data.view(self.dtype)
        return numbers if numbers.flags.aligned else numbers.copy()


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as the file describes it; strides and offset count elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    where: str = field(repr=False)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.storage.dtype

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def same_as(self, other: StoredTensor) -> bool:
        """Whether both are the same window of the same storage, as tied weights are."""
        return self.storage is other.storage and (self.offset, self.shape, self.strides) == (
            other.offset,
            other.shape,
            other.strides,
        )

    def array(self) -> Array:
        """A read-only view of the mapped file."""
        numbers = self.storage.numbers(self.where)[self.offset :]
        steps = tuple(stride * self.dtype.itemsize for stride in self.strides)
        return np.lib.stride_tricks.as_strided(numbers, self.shape, steps, writeable=False)


class LazyArrays(Mapping[str, Array]):
    """Name -> array of a state dict, each a view that is made on access; `tensors` has the rest."""

    def __init__(self, tensors: Mapping[str, StoredTensor]) -> None:
        self.tensors = tensors

    def __getitem__(self, name: str) -> Array:
        return self.tensors[name].array()

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)


def read_torch_file(path: str | Path) -> LazyArrays:
    """The state dict in a file, `pytorch_model.bin` for one: name -> array.

    Raises `MalformedFileError` for what is not a plain dict of tensors, or does not fit its file.
    """
    return state_dict(read_torch_value(path), printable(path))


def state_dict(value: Any, where: str) -> LazyArrays:
    """`value` as a dict of tensors, which may share bytes, but not to make more of a small file."""
    if not isinstance(value, dict):
        malformed(f"a {type(value).__name__} instead of a dict of tensors", where)
    for name, tensor in value.items():
        if not isinstance(name, str) or not isinstance(tensor, StoredTensor):
            malformed(f"{shown(name)} is a {type(tensor).__name__}, not a tensor", where)
    held = {id(t.storage): t.storage.count * t.dtype.itemsize for t in value.values()}
    total = sum(tensor.nbytes for tensor in value.values())
    if total > 2 * sum(held.values()):
        malformed(f"{total:,} bytes of tensors in {sum(held.values()):,} bytes of storage", where)
    return LazyArrays(value)


def read_torch_value(path: str | Path) -> Any:
    """What `torch.save` was given: dicts, lists, strings, numbers, and `StoredTensor`s."""
    data, where = map_file(Path(path)), printable(path)
    if data[:4].tobytes() == b"PK\x03\x04":
        return _read_zip(data, where)
    if data[:2].tobytes() == b"\x80\x02":
        return _read_legacy(data, where)
    malformed("neither a zip archive nor a pickle: no file of torch.save", where)


class Tensors:
    """The names that a pickle of PyTorch may call, and its storages by key."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.storages: dict[str, Storage] = {}
        self.calls = {
            "collections.OrderedDict": self._ordered_dict,
            "torch._utils._rebuild_tensor_v2": self._tensor,
            "torch._utils._rebuild_parameter": self._parameter,
        }
        for name in STORAGES:  # a storage type is an argument: nothing calls it
            self.calls[f"torch.{name}"] = self._no_call

    def storage(self, identity: Any) -> Storage:
        """The persistent id ("storage", type, key, device, count[, None])."""
        if not isinstance(identity, tuple) or len(identity) not in (5, 6):
            malformed("a persistent id that is no storage", self.where)
        tag, kind, key, _, count, *view = identity
        if tag != "storage" or not isinstance(kind, Name) or not isinstance(key, str):
            malformed("a persistent id that is no storage", self.where)
        dtype = STORAGES.get(kind.name.removeprefix("torch."))
        if dtype is None or not _is_count(count) or view not in ([], [None]):
            malformed(f"storage {shown(key)} has a type, size or view it cannot have", self.where)
        found = self.storages.setdefault(key, Storage(key, dtype, count))
        if (found.dtype, found.count) != (dtype, count):
            malformed(f"storage {shown(key)} is of two types or sizes", self.where)
        return found

    def _ordered_dict(self, arguments: tuple[Any, ...]) -> dict[Any, Any]:
        if arguments:
            malformed("an OrderedDict with arguments", self.where)
        return {}

    def _tensor(self, arguments: tuple[Any, ...]) -> StoredTensor:
        """(storage, offset, shape, strides, requires_grad, hooks[, metadata])."""
        if len(arguments) not in (6, 7) or not isinstance(arguments[0], Storage):
            malformed("a tensor that is not made as PyTorch makes it", self.where)
        storage, offset, shape, strides = arguments[:4]
        if not (_are_counts(shape) and _are_counts(strides) and _is_count(offset)):
            malformed("a tensor whose shape, strides or offset are no counts", self.where)
        last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=False))
        fits = not math.prod(shape) or last < storage.count
        if len(shape) != len(strides) or math.prod(shape) > storage.count or not fits:
            malformed(
                f"a tensor of shape {shape} does not fit its storage {shown(storage.key)} of "
                f"{storage.count:,} numbers",
                self.where,
            )
        return StoredTensor(storage, offset, shape, strides, self.where)

    def _parameter(self, arguments: tuple[Any, ...]) -> Any:
        if len(arguments) != 3 or not isinstance(arguments[0], StoredTensor):
            malformed("a parameter that is not made as PyTorch makes it", self.where)
        return arguments[0]

    def _no_call(self, arguments: tuple[Any, ...]) -> Any:
        malformed("a pickle that calls a storage type", self.where)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _are_counts(values: Any) -> bool:
    return isinstance(values, tuple) and len(values) <= MAX_SIDES and all(map(_is_count, values))


def _read_zip(data: Array, where: str) -> Any:
    entries = read_entries(data, where)
    pickles = [name for name in entries if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        malformed("a zip archive without one data.pkl: no file of torch.save", where)
    folder = pickles[0].removesuffix("data.pkl")
    order = entries.get(folder + "byteorder")
    if order is not None and order.data[:16].tobytes() != b"little":
        malformed("numbers in big-endian order", where, "save it on another machine")
    entry = entries[pickles[0]]
    if entry.data.size > MAX_BYTES:
        malformed(f"a pickle of {entry.data.size:,} bytes, more than {MAX_BYTES:,}", where)
    entry.check("data.pkl", where)
    tensors = Tensors(where)
    value = Reader(entry.data.tobytes(), where, tensors.calls, tensors.storage).read()
    for key, storage in tensors.storages.items():
        stored = entries.get(f"{folder}data/{key}")
        size = -1 if stored is None else stored.data.size
        if stored is None or size != storage.count * storage.dtype.itemsize:
            has = "is missing" if stored is None else f"has {size:,} bytes"
            malformed(f"storage {shown(key)} of {storage.count:,} numbers {has}", where)
        storage.data, storage.entry = stored.data, stored
    return value


def _read_legacy(data: Array, where: str) -> Any:
    """Five pickles (magic, protocol, system, value, keys), then count and bytes of each storage."""
    tensors = Tensors(where)
    pickles = data[:MAX_BYTES].tobytes()
    place, values = 0, []
    for _ in range(5):
        reader = Reader(pickles, where, tensors.calls, tensors.storage, place)
        values.append(reader.read())
        place = reader.place
        if values[0] != LEGACY_MAGIC:
            malformed("a pickle that torch.save did not write", where)
    version, system, value, keys = values[1:]
    little = isinstance(system, dict) and system.get("little_endian") is True
    if version != 1001 or not little or not isinstance(keys, list):
        malformed("a file of an unknown PyTorch, or in big-endian order", where)
    if not all(isinstance(key, str) for key in keys) or sorted(keys) != sorted(tensors.storages):
        malformed("a list of storages that is not the list of those that are used", where)
    for key in keys:
        storage = tensors.storages[key]
        size = storage.count * storage.dtype.itemsize
        head = data[place : place + 8].tobytes()
        if len(head) < 8 or struct.unpack("<q", head)[0] != storage.count:
            malformed(f"storage {shown(key)} has not its {storage.count:,} numbers", where)
        storage.data = data[place + 8 : place + 8 + size]
        if storage.data.size != size:
            malformed(f"storage {shown(key)} of {size:,} bytes is cut short", where)
        place += 8 + size
    if place != data.size:
        malformed(f"{data.size - place:,} bytes left over at the end", where)
    return value


@dataclass(frozen=True)
class NewTensor:
    """A tensor to write: `load` gives its array, (shape) of `dtype`, when its turn has come."""

    key: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    load: Any = field(repr=False)

    @property
    def count(self) -> int:
        return math.prod(self.shape)

    def buffers(self) -> Iterable[Any]:
        yield np.ascontiguousarray(self.load()).reshape(-1).view(np.uint8)


def torch_file(value: Any, tensors: Iterable[NewTensor], folder: str = "archive") -> Iterator[Any]:
    """The buffers of a file that `torch.load(weights_only=True)` opens.

    `value`: dicts, lists, tuples, strings, numbers, None, and `NewTensor`s, each of `tensors`.
    """
    pickle = write_pickle(value, _tensor_codes)
    entries: list[tuple[str, int, Iterable[Any]]] = [
        (f"{folder}/data.pkl", len(pickle), [pickle]),
        (f"{folder}/byteorder", 6, [b"little"]),
    ]
    entries += [
        (f"{folder}/data/{t.key}", t.count * t.dtype.itemsize, t.buffers()) for t in tensors
    ]
    return stored_zip([*entries, (f"{folder}/version", 2, [b"3\n"])])


def _tensor_codes(value: Any) -> Iterator[bytes]:
    """_rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())."""
    if not isinstance(value, NewTensor):
        raise TypeError(f"cannot write a {type(value).__name__}")
    if value.dtype not in STORAGE_OF:
        raise ConfigError(f"PyTorch files hold no {value.dtype}; {value.key}; convert it first")
    strides = tuple(math.prod(value.shape[i + 1 :]) for i in range(len(value.shape)))
    kind = f"ctorch\n{STORAGE_OF[value.dtype]}\n".encode()
    plain = [write_pickle(v)[2:-1] for v in ("storage", value.key, "cpu", value.count)]
    rest = [write_pickle(v)[2:-1] for v in (0, value.shape, strides, False)]
    yield from (b"ctorch._utils\n_rebuild_tensor_v2\n((", plain[0], kind, *plain[1:], b"tQ")
    yield from (*rest, b"ccollections\nOrderedDict\n)RtR")

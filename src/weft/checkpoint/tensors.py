"""Named arrays in a safetensors file: written in pieces, read as views of the mapped file.

The format: 8 bytes length, a JSON header {name: dtype, shape, data_offsets}, then the bytes of all
arrays without holes. The library that defines it accepts duplicate names and headers that cost 14
times their size; our check of the header refuses both, and knows bfloat16 in NumPy.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from weft.checkpoint.bounded_json import parse_object
from weft.errors import CheckpointError

Array = NDArray[Any]
MAX_HEADER_BYTES = 10_000_000
DTYPES: dict[str, np.dtype[Any]] = {  # in the order in which the library lays them out
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F16": np.dtype("<f2"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
CODES = {dtype: code for code, dtype in DTYPES.items()}


def encode(arrays: Mapping[str, Array], metadata: Mapping[str, str] | None = None) -> Iterator[Any]:
    """The buffers of a safetensors file, in order; no copy of the arrays is held."""
    specs = {name: (array.dtype, array.shape) for name, array in arrays.items()}
    yield from encode_lazily(specs, arrays.__getitem__, metadata)


def encode_lazily(
    specs: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]],
    array_of: Callable[[str], Array],
    metadata: Mapping[str, str] | None = None,
) -> Iterator[Any]:
    """As `encode`, for types and shapes known before the arrays: one of them at a time is made.

    The layout is the library's: by type, then by name; the header padded to 8 bytes.
    """
    ranks = {dtype: rank for rank, dtype in enumerate(CODES)}
    order = sorted(specs, key=lambda name: (ranks.get(specs[name][0], 0), name))
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    offset = 0
    for name in order:
        dtype, shape = specs[name]
        if dtype not in CODES:
            raise TypeError(f"cannot store {name} of type {dtype}")
        span = [offset, offset + math.prod(shape) * dtype.itemsize]
        header[name] = {"dtype": CODES[dtype], "shape": list(shape), "data_offsets": span}
        offset = span[1]
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    yield struct.pack("<Q", len(text)) + text
    for name in order:
        yield np.ascontiguousarray(array_of(name)).reshape(-1).view(np.uint8)


def encoded_size(arrays: Mapping[str, Array]) -> int:
    """Bytes that the file will take, the header estimated from above."""
    return sum(array.nbytes + len(name) * 4 + 200 for name, array in arrays.items())


def read(path: str | Path) -> dict[str, Array]:
    """All arrays of a file, as read-only views of the mapped file. Raises `CheckpointError`."""
    path = Path(path)
    data = map_file(path)
    header, start = read_header(data, str(path))
    return {
        name: data[start + spec["data_offsets"][0] : start + spec["data_offsets"][1]]
        .view(DTYPES[spec["dtype"]])
        .reshape(spec["shape"])
        for name, spec in header.items()
    }


def read_metadata(path: str | Path) -> dict[str, str]:
    """The strings that a file keeps beside its arrays. Raises `CheckpointError`."""
    path = Path(path)
    data = map_file(path)
    read_header(data, str(path))
    header = parse_object(data[8 : 8 + int(data[:8].view("<u8")[0])].tobytes(), str(path))
    metadata = header.get("__metadata__", {})
    if not isinstance(metadata, dict) or any(not isinstance(v, str) for v in metadata.values()):
        raise _damaged("the metadata are not strings", str(path))
    return metadata


def map_file(path: Path) -> Array:
    """The bytes of a plain file, mapped read-only (uint8). Raises `CheckpointError`."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(file, "rb") as stream:
            if os.fstat(file).st_size == 0:
                return np.zeros(0, np.uint8)
            mapped = np.memmap(stream, np.uint8, "r")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CheckpointError(f"cannot read: {reason}; {path}; use another checkpoint") from error
    return mapped.view(np.ndarray)


def mapping_of(array: Array) -> mmap.mmap | None:
    """The mapped file that `array` is a view of, if it is one."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None


def release(mapping: mmap.mmap) -> None:
    """Give back the memory of a mapped file; its views stay.

    What is touched again is read again, in most cases from the system's cache.
    """
    if hasattr(mmap, "MADV_DONTNEED"):
        mapping.madvise(mmap.MADV_DONTNEED)


def read_header(data: Array, where: str) -> tuple[dict[str, Any], int]:
    """Check a safetensors header against the bytes that follow it (uint8).

    Returns the tensors' entries without the metadata, and where their bytes start.
    """
    length = struct.unpack("<Q", data[:8].tobytes())[0] if data.size >= 8 else -1
    if not 2 <= length <= data.size - 8:
        raise _damaged(f"the header of {length} bytes does not fit in {data.size}", where)
    if length > MAX_HEADER_BYTES:
        raise _damaged(f"the header is {length:,} bytes, more than {MAX_HEADER_BYTES:,}", where)
    header = parse_object(data[8 : 8 + length].tobytes(), where)
    header.pop("__metadata__", None)
    start = 8 + length
    spans = sorted(_check_tensor(name, spec, where) for name, spec in header.items())
    end = 0
    for first, last in spans:
        if first != end:
            raise _damaged("tensors overlap or leave a hole", where)
        end = last
    if end != data.size - start:
        raise _damaged(f"{end:,} bytes of tensors, {data.size - start:,} in the file", where)
    return header, start


def _check_tensor(name: str, spec: Any, where: str) -> tuple[int, int]:
    if not isinstance(spec, dict) or set(spec) != {"dtype", "shape", "data_offsets"}:
        raise _damaged(f"the entry of {name[:80]!r} is not a tensor", where)
    dtype, shape, span = spec["dtype"], spec["shape"], spec["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise _damaged(f"{name[:80]!r} has a type that is not supported: {dtype!r:.20}", where)
    if not (_counts(shape) and len(shape) <= 8 and _counts(span) and len(span) == 2):
        raise _damaged(f"the shape or place of {name[:80]!r} is not of whole numbers", where)
    if span[1] - span[0] != math.prod(shape) * DTYPES[dtype].itemsize:
        raise _damaged(f"the shape of {name[:80]!r} does not match its bytes", where)
    return span[0], span[1]


def _counts(values: Any) -> bool:
    return isinstance(values, list) and all(
        isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
        for value in values
    )


def _damaged(what: str, where: str) -> CheckpointError:
    return CheckpointError(f"{what}; {where}; the file is damaged: use another checkpoint")

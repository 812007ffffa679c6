"""Writes TensorFlow's tensor bundles, for tests that want wrong ones with right checksums."""

import struct

import numpy as np

from weft.formats.crc32c import crc32c
from weft.formats.tensorflow_checkpoint import MAGIC, masked


def varint(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def message(field: int, data: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(data)) + data


def fixed32(field: int, value: int) -> bytes:
    return varint(field << 3 | 5) + struct.pack("<I", value)


def checksum(data: bytes) -> int:
    return masked(crc32c(np.frombuffer(data, np.uint8)))


def entry(shape, offset, size, crc, type_=1, shard=0) -> bytes:
    sides = b"".join(message(2, number(1, side)) for side in shape)
    return (
        number(1, type_) + message(2, sides) + number(3, shard) + number(4, offset)
        + number(5, size) + fixed32(6, crc)
    )  # fmt: skip


HEADER = number(1, 1) + number(2, 0) + message(3, number(1, 1))


def block(entries, restart=16) -> bytes:
    out, restarts, last = b"", [], b""
    for i, (key, value) in enumerate(entries):
        shared = 0
        if i % restart:
            while shared < min(len(key), len(last)) and key[shared] == last[shared]:
                shared += 1
        else:
            restarts.append(len(out))
        out += varint(shared) + varint(len(key) - shared) + varint(len(value))
        out, last = out + key[shared:] + value, key
    return out + b"".join(struct.pack("<I", r) for r in (*restarts, len(restarts)))


def sealed(data: bytes, kind: int = 0) -> bytes:
    return data + bytes([kind]) + struct.pack("<I", checksum(data + bytes([kind])))


def table(entries, per_block: int = 30) -> bytes:
    """An index of (key, value) pairs in order."""
    out, handles = b"", []
    for first in range(0, len(entries), per_block):
        some = entries[first : first + per_block]
        data = block(some)
        handles.append((some[-1][0], varint(len(out)) + varint(len(data))))
        out += sealed(data)
    return with_index(out, block(handles, 1))


def with_index(blocks: bytes, index: bytes) -> bytes:
    meta = block([])
    handles = varint(len(blocks)) + varint(len(meta))
    out = blocks + sealed(meta)
    handles += varint(len(out)) + varint(len(index))
    return out + sealed(index) + handles.ljust(40, b"\0") + struct.pack("<Q", MAGIC)


def bundle(tensors) -> tuple[bytes, bytes]:
    """(index, data) of float32 arrays by name."""
    data, entries = b"", [(b"", HEADER)]
    for name, array in sorted(tensors.items()):
        raw = array.astype("<f4").tobytes()
        entries.append((name.encode(), entry(array.shape, len(data), len(raw), checksum(raw))))
        data += raw
    return table(entries), data

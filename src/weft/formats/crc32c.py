"""CRC-32C (Castagnoli, as in RFC 3720) of large arrays, in NumPy.

A checksum is the remainder of a polynomial over GF(2), a bit for each coefficient. Whatever is a
multiple of the divisor may be added without changing it, and one multiple has four terms only, at
whole words: with it, a run of words is removed by three exclusive ors further on. What is left is
halved again and again, by multiplying the first half with a power of x.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
DIVISOR = 0x82F63B78  # bits reversed, as the checksum has them: bit 31 is the coefficient of x^0
TERMS = (5685, 1362, 426)  # x^5685 + x^1362 + x^426 + 1 is a multiple of it; so with each x^32
BLOCK = 1 << 16  # words folded at a time
ONES = 0xFFFFFFFF


def crc32c(data: Array) -> int:
    """The checksum of bytes (uint8, one dimension)."""
    words = data[: data.size // 4 * 4].view("<u4")
    state = ONES
    if words.size:
        folded = _fold(words, state)
        state = _remainder(folded)
    for byte in data[words.size * 4 :].tolist():
        state = _byte_table()[(state ^ byte) & 0xFF] ^ (state >> 8)
    return state ^ ONES


def _fold(words: Array, state: int) -> Array:
    """At most TERMS[0] words with the same remainder; `state` is added to the first word."""
    a, b, c = TERMS
    kept = words[:a].astype(np.uint32)
    kept[0] ^= state
    for start in range(a, words.size, BLOCK):
        more = words[start : start + BLOCK]
        kept = np.concatenate([kept, more])
        for first in range(0, more.size, a - b):
            count = min(a - b, more.size - first)
            leading = kept[first : first + count]
            for term in (b, c, 0):
                kept[first + a - term :][:count] ^= leading
        kept = kept[more.size :]
    return kept


def _remainder(words: Array) -> int:
    """words * x^32 modulo the divisor, which is the state after them."""
    words = np.concatenate([np.zeros(-words.size % 2, np.uint32), words])
    while words.size > 1:
        half = words.size // 2
        words = _multiply(words[:half], 32 * half) ^ words[half:]
        words = np.concatenate([np.zeros(words.size % 2 if half > 1 else 0, np.uint32), words])
    return int(_multiply(words, 32)[0])


def _multiply(words: Array, power: int) -> Array:
    """Each word times x^power."""
    tables = _times_x(power)
    result: Array = tables[0][words & 0xFF]
    for place in (1, 2, 3):
        result ^= tables[place][words >> 8 * place & 0xFF]
    return result


@functools.cache
def _times_x(power: int) -> Array:
    """Byte `place` with value v, times x^power: (4, 256)."""
    tables = []
    for place in range(4):
        table = np.zeros(1, np.uint32)
        for bit in range(8):  # without the bit, and with it
            image = _product(_power_of_x(power), 1 << 8 * place + bit)
            table = np.concatenate([table, table ^ np.uint32(image)])
        tables.append(table)
    return np.stack(tables)


@functools.cache
def _power_of_x(power: int) -> int:
    """x^power modulo the divisor."""
    if power == 0:
        return 0x80000000
    half = _power_of_x(power // 2)
    square = _product(half, half)
    return _product(square, 0x40000000) if power % 2 else square


def _product(a: int, b: int) -> int:
    """a * b modulo the divisor."""
    result = 0
    for bit in range(31, -1, -1):
        if b >> bit & 1:
            result ^= a
        a = a >> 1 ^ (DIVISOR if a & 1 else 0)
    return result


@functools.cache
def _byte_table() -> list[int]:
    return [int(value) for value in _times_x(8)[0]]

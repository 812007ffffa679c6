"""The checksum against its definition and the vectors of RFC 3720."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.formats.crc32c import DIVISOR, TERMS, crc32c


def bit_by_bit(data: bytes) -> int:
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (DIVISOR if state & 1 else 0)
    return state ^ 0xFFFFFFFF


def of(data: bytes) -> int:
    return crc32c(np.frombuffer(data, np.uint8))


@pytest.mark.parametrize(
    ("data", "expected"),  # RFC 3720, B.4, and the check value of the CRC catalogue
    [
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"", 0),
    ],
)
def test_published_values(data, expected):
    assert of(data) == expected


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 3))
def test_short_ones(data, skip):
    assert of(data[skip:]) == bit_by_bit(data[skip:])


@pytest.mark.parametrize("words", [TERMS[0] - 1, TERMS[0], TERMS[0] + 1, 3 * TERMS[0], 40_001])
@pytest.mark.parametrize("more", [0, 3])
def test_long_ones(words, more):
    data = np.random.default_rng(words).bytes(4 * words + more)
    assert of(data) == bit_by_bit(data)


def test_the_terms_are_a_multiple():
    remainder, power = 0, 0x80000000  # x^0
    for degree in range(TERMS[0] + 1):
        if degree in (*TERMS, 0):
            remainder ^= power
        power = power >> 1 ^ (DIVISOR if power & 1 else 0)
    assert remainder == 0

"""Tensor bundles: what TensorFlow wrote, and what no program should have written."""

import random
import struct
from pathlib import Path

import numpy as np
import pytest
from mutate import Hints, attack, mutations, truncations
from tensor_bundle import HEADER, bundle, checksum, entry, fixed32, message, number, table

from weft.errors import MalformedFileError
from weft.formats.tensorflow_checkpoint import read_bundle

GOLDEN = Path(__file__).parent / "golden" / "openai" / "model.ckpt"


def test_what_tensorflow_wrote():
    tensors = read_bundle(GOLDEN)
    assert len(tensors) == 4 + 12 * 11 + 1
    assert tensors["global_step"].array() == 7 and tensors["global_step"].dtype == np.int64
    for tensor in tensors.values():
        assert tensor.array().shape == tensor.shape and np.isfinite(tensor.array()).all()


@pytest.fixture
def write(tmp_path):
    def write(index: bytes, data: bytes = bytes(24)) -> Path:
        (tmp_path / "m.index").write_bytes(index)
        (tmp_path / "m.data-00000-of-00001").write_bytes(data)
        return tmp_path / "m"

    return write


def test_the_tests_own_writer(write):
    arrays = {f"a/{i}": np.random.rand(i % 3, 2) for i in range(70)} | {"": np.ones(0)}
    del arrays[""]
    read = read_bundle(write(*bundle(arrays)))
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        assert np.array_equal(read[name].array(), array.astype("f4")), name


def refused(prefix, expected):
    with pytest.raises(MalformedFileError, match=expected) as raised:
        for tensor in read_bundle(prefix).values():
            tensor.array()
    assert str(raised.value).isprintable() and "m." in str(raised.value)


ZEROS = checksum(bytes(24))
GOOD = entry((2, 3), 0, 24, ZEROS)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], "a block of 4 bytes with 0 restarts"),
        ([(b"a", GOOD)], "no header"),
        ([(b"", number(1, 0)), (b"a", GOOD)], "number of data files that cannot be: 0"),
        ([(b"", number(1, 2**31)), (b"a", GOOD)], "data files that cannot be"),
        ([(b"", number(1, 2)), (b"a", GOOD)], "cannot read: No such file"),
        ([(b"", message(1, b"x")), (b"a", GOOD)], "field 1 of an entry is not one number"),
        ([(b"", HEADER + number(2, 0)), (b"a", GOOD)], "field 2 of an entry is not one number"),
        ([(b"", number(1, 1) + number(2, 1)), (b"a", GOOD)], "big-endian"),
        ([(b"", HEADER), (b"a", GOOD), (b"a", GOOD)], "'a' is there twice"),
        ([(b"", HEADER), (b"b", GOOD), (b"a", GOOD)], "'a' is there twice or not in order"),
        ([(b"", HEADER), (b"a", GOOD), (b"b", GOOD)], "tensors that overlap"),
        ([(b"", HEADER), (b"\xff", GOOD)], "not UTF-8"),
        ([(b"", HEADER), (b"a" * 600, GOOD)], "too long"),
        ([(b"", HEADER), (b"a", entry((2, 3), 0, 24, 5))], "'a' is altered"),
        ([(b"", HEADER), (b"a", entry((2, 4), 0, 24, ZEROS))], r"shape \(2, 4\) has 24 bytes"),
        ([(b"", HEADER), (b"a", entry((2**40, 2**40), 0, 24, ZEROS))], "has 24 bytes"),
        ([(b"", HEADER), (b"a", entry((2**63,), 0, 24, ZEROS))], "a shape that cannot be"),
        ([(b"", HEADER), (b"a", entry((1,) * 9, 0, 4, ZEROS))], "a shape that cannot be"),
        ([(b"", HEADER), (b"a", entry((2, 3), 1, 24, ZEROS))], "past the end of its data file"),
        ([(b"", HEADER), (b"a", entry((2, 3), 2**63, 24, ZEROS))], "past the end"),
        ([(b"", HEADER), (b"a", entry((2, 3), 0, 24, ZEROS, shard=1))], "past the end"),
        ([(b"", HEADER), (b"a", entry((24,), 0, 24, ZEROS, type_=7))], "the type 7"),
        ([(b"", HEADER), (b"a", GOOD + message(7, b""))], "in slices"),
        ([(b"", HEADER), (b"a", GOOD + number(4, 0))], "field 4 of an entry is not one number"),
        ([(b"", HEADER), (b"a", number(1, 1) + number(2, 1))], "a shape that is no message"),
        ([(b"", HEADER), (b"a", message(1, b""))], "field 1 of an entry is not one number"),
        ([(b"", HEADER), (b"a", b"\x0b")], "a field of kind 3"),
        ([(b"", HEADER), (b"a", b"\x08" + b"\xff" * 11)], "more than 64 bits"),
        ([(b"", HEADER), (b"a", b"\x12\x7f")], "past its end"),
        ([(b"", HEADER), (b"a", b"\x08")], "past its end"),
        ([(b"", HEADER), (b"a", fixed32(6, 1)[:-1])], "past its end"),
    ],
)
def test_wrong_entries(write, entries, expected):
    refused(write(table(entries)), expected)


def test_wrong_tables(write):
    index = table([(b"", HEADER), (b"a", GOOD)])
    for data, expected in [
        (b"", "no LevelDB table"),
        (index[:-1], "no LevelDB table"),
        (index[1:], "past the end|is altered"),
        (index[:10] + b"\xff" + index[11:], "a block is altered"),
        (index[:-48] + bytes(40) + index[-8:], "past the end|a block of 0 bytes"),
    ]:
        refused(write(data), expected)
    snappy = index.index(struct.pack("<I", 1)) + 4
    changed = bytearray(index)
    changed[snappy] = 1
    struct.pack_into("<I", changed, snappy + 1, checksum(bytes(changed[: snappy + 1])))
    refused(write(bytes(changed)), r"a block is compressed \(type 1\)")
    refused(write(index, bytes(23)), "past the end of its data file")
    refused(write(b"\0" * (17 << 20)), "an index of 17,825,792 bytes")


def rebuilt(rng):
    """Indices with changed names and values, and right checksums."""
    sound = [(b"", HEADER), (b"a/b", GOOD), (b"a/c", entry((0,), 24, 0, checksum(b"")))]
    hints = Hints(integers=[(at, 1) for at in range(0, 20)])
    while True:
        entries = list(sound)
        at = rng.randrange(len(entries))
        key, value = entries[at]
        if rng.random() < 0.2:
            key = next(mutations(key, rng))
        else:
            value = next(mutations(value.ljust(30, b"\0"), rng, hints))
        entries[at] = key, value
        yield table(entries, rng.choice((1, 2, 30)))


def attacked(write, files, count):
    prefix = write(b"")
    read = lambda: [tensor.array() for tensor in read_bundle(prefix).values()]  # noqa: E731
    return attack(read, prefix.with_name("m.index"), files, count)


def raw(rng):
    index = table([(b"", HEADER), (b"a/b", GOOD)], 1)
    footer = [(len(index) - 48 + at, 1) for at in range(10)]
    return mutations(index, rng, Hints(footer, (), [len(index) - 48]))


def test_malformed_files(write):
    assert attacked(write, rebuilt(random.Random(1)), 300) < 200
    assert attacked(write, raw(random.Random(1)), 150) < 100
    index = table([(b"", HEADER), (b"a/b", GOOD)])
    assert attacked(write, truncations(index), len(index)) == 0


@pytest.mark.slow
def test_ten_thousand_malformed_files(write):
    assert attacked(write, rebuilt(random.Random(2)), 7_000) < 4_500
    assert attacked(write, raw(random.Random(2)), 3_000) < 2_000

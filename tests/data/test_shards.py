"""The token shard file: its bytes, its round trip, and every way in which it can be wrong."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft.data import TokenShard, is_shard, shards, write_shard
from weft.errors import DataError, MalformedFileError

HASH = "0123456789abcdef" * 4
GOLDEN = bytes.fromhex(
    "57454654544f4b53" "01000000" "02000000" "4100000000000000" "0300000000000000"
    + HASH + "0000" "0100" "4000"
)  # fmt: skip


def test_golden_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    assert write_shard(path, [np.array([0, 1]), np.array([64])], 65, HASH) == 3
    assert path.read_bytes() == GOLDEN
    shard = TokenShard.open(path)
    assert shard.tokens.tolist() == [0, 1, 64]
    assert (shard.vocab_size, shard.tokenizer_hash, len(shard)) == (65, HASH, 3)
    assert not shard.tokens.flags.writeable
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data(), st.sampled_from([1, 2, 65, 65_535, 65_536, 65_537, 200_000, 1 << 32]))
def test_round_trip(tmp_path: Path, data: st.DataObject, vocab_size: int) -> None:
    ids = st.lists(st.integers(0, vocab_size - 1), max_size=20)
    pieces = data.draw(st.lists(ids, max_size=4))
    path = tmp_path / "a.bin"
    write_shard(path, (np.array(p, np.uint32) for p in pieces), vocab_size, HASH)
    shard = TokenShard.open(path)
    assert shard.tokens.tolist() == [i for p in pieces for i in p]
    assert shard.tokens.dtype == (np.uint16 if vocab_size <= 65_536 else np.uint32)
    assert path.stat().st_size == 64 + shard.tokens.nbytes


def header(magic=b"WEFTTOKS", version=1, width=2, vocab_size=65, count=3) -> bytes:
    return struct.pack("<8sIIQQ32s", magic, version, width, vocab_size, count, bytes(32))


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "not a token shard"),
        (b"plain text", "not a token shard"),
        (GOLDEN[:40], "cut off in its header"),
        (GOLDEN[:-1], "cut off: 69 bytes, its header says 70"),
        (GOLDEN + b"\0", "followed by other bytes: 71"),
        (header(magic=b"SKOTTFEW") + GOLDEN[64:], "not a token shard"),
        (header(version=2) + GOLDEN[64:], "version 2"),
        (header(width=8) + GOLDEN[64:], "8 bytes per token"),
        (header(vocab_size=0) + GOLDEN[64:], "vocabulary of 0"),
        (header(vocab_size=1 << 40) + GOLDEN[64:], "vocabulary of"),
        (header(count=1 << 63) + GOLDEN[64:], "cut off"),
        (header(vocab_size=64) + GOLDEN[64:], "token 2 is no id of a vocabulary of 64"),
        (GOLDEN[:12] + b"\0\0\0\2" + GOLDEN[16:], "33554432 bytes per token"),  # big endian
    ],
)
def test_faults_are_named(tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "bad.bin"
    path.write_bytes(content)
    with pytest.raises(MalformedFileError) as caught:
        TokenShard.open(path)
    assert word in str(caught.value) and "bad.bin" in str(caught.value)
    assert caught.value.exit_code == 3


def test_a_bad_id_is_found_in_any_part_of_the_scan(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(shards, "SCAN", 4)
    path = tmp_path / "a.bin"
    ids = np.arange(11)
    write_shard(path, [ids], 11, HASH)
    assert TokenShard.open(path).tokens.tolist() == ids.tolist()
    content = bytearray(path.read_bytes())
    content[64 + 2 * 9] = 11
    path.write_bytes(content)
    with pytest.raises(MalformedFileError, match="token 9 is no id"):
        TokenShard.open(path)


def test_writing_refuses_ids_outside_and_leaves_nothing(tmp_path: Path) -> None:
    for bad in ([65], [-1]):
        with pytest.raises(ValueError, match="outside the vocabulary"):
            write_shard(tmp_path / "a.bin", [np.array(bad)], 65, HASH)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_old_shard(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_shard(path, [np.array([1])], 65, HASH)

    def full():
        yield np.array([2])
        raise OSError(28, "No space left on device")

    with pytest.raises(DataError, match=r"No space left on device; .*a\.bin"):
        write_shard(path, full(), 65, HASH)
    assert TokenShard.open(path).tokens.tolist() == [1]
    assert len(list(tmp_path.iterdir())) == 1


def test_missing_and_recognised(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        TokenShard.open(tmp_path / "none.bin")
    path = tmp_path / "a.bin"
    write_shard(path, [], 65, HASH)
    assert is_shard(path) and len(TokenShard.open(path)) == 0
    assert not is_shard(tmp_path) and not is_shard(tmp_path / "none.bin")

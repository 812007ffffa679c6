"""Malformed GGUF files: the kinds of llama.cpp's tests/test-gguf.cpp, each with its message."""

from __future__ import annotations

import random
import resource
import struct
import sys
from pathlib import Path
from subprocess import run

import numpy as np
import pytest
from gguf_bytes import ARRAY, BOOL, STRING, Walk, array, gguf, string, tensor, u32, value
from gguf_models import model_of
from mutate import attack, mutations, truncations

from weft.errors import MalformedFileError
from weft.formats.gguf import read_gguf
from weft.formats.gguf_container import MAX_STRINGS, read_container
from weft.formats.gguf_write import write_gguf

HUGE = 2**64 - 1
ALIGN_64 = u32("general.alignment", 64)
DATA = bytes(range(128))
ONE = tensor("a")  # 32 float32

# Named as in test-gguf.cpp.
BAD = {
    "HEADER_BAD_MAGIC": (gguf(magic=b"GGUX"), "does not begin with GGUF"),
    "HEADER_BAD_VERSION_0": (gguf(version=0), "GGUF version 0; Weft reads 3"),
    "HEADER_BAD_VERSION_1": (gguf(version=1), "GGUF version 1.*newer llama.cpp"),
    "HEADER_BAD_VERSION_FUTURE": (gguf(version=4), "GGUF version 4.*use a newer weft"),
    "HEADER_BAD_VERSION_SWAPPED": (gguf(version=3 << 24), "a big-endian file"),
    "HEADER_BAD_N_TENSORS": (gguf(n_tensors=HUGE), "18,446,744,073,709,551,615 tensors"),
    "HEADER_BAD_N_KV": (gguf(n_values=HUGE), "18,446,744,073,709,551,615 values"),
    "KV_BAD_KEY_SIZE": (gguf([string("a", HUGE) + bytes(40)]), "a key is 18,446.* bytes long"),
    "KV_EMPTY_KEY": (gguf([u32("", 1)]), "a key is empty"),
    "KV_BAD_TYPE": (gguf([value("a", 13, bytes(8))]), "'a' has a value of type 13"),
    "KV_BAD_VALUE_SIZE": (gguf([value("a", STRING, string("b", HUGE))]), "'a' is 18,446,"),
    "KV_DUPLICATE_KEY": (gguf([u32("a", 1), u32("a", 2)]), "key 'a' is there twice"),
    "KV_BAD_ALIGN": (gguf([u32("general.alignment", 13)]), "general.alignment is 13, not a power"),
    "KV_BAD_ALIGN_0": (gguf([u32("general.alignment", 0)]), "general.alignment is 0"),
    "KV_BAD_ALIGN_TYPE": (
        gguf([value("general.alignment", 6, struct.pack("<f", 32))]), "general.alignment is 32.0",
    ),
    "TENSORS_BAD_NAME_SIZE": (gguf([], [tensor("a" * 64)], DATA), "name of a tensor is 64 bytes"),
    "TENSORS_BAD_N_DIMS": (gguf([], [tensor("a", (1,) * 5)], DATA), "'a' has 5 dimensions"),
    "TENSORS_NO_DIMS": (gguf([], [tensor("a", ()), bytes(8)], DATA, n_tensors=1), "0 dimensions"),
    "TENSORS_HUGE_N_DIMS": (gguf([], [tensor("a", n_dims=2**32 - 1)], DATA), "has 4294967295 dim"),
    "TENSORS_BAD_SHAPE": (gguf([], [tensor("a", (32, 0))], DATA), r"the shape \(0, 32\)"),
    "TENSORS_NE_TOO_BIG": (gguf([], [tensor("a", (2**62, 2**3))], DATA), "'a' has the shape"),
    "TENSORS_NBYTES_TOO_BIG": (gguf([], [tensor("a", (2**47,))], DATA), "ends at 562,949,953,"),
    "TENSORS_NEGATIVE_DIM": (gguf([], [tensor("a", (HUGE,))], DATA), "'a' has the shape"),
    "TENSORS_BAD_TYPE": (gguf([], [tensor("a", kind=77)], DATA), "'a' is of type 77; .*Weft"),
    "TENSORS_TYPE_WE_LACK": (gguf([], [tensor("a", kind=12)], DATA), "'a' is of type Q4_K"),
    "TENSORS_BAD_BLOCK": (gguf([], [tensor("a", (33, 2), 8)], DATA), r"type Q8_0 has .*\(2, 33\)"),
    "TENSORS_BAD_OFFSET": (gguf([], [tensor("a", offset=HUGE - 31)], DATA), "ends at 18,446,744,"),
    "TENSORS_DUPLICATE_NAME": (gguf([], [ONE, ONE], DATA), "tensor 'a' is there twice"),
    "TENSORS_BAD_ALIGN": (gguf([], [tensor("a", offset=8)], DATA), "'a' begins at 8, not at 32 n"),
    "TENSORS_INCONSISTENT_ALIGN": (
        gguf([ALIGN_64], [ONE, tensor("b", offset=160)], DATA * 3, alignment=64),
        "'b' begins at 160, not at 64 n",
    ),
    "TENSORS_OVERLAP": (gguf([], [ONE, tensor("b", offset=96)], DATA * 2), "'b' overlaps"),
    "TENSORS_HOLE": (gguf([], [ONE, tensor("b", offset=256)], DATA * 3), "'b' .* leaves a hole"),
    "TENSORS_HOLE_BEFORE": (gguf([], [tensor("a", offset=32)], DATA * 2), "hole before the first"),
    "DATA_NOT_ENOUGH_DATA": (gguf([], [ONE], DATA[:-1]), "tensor 'a' ends at 192 of 191 bytes"),
    "DATA_TOO_MUCH": (gguf([], [ONE], DATA * 2), "128 bytes follow the last tensor"),
    "DATA_SIZES_OVERFLOW": (
        gguf([], [tensor(str(n), (2**46,), offset=n << 48) for n in range(64)], DATA), "ends at",
    ),
    # And what else the format can spell.
    "ARRAY_OF_ARRAYS": (gguf([value("a", ARRAY, array(ARRAY, 1) + bytes(20))]), "type 9"),
    "ARRAY_OF_HUGE_COUNT": (gguf([value("a", ARRAY, array(4, 2**61))]), "numbers in 'a'"),
    "ARRAY_OF_MANY_STRINGS": (gguf([value("a", ARRAY, array(STRING, HUGE))]), "strings in"),
    "ARRAY_OF_BAD_TYPE": (gguf([value("a", ARRAY, array(99, 0))]), "array of type 99"),
    "BOOL_OF_2": (gguf([value("a", BOOL, b"\2")]), "neither true nor false"),
    "STRING_NOT_UTF8": (gguf([value("a", STRING, string(b"\xff"))]), "'a' is not UTF-8"),
    "KEY_WITH_ESCAPES": (gguf([value("\x1b[31m\n", 99, b"1234")]), r"'\\x1b\[31m\\n' has"),
    "EMPTY": (b"", "ends in the middle of its header"),
    "FOUR_BYTES": (b"GGUF", "ends in the middle of its header"),
}  # fmt: skip
GOOD = {
    "HEADER_EMPTY": (gguf(), 0, 0),
    "HEADER_VERSION_2": (gguf(version=2), 0, 0),
    "KV_SUCCESS": (gguf([u32("a", 1), value("b", BOOL, b"\1")]), 2, 0),
    "TENSORS_SUCCESS": (gguf([], [ONE, tensor("b", offset=128)], DATA * 2), 0, 2),
    "TENSORS_ANY_ORDER": (gguf([], [tensor("b", offset=128), ONE], DATA * 2), 0, 2),
    "TENSORS_CUSTOM_ALIGN": (gguf([ALIGN_64], [tensor("a", (16,)), tensor("b", offset=64)],
                                  DATA + DATA[:64], alignment=64), 1, 2),
    "DATA_SUCCESS": (gguf([], [ONE], DATA), 0, 1),
    "DATA_CUSTOM_ALIGN": (gguf([ALIGN_64], [ONE], DATA, alignment=64), 1, 1),
    "DATA_PADDED_AT_THE_END": (gguf([], [ONE], DATA + bytes(31)), 0, 1),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_it_is_refused(tmp_path, kind):
    data, message = BAD[kind]
    path = tmp_path / "bad.gguf"
    path.write_bytes(data)
    with pytest.raises(MalformedFileError, match=message) as error:
        read_container(path)
    text = str(error.value)
    assert "bad.gguf" in text and text.count("; ") >= 2 and text.isprintable()


@pytest.mark.parametrize("kind", GOOD)
def test_it_is_read(tmp_path, kind):
    data, values, tensors = GOOD[kind]
    path = tmp_path / "good.gguf"
    path.write_bytes(data)
    container = read_container(path)
    assert (len(container.values), len(container.tensors)) == (values, tensors)
    if kind == "DATA_SUCCESS":
        assert container.bytes_of("a").tobytes() == DATA


def test_every_type_of_value(tmp_path):
    numbers = {0: ("B", 200), 1: ("b", -3), 2: ("H", 60000), 3: ("h", -300), 4: ("I", 2**32 - 1),
               5: ("i", -(2**31)), 6: ("f", 0.5), 10: ("Q", HUGE), 11: ("q", -(2**63)),
               12: ("d", 0.1)}  # fmt: skip
    values, expected = [], {}
    for kind, (code, number) in numbers.items():
        values.append(value(f"n{kind}", kind, struct.pack("<" + code, number)))
        pair = struct.pack(f"<IQ2{code}", kind, 2, number, number)
        values.append(value(f"a{kind}", ARRAY, pair))
        expected[f"n{kind}"], expected[f"a{kind}"] = number, [number, number]
    values.append(value("b", ARRAY, array(BOOL, 3) + b"\1\0\1"))
    values.append(value("s", ARRAY, array(STRING, 2) + string("ü") + string("")))
    path = tmp_path / "a.gguf"
    path.write_bytes(gguf(values))
    read = read_container(path).values
    expected |= {"b": [True, False, True], "s": ["ü", ""]}
    plain = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in read.items()}
    assert plain == expected


def test_a_bomb_of_49_bytes_takes_neither_time_nor_memory(tmp_path):
    path = tmp_path / "bomb.gguf"
    path.write_bytes(gguf([value("a", ARRAY, array(STRING, 1 << 40))]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(MalformedFileError, match="1,099,511,627,776 strings"):
        read_container(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4096  # KiB


def test_a_sparse_file_costs_no_memory(tmp_path):
    """A terabyte with one tensor: opened, and nothing of it read. (In a process of its own.)"""
    path = tmp_path / "sparse.gguf"
    header = gguf([], [tensor("a", (2**38,))], bytes(1))[:-1]
    path.write_bytes(header)
    with path.open("r+b") as file:
        file.truncate(len(header) + 2**40)
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from weft.formats.gguf_container import read_container\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "read_container(Path(sys.argv[1]))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert done.returncode == 0 and int(done.stdout) < 8192, done.stderr


def test_more_strings_than_a_vocabulary_has(tmp_path):
    path = tmp_path / "a.gguf"
    many = MAX_STRINGS + 1
    path.write_bytes(gguf([value("a", ARRAY, array(STRING, many) + bytes(8 * many))]))
    with pytest.raises(MalformedFileError, match="1,048,577 strings"):
        read_container(path)


@pytest.fixture(scope="module")
def model_file(tmp_path_factory) -> Path:
    changes = {"n_layer": 1, "n_embd": 32, "n_head": 2, "n_kv_head": 1, "block_size": 8}
    path = tmp_path_factory.mktemp("gguf") / "model.gguf"
    config, weights, tokenizer = model_of("llama", intermediate_size=32, **changes)
    write_gguf(path, config, weights, tokenizer, type="q8_0")
    return path


def read_whole(path: Path) -> None:
    model = read_gguf(path)
    for name in model.weights:
        assert model.weights[name].ndim in (1, 2)


def test_the_file_that_is_mutated_is_sound(model_file):
    read_whole(model_file)


SLOW = (pytest.mark.slow, pytest.mark.timeout(3600))


@pytest.mark.parametrize("count", [1000, pytest.param(100_000, marks=SLOW)])
def test_mutations(model_file, tmp_path, count):
    data = model_file.read_bytes()
    path = tmp_path / "mutant.gguf"
    files = mutations(data, random.Random(count), Walk(data).hints())
    sound = attack(lambda: read_whole(path), path, files, count)
    assert 0 < sound < count * 0.6  # a flip in the weights is a sound file


def test_truncations(model_file, tmp_path):
    data = model_file.read_bytes()
    path = tmp_path / "short.gguf"
    end = max(place.stop for place in read_container(model_file).tensors.values())
    every = truncations(data, Walk(data).hints(), step=len(data) // 40)
    files = [short for short in every if len(short) < end]  # behind it there is padding
    assert len(files) > 100
    assert attack(lambda: read_whole(path), path, iter(files), len(files)) == 0

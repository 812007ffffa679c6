"""safetensors files: the library's bytes, bfloat16, and headers that must be refused."""

import json
import struct

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from weft.checkpoint import tensors
from weft.errors import CheckpointError

GOLDEN = (
    b"\x38\x00\x00\x00\x00\x00\x00\x00"
    b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  '
    b"\x00\x00\x80?\x00\x00\x00@"
)


def encoded(arrays, metadata=None):
    return b"".join(bytes(chunk) for chunk in tensors.encode(arrays, metadata))


def file_of(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype="F32", shape=(1,), span=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(span)}


def test_golden_bytes():
    assert encoded({"w": np.array([1, 2], np.float32)}) == GOLDEN


def test_bytes_are_the_librarys():
    rng = np.random.default_rng(0)
    arrays = {
        "b.weight": rng.normal(size=(3, 4)).astype(np.float32),
        "a.weight": rng.normal(size=(5,)),
        "c": np.array(7),
        "half": rng.normal(size=(2, 2)).astype(ml_dtypes.bfloat16),
        "none": np.zeros((0, 3), np.float32),
        **{f"x.{dtype}": np.ones(3, dtype) for dtype in tensors.DTYPES.values()},
        "mask": np.array([True, False, True]),
        "naïve": np.arange(3, dtype=np.uint8),
    }
    assert encoded(arrays) == safetensors.numpy.save(arrays)
    assert encoded(arrays, {"a": "b"}) == safetensors.numpy.save(arrays, {"a": "b"})


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=20).filter(lambda name: name != "__metadata__"),
        hnp.arrays(
            st.sampled_from([np.float32, np.float64, np.int64, ml_dtypes.bfloat16]),
            hnp.array_shapes(min_dims=0, min_side=0, max_side=4),
            elements=st.integers(-9, 9),
        ),
        max_size=4,
    )
)
def test_arrays_come_back(tmp_path_factory, arrays):
    arrays = {name.encode("utf-8", "replace").decode(): a for name, a in arrays.items()}
    path = tmp_path_factory.mktemp("t") / "x.safetensors"
    path.write_bytes(encoded(arrays))
    read = tensors.read(path)
    assert set(read) == set(arrays)
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype and read[name].shape == array.shape
        assert read[name].tobytes() == array.tobytes()
        assert not read[name].flags.writeable


def test_a_transposed_array_is_stored_as_it_reads(tmp_path):
    array = np.arange(6, dtype=np.float32).reshape(2, 3).T
    (tmp_path / "x").write_bytes(encoded({"w": array}))
    assert np.array_equal(tensors.read(tmp_path / "x")["w"], array)


def test_every_truncation_is_refused(tmp_path):
    path = tmp_path / "x"
    for cut in range(len(GOLDEN)):
        path.write_bytes(GOLDEN[:cut])
        with pytest.raises(CheckpointError):
            tensors.read(path)


@pytest.mark.parametrize("position", range(len(GOLDEN) - 8))
def test_every_bit_flip_before_the_data_is_refused_or_harmless(tmp_path, position):
    path = tmp_path / "x"
    for bit in range(8):
        data = bytearray(GOLDEN)
        data[position] ^= 1 << bit
        path.write_bytes(data)
        try:
            arrays = tensors.read(path)
        except CheckpointError:
            continue
        assert sum(array.nbytes for array in arrays.values()) == 8


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "does not fit"),
        (struct.pack("<Q", 2**63) + b"{}", "does not fit"),
        (struct.pack("<Q", 11_000_000) + b" " * 11_000_000, "more than 10,000,000"),
        (file_of({"w": entry()}, b"1234junk"), "4 bytes of tensors, 8 in the file"),
        (file_of({"w": entry()}, b"123"), "4 bytes of tensors, 3 in the file"),
        (file_of({"a": entry(), "b": entry()}, b"1234"), "overlap"),
        (file_of({"a": entry(), "b": entry(span=(8, 12))}, b"0" * 12), "hole"),
        (file_of(b'{"w":1,"w":2}'), "'w' is there twice"),
        (file_of({"w": entry(shape=(2**62, 4))}, b"1234"), "does not match its bytes"),
        (file_of({"w": entry(shape=(-1,))}, b"1234"), "not of whole numbers"),
        (file_of({"w": entry(shape=(1.0,))}, b"1234"), "not of whole numbers"),
        (file_of({"w": entry(shape=(True,))}, b"1234"), "not of whole numbers"),
        (file_of({"w": entry(span=(4, 0))}, b"1234"), "does not match"),
        (file_of({"w": entry(shape=(1,) * 9)}, b"1234"), "not of whole numbers"),
        (file_of({"w": entry("F8_E4M3", (4,))}, b"1234"), "'F8_E4M3'"),
        (file_of({"w": entry(["F32"])}, b"1234"), "is not supported: ['F32']"),
        (file_of({"w": {**entry(), "extra": 1}}, b"1234"), "is not a tensor"),
        (file_of({"w": [1]}), "is not a tensor"),
        (file_of(b"[]"), "not a JSON object"),
        (file_of(b"\xff\xff"), "not valid JSON"),
        (file_of(b'{"w":NaN}'), "NaN is not a JSON number"),
        (file_of(b"[" * 100_000), "not valid JSON"),
        (file_of(b'{"w":' + b"1" * 5000 + b"}"), "not valid JSON"),
    ],
)
def test_hostile_headers_are_refused(tmp_path, data, says):
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    with pytest.raises(CheckpointError) as error:
        tensors.read(path)
    assert says in str(error.value) and str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_control_character_in_a_name_is_escaped_in_the_message(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(file_of({"\x1b[31m\n": 1}))
    with pytest.raises(CheckpointError) as error:
        tensors.read(path)
    assert "\x1b" not in str(error.value) and "\n" not in str(error.value)


def test_a_million_empty_tensors_are_refused_by_size_before_they_are_parsed(tmp_path):
    path = tmp_path / "x"
    text = b"{" + b",".join(b'"%d":0' % i for i in range(1_000_000)) + b"}"
    path.write_bytes(file_of(text))
    with pytest.raises(CheckpointError, match="the header is"):
        tensors.read(path)


def test_a_link_a_folder_and_a_fifo_are_refused(tmp_path):
    import os

    (tmp_path / "real").write_bytes(GOLDEN)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    for name in ("link", "folder", "fifo", "missing"):
        with pytest.raises(CheckpointError):
            tensors.read(tmp_path / name)


def test_a_type_without_a_code_is_a_type_error():
    with pytest.raises(TypeError, match="complex128"):
        encoded({"w": np.zeros(2, complex)})


def test_metadata_come_back(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(encoded({"w": np.zeros(2)}, {"a": "b", "naïve": ""}))
    assert tensors.read_metadata(file) == {"a": "b", "naïve": ""}
    file.write_bytes(GOLDEN)
    assert tensors.read_metadata(file) == {}
    for metadata in ([], {"a": 1}, None):
        file.write_bytes(file_of({"__metadata__": metadata}))
        with pytest.raises(CheckpointError, match="the metadata are not strings"):
            tensors.read_metadata(file)

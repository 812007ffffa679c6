"""Files of torch.save without torch: the same tensors, and nothing that a pickle could do."""

import io
import pickle
import pickletools
import struct
import tracemalloc
import zipfile
from collections import OrderedDict

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import MalformedFileError
from weft.formats import stored_zip
from weft.formats.pickle_values import read_pickle, write_pickle
from weft.formats.torch_zip import NewTensor, read_torch_file, read_torch_value, torch_file

torch = pytest.importorskip("torch")


def tensors():
    base = torch.arange(24.0).reshape(4, 6)
    return OrderedDict(
        plain=base,
        transposed=base.t(),
        window=base[1:3, ::2],
        number=torch.tensor(3.5),
        empty=torch.zeros(0, 3),
        parameter=torch.nn.Parameter(torch.ones(2)),
        bfloat16=torch.arange(5).bfloat16(),
        half=torch.arange(3).half(),
        double=torch.arange(3).double(),
        long=torch.arange(3),
        int=torch.arange(3).int(),
        short=torch.arange(3).short(),
        char=torch.arange(3).to(torch.int8),
        byte=torch.arange(3).to(torch.uint8),
        bool=torch.tensor([True, False]),
    )


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("checksums", [True, False])
def test_the_same_tensors(tmp_path, zipped, checksums):
    torch.serialization.set_crc32_options(checksums)
    torch.save(tensors(), tmp_path / "a.bin", _use_new_zipfile_serialization=zipped)
    torch.serialization.set_crc32_options(True)
    read = read_torch_file(tmp_path / "a.bin")
    assert list(read) == list(tensors())
    for name, tensor in tensors().items():
        expected = tensor.detach()
        expected = expected.float() if name == "bfloat16" else expected
        assert read[name].shape == tuple(expected.shape), name
        assert np.array_equal(read[name].astype(expected.numpy().dtype), expected.numpy()), name
    assert read["bfloat16"].dtype == ml_dtypes.bfloat16 and not read["plain"].flags.writeable
    ours = read.tensors
    assert ours["plain"].same_as(ours["plain"]) and not ours["plain"].same_as(ours["window"])


def test_a_state_dict_with_its_metadata(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    torch.save(model.state_dict(), tmp_path / "a.bin")
    assert dict(read_torch_file(tmp_path / "a.bin")).keys() == model.state_dict().keys()


def written(tensors_, value=None) -> bytes:
    return b"".join(bytes(b) for b in torch_file(value or {t.key: t for t in tensors_}, tensors_))


def some_tensors():
    for key, shape, dtype in [
        ("0", (2, 3), "<f4"), ("1", (), "<f4"), ("2", (0, 2), "<i8"), ("3", (5,), "bfloat16")
    ]:  # fmt: skip
        array = np.arange(int(np.prod(shape))).reshape(shape).astype(np.dtype(dtype))
        yield NewTensor(key, array.dtype, shape, lambda array=array: array)


@pytest.mark.parametrize("largest", [stored_zip.LARGEST, 24, 1])
def test_written_for_torch(tmp_path, monkeypatch, largest):
    """With a small `LARGEST` all entries are zip64, as those of more than 4 GiB are."""
    monkeypatch.setattr(stored_zip, "LARGEST", largest)
    value = {"model": {t.key: t for t in some_tensors()}, "x": [1, 2**40, -(2**70), 0.1, None]}
    path = tmp_path / "a.pt"
    path.write_bytes(written(list(some_tensors()), {**value, "y": (True, "é", {})}))
    loaded = torch.load(path, weights_only=True)
    assert loaded["x"] == value["x"] and loaded["y"] == (True, "é", {})
    ours = read_torch_value(path)
    for tensor in some_tensors():
        array = loaded["model"][tensor.key]
        array = array.float() if array.dtype == torch.bfloat16 else array
        assert np.array_equal(array.numpy(), tensor.load().astype(array.numpy().dtype))
        assert np.array_equal(ours["model"][tensor.key].array(), tensor.load())
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner)
        | st.tuples(inner) | st.tuples(inner, inner) | st.tuples(inner, inner, inner, inner)
    ),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(plain, st.integers(2, 5))
def test_plain_values_are_pythons(value, protocol):
    assert read_pickle(pickle.dumps(value, protocol), "here") == value
    assert pickle.loads(write_pickle(value)) == value
    assert read_pickle(write_pickle(value), "here") == value


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    "value", [Evil(), print, np.float64(1), {1, 2}, b"x", bytearray(b"x"), 1j, object(), Exception]
)
def test_nothing_but_plain_values(value, protocol, capsys):
    with pytest.raises(MalformedFileError, match=r"; here; ") as raised:
        read_pickle(pickle.dumps(value, protocol), "here")
    assert "\n" not in str(raised.value) and capsys.readouterr().out == ""


@pytest.mark.parametrize("name", [b"os\nsystem", b"builtins\neval", b"torch\nFloatTensor",
    b"torch._utils\n_rebuild_tensor_v3", b"torch.storage\n_load_from_bytes"])  # fmt: skip
def test_other_names_in_a_model(tmp_path, name):
    call = b"\x80\x02}X\x01\x00\x00\x00ac" + name + b"\nX\x02\x00\x00\x00ls\x85Rs."
    assert pickletools.dis(call, io.StringIO()) is None
    refused(tmp_path, zip_of({"a/data.pkl": call}), "a pickle with the name '.*runs no code")


def zip_of(entries, compression=zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return stream.getvalue()


def refused(folder, data, message):
    path = folder / "a.bin"
    path.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(MalformedFileError, match=message) as raised:
        dict(read_torch_file(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "a.bin" in str(raised.value) and str(raised.value).isprintable()
    assert peak <= (64 << 20) + 4 * len(data)


PICKLES = {
    "nothing": (b"", "ends too early"),
    "no stop": (b"\x80\x02N", "ends too early"),
    "two values": (b"\x80\x02NN.", "no single value"),
    "an empty stack": (b"\x80\x02.", "no single value"),
    "a mark": (b"\x80\x02(.", "no single value"),
    "no mark": (b"\x80\x02NNt.", "makes no sense"),
    "no memo": (b"\x80\x02h\x05.", "makes no sense"),
    "appended to a tuple": (b"\x80\x02)Na.", "another value for a list"),
    "a key of tuples": (b"\x80\x02})Ns.", "key is a tuple"),
    "a key twice": (b"\x80\x02}(K\x01NK\x01Nu.", "the key 1 twice"),
    "an odd dict": (b"\x80\x02}(K\x01u.", "makes no sense"),
    "a long string": (b"\x80\x02X\xff\xff\xff\xff.", "a string of 4,294,967,295 bytes"),
    "a longer string": (b"\x80\x04\x8d" + b"\xff" * 8 + b".", "a string of 18,446"),
    "a string that is cut": (b"\x80\x02X\xff\xff\0\0ab", "ends too early"),
    "not UTF-8": (b"\x80\x02X\x01\0\0\0\xff.", "makes no sense"),
    "a name without an end": (b"\x80\x02c" + b"a" * 9999, "name without an end"),
    "a call of a string": (b"\x80\x02X\x01\0\0\0a)R.", "calls what is no name"),
    "protocol 0": (pickle.dumps({"a": 1}, 0), "which Weft does not take"),
    "protocol 9": (b"\x80\x09N.", "protocol 9"),
    "many lists": (b"\x80\x02" + b"]" * 300_000, "more than 262,144 values"),
    "many copies": (b"\x80\x02]q\x00" + b"h\x00" * 300_000, "more than 262,144 values"),
    "an instance": (b"\x80\x02(ios\nsystem\n.", "the opcode 0x69"),
    "extensions": (b"\x80\x02\x82\x01.", "the opcode 0x82"),
}


@pytest.mark.parametrize(("data", "message"), PICKLES.values(), ids=PICKLES)
def test_wrong_pickles(tmp_path, data, message):
    refused(tmp_path, zip_of({"a/data.pkl": data}), message)


def test_laughter_takes_no_time():
    """Tuples of tuples by reference: 2**100 of them if anything walked through."""
    data = b"\x80\x02]" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(100)) + b"."
    assert isinstance(read_pickle(data, "here"), tuple)


def tensor_pickle(
    storage=b"ctorch\nFloatStorage\n", count=6, offset=0, shape=(2, 3), strides=(3, 1)
):
    parts = [write_pickle(v)[2:-1] for v in ("storage", "0", "cpu", count, offset, shape, strides)]
    return (
        b"\x80\x02}X\x01\0\0\0actorch._utils\n_rebuild_tensor_v2\n((" + parts[0] + storage
        + b"".join(parts[1:4]) + b"tQ" + b"".join(parts[4:]) + b"\x89}tRs."
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 5}, "storage '0' of 5 numbers has 24 bytes|does not fit its storage '0' of 5"),
        ({"count": 2**62}, "storage '0' of 4,611,686,018,427,387,904 numbers has 24 bytes"),
        ({"count": 2**70}, "a type, size or view it cannot have"),
        ({"count": -6}, "a type, size or view it cannot have"),
        ({"count": True}, "a type, size or view it cannot have"),
        ({"storage": b"ctorch\nDoubleStorage\n"}, "storage '0' of 6 numbers has 24 bytes"),
        ({"storage": b"K\x01"}, "a persistent id that is no storage"),
        ({"offset": 1}, "does not fit its storage"),
        ({"offset": -1}, "no counts"),
        ({"shape": (3, 3)}, "does not fit its storage"),
        ({"shape": (2**62, 2**62)}, "does not fit its storage"),
        ({"shape": (2**20, 2**20), "strides": (0, 0)}, "does not fit its storage"),
        ({"shape": (2, 3, 1)}, "does not fit its storage"),
        ({"shape": (1,) * 9, "strides": (1,) * 9}, "no counts"),
        ({"shape": (2.0, 3)}, "no counts"),
        ({"strides": (-3, 1)}, "no counts"),
        ({"strides": (2**62, 1)}, "does not fit its storage"),
        ({"shape": 6}, "no counts"),
    ],
)
def test_tensors_that_do_not_fit(tmp_path, options, message):
    path = tmp_path / "a.bin"
    path.write_bytes(zip_of({"a/data.pkl": tensor_pickle(), "a/data/0": bytes(24)}))
    assert read_torch_file(path)["a"].shape == (2, 3)
    data = zip_of({"a/data.pkl": tensor_pickle(**options), "a/data/0": bytes(24)})
    refused(tmp_path, data, message)


def test_a_small_file_of_many_large_tensors(tmp_path):
    one = tensor_pickle(count=10**6, shape=(1000, 1000), strides=(1000, 1))
    head, tensor = one[:4], one[9:-2]
    many = head[:3] + b"(" + b"".join(
        write_pickle(f"{i}")[2:-1] + tensor for i in range(100)
    ) + b"u."  # fmt: skip
    data = zip_of({"a/data.pkl": many, "a/data/0": bytes(4 * 10**6)})
    refused(tmp_path, data, "400,000,000 bytes of tensors in 4,000,000 bytes of storage")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({}, "without one data.pkl"),
        ({"data.pkl": b""}, "without one data.pkl"),
        ({"a/data.pkl": b"", "b/data.pkl": b""}, "without one data.pkl"),
        ({"a/data.pkl": tensor_pickle()}, "storage '0' of 6 numbers is missing"),
        ({"a/data.pkl": tensor_pickle(), "../data/0": bytes(24)}, "is missing"),
        ({"a/data.pkl": tensor_pickle(), "a/byteorder": b"big"}, "big-endian"),
        ({"a/data.pkl": write_pickle([1])}, "a list instead of a dict"),
        ({"a/data.pkl": write_pickle({"a": 1})}, "'a' is a int, not a tensor"),
    ],
)
def test_archives_that_hold_something_else(tmp_path, entries, message):
    data = zip_of(entries)
    if not entries:
        data = b"PK\x03\x04" + data
        data = data[:-6] + struct.pack("<IH", 4, 0)
    refused(tmp_path, data, message)


def test_a_zip_bomb(tmp_path):
    data = zip_of({"a/data.pkl": bytes(10**7)}, zipfile.ZIP_DEFLATED)
    refused(tmp_path, data, r"'a/data.pkl' is compressed \(method 8\), not stored")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_entries_twice(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for _ in range(2):
            archive.writestr("a/data.pkl", b"N.")
    refused(tmp_path, stream.getvalue(), "'a/data.pkl' is there twice")


def changed(data: bytes, offset: int, layout: str, value: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(layout, changed, offset % len(data), value)
    return bytes(changed)


def test_directories_that_lie(tmp_path):
    data = zip_of({"a/data.pkl": tensor_pickle(), "a/data/0": bytes(24)})
    second = data.rindex(b"PK\x01\x02")
    for offset, layout, value, message in [
        (-22, "<I", 0, "no zip directory"),
        (-12, "<H", 9, "in parts"),
        (-10, "<I", 9, "which is not its place"),
        (-6, "<I", 2**32 - 1, "which is not its place"),
        (-2, "<H", 1, "with a comment"),
        (second, "<I", 0, "makes no sense"),
        (second + 8, "<H", 1, "is encrypted"),
        (second + 16, "<I", 1, "is altered: its checksum is another"),
        (second + 20, "<I", 23, "has two sizes"),
        (second + 28, "<H", 9999, "makes no sense"),
        (second + 42, "<I", 0, "has another name at its place"),
        (second + 42, "<I", 7, "is not at its place"),
        (second + 46, "<B", 0xFF, "not UTF-8"),
    ]:
        refused(tmp_path, changed(data, offset, layout, value), message)
    counts = changed(changed(data, -14, "<H", 65535), -12, "<H", 65535)
    refused(tmp_path, counts, "65,535 entries in")
    refused(tmp_path, data + b"\0", "no zip directory at the end")
    refused(tmp_path, data[:-1], "no zip directory at the end")


def test_overlapping_entries(tmp_path):
    """Two names for the bytes of one entry: the trick of zip bombs without compression."""
    data = zip_of({"a/data/0": bytes(24), "a/data/1": bytes(24)})
    first, second = data.index(b"PK\x01\x02"), data.rindex(b"PK\x01\x02")
    size = struct.unpack_from("<I", data, second + 42)[0] + 30 + 8 + 24 - 38
    grown = changed(changed(data, first + 20, "<I", size), first + 24, "<I", size)
    refused(tmp_path, grown, "overlap")


@pytest.mark.parametrize("data", [b"", b"P", b"hello world", b"\x80\x02", b"GGUF" + bytes(99)])
def test_no_file_of_torch(tmp_path, data):
    refused(tmp_path, data, "neither a zip archive|ends too early")


def test_legacy_files_that_lie(tmp_path):
    torch.save({"a": torch.ones(3)}, tmp_path / "b.bin", _use_new_zipfile_serialization=False)
    data = (tmp_path / "b.bin").read_bytes()
    refused(tmp_path, data + b"x", "1 bytes left over")
    refused(tmp_path, data[:-1], "of 12 bytes is cut short")
    refused(tmp_path, changed(data, -20, "<q", 4), "has not its 3 numbers")
    refused(tmp_path, changed(data, 5, "<B", 0), "torch.save did not write")
    for end in range(len(data)):
        refused(tmp_path, data[:end], "; get an intact copy")

"""Plain values in a pickle, read without running anything, and written.

A pickle is a program for a stack machine; here it can build dicts, lists, tuples, strings, numbers,
and calls of a few names that the caller lists and answers itself. Nothing is imported, no object is
made, and every other opcode or name is refused (Python's Lib/pickletools.py documents the opcodes).
Not here: what tensors are (`torch_zip.py`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from weft.tokenizers.strict_json import malformed, shown

MAX_BYTES = 64 << 20
MAX_VALUES = 1 << 18  # pushed in all: a list costs one byte in the file and 56 in memory
MAX_STRING = 1 << 20
MAX_NAME = 256

MARK = object()
Call = Callable[[tuple[Any, ...]], Any]


class Name:
    """A global that was on the list: it can be called by the pickle, and nothing else."""

    def __init__(self, name: str, call: Call) -> None:
        self.name, self.call = name, call


class Reader:
    """Reads one pickle of `data` at `place`.

    calls:      the allowed names, "module.name", and what each gives for a tuple of arguments
    persistent: what a persistent id stands for
    """

    def __init__(
        self,
        data: bytes,
        where: str,
        calls: Mapping[str, Call] | None = None,
        persistent: Callable[[Any], Any] | None = None,
        place: int = 0,
    ) -> None:
        self.data, self.where, self.place = data, where, place
        self.calls, self.persistent = calls or {}, persistent
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.values = 0

    def read(self) -> Any:
        """The value; `place` is then behind it. Raises `MalformedFileError`."""
        try:
            while True:
                code = self.take(1)[0]
                if code == 0x2E:  # STOP
                    return self.finish()
                step = STEPS.get(code)
                if step is None:
                    self.refuse(f"the opcode 0x{code:02x} at byte {self.place - 1:,}")
                step(self)
        except (IndexError, KeyError, TypeError, ValueError, struct.error) as error:
            # a stack that is empty, a memo that is not there, a number that is no number
            self.damaged(f"a pickle that makes no sense ({type(error).__name__})")

    def finish(self) -> Any:
        if len(self.stack) != 1 or self.stack[0] is MARK:
            self.damaged("a pickle that leaves no single value")
        return self.stack[0]

    def take(self, count: int) -> bytes:
        piece = self.data[self.place : self.place + count]
        if len(piece) < count:
            self.damaged("a pickle that ends too early")
        self.place += count
        return piece

    def number(self, layout: str) -> Any:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def text(self, layout: str) -> str:
        length = self.number(layout)
        if length > MAX_STRING:
            self.damaged(f"a string of {length:,} bytes, more than {MAX_STRING:,}")
        return self.take(length).decode("utf-8", "surrogatepass")

    def line(self) -> str:
        end = self.data.find(b"\n", self.place, self.place + MAX_NAME + 1)
        if end < 0:
            self.damaged(f"a name without an end in {MAX_NAME} bytes")
        name = self.take(end - self.place).decode()
        self.place += 1
        return name

    def push(self, value: Any) -> None:
        self.values += 1
        if self.values > MAX_VALUES:
            self.damaged(f"more than {MAX_VALUES:,} values in a pickle")
        self.stack.append(value)

    def pop(self) -> Any:
        value = self.stack.pop()
        if value is MARK:
            self.damaged("a pickle that makes no sense (mark)")
        return value

    def since_mark(self) -> list[Any]:
        items = []
        while (item := self.stack.pop()) is not MARK:
            items.append(item)
        return items[::-1]

    def top(self, kind: type) -> Any:
        """The top of the stack, which must be a list or a dict."""
        if type(self.stack[-1]) is not kind:
            self.damaged(f"a pickle that takes another value for a {kind.__name__}")
        return self.stack[-1]

    def find(self, module: Any, name: Any) -> None:
        full = f"{module}.{name}"
        if not (isinstance(module, str) and isinstance(name, str)) or full not in self.calls:
            self.refuse(f"the name {shown(full)}")
        self.push(Name(full, self.calls[full]))

    def refuse(self, what: str) -> NoReturn:
        malformed(
            f"a pickle with {what}, which Weft does not take: it runs no code from a file",
            self.where,
            "save the weights as safetensors with the program that made it",
        )

    def damaged(self, what: str) -> NoReturn:
        malformed(what, self.where)


def _append(reader: Reader, items: list[Any]) -> None:
    reader.top(list).extend(items)


def _set(reader: Reader, items: list[Any]) -> None:
    target, (keys, values) = reader.top(dict), (items[::2], items[1::2])
    for key, value in zip(keys, values, strict=True):
        if not isinstance(key, str | int | float | None):  # the hash of nested tuples can take ages
            reader.damaged(f"a dict whose key is a {type(key).__name__}")
        if key in target:
            reader.damaged(f"a dict with the key {shown(key)} twice")
        target[key] = value


def _reduce(reader: Reader) -> None:
    arguments, name = reader.pop(), reader.pop()
    if not isinstance(name, Name) or not isinstance(arguments, tuple):
        reader.damaged("a pickle that calls what is no name")
    reader.push(name.call(arguments))


def _build(reader: Reader) -> None:
    """Attributes of an object: those of an OrderedDict (a state dict's metadata) are passed by."""
    reader.pop()
    reader.top(dict)


def _tuple(count: int) -> Callable[[Reader], None]:
    def step(reader: Reader) -> None:
        reader.push(tuple([reader.pop() for _ in range(count)][::-1]))

    return step


def _persistent(reader: Reader) -> None:
    if reader.persistent is None:
        reader.refuse("a persistent id")
    else:
        reader.push(reader.persistent(reader.pop()))


def _put(layout: str) -> Callable[[Reader], None]:
    def step(reader: Reader) -> None:
        reader.memo[reader.number(layout)] = reader.stack[-1]

    return step


def _number(layout: str) -> Callable[[Reader], None]:
    return lambda reader: reader.push(reader.number(layout))


def _text(layout: str) -> Callable[[Reader], None]:
    return lambda reader: reader.push(reader.text(layout))


def _get(layout: str) -> Callable[[Reader], None]:
    return lambda reader: reader.push(reader.memo[reader.number(layout)])


def _stack_global(reader: Reader) -> None:
    name, module = reader.pop(), reader.pop()
    reader.find(module, name)


def _long(reader: Reader) -> None:
    reader.push(int.from_bytes(reader.take(reader.number("<B")), "little", signed=True))


def _global(reader: Reader) -> None:
    module = reader.line()
    reader.find(module, reader.line())


def _memoize(reader: Reader) -> None:
    reader.memo[len(reader.memo)] = reader.stack[-1]


STEPS: dict[int, Callable[[Reader], None]] = {
    0x80: lambda r: _protocol(r, r.number("<B")),
    0x95: lambda r: r.number("<Q"),  # FRAME: a length that nothing here depends on
    ord("("): lambda r: r.push(MARK),
    ord("0"): lambda r: r.stack.pop(),
    ord("N"): lambda r: r.push(None),
    0x88: lambda r: r.push(True),
    0x89: lambda r: r.push(False),
    ord("J"): _number("<i"),
    ord("K"): _number("<B"),
    ord("M"): _number("<H"),
    ord("G"): _number(">d"),
    0x8A: _long,
    ord("X"): _text("<I"),
    0x8C: _text("<B"),
    0x8D: _text("<Q"),
    ord("]"): lambda r: r.push([]),
    ord("}"): lambda r: r.push({}),
    ord(")"): lambda r: r.push(()),
    ord("t"): lambda r: r.push(tuple(r.since_mark())),
    0x85: _tuple(1),
    0x86: _tuple(2),
    0x87: _tuple(3),
    ord("a"): lambda r: _append(r, [r.pop()]),
    ord("e"): lambda r: _append(r, r.since_mark()),
    ord("s"): lambda r: _set(r, [r.pop(), r.pop()][::-1]),
    ord("u"): lambda r: _set(r, r.since_mark()),
    ord("q"): _put("<B"),
    ord("r"): _put("<I"),
    0x94: _memoize,
    ord("h"): _get("<B"),
    ord("j"): _get("<I"),
    ord("c"): _global,
    0x93: _stack_global,
    ord("R"): _reduce,
    ord("b"): _build,
    ord("Q"): _persistent,
}


def _protocol(reader: Reader, version: int) -> None:
    if not 2 <= version <= 5:
        reader.refuse(f"protocol {version}")


def read_pickle(data: bytes, where: str) -> Any:
    """The plain value of a pickle without any names. Raises `MalformedFileError`."""
    return Reader(data, where).read()


def write_pickle(value: Any, special: Callable[[Any], Iterator[bytes]] | None = None) -> bytes:
    """A pickle of protocol 2 of dicts, lists, tuples, strings, numbers and None.

    `special` gives the opcodes of what is none of these, or raises TypeError, as without it.
    """
    return b"".join([b"\x80\x02", *_written(value, special), b"."])


def _written(value: Any, special: Any) -> Iterator[bytes]:
    kind = type(value)
    if kind in _PLAIN:
        yield _PLAIN[kind](value)
    elif kind is dict:
        yield b"}("
        for item in value.items():
            yield from _written(item[0], special)
            yield from _written(item[1], special)
        yield b"u"
    elif kind in (list, tuple):
        yield b"](" if kind is list else b"("
        for item in value:
            yield from _written(item, special)
        yield b"e" if kind is list else b"t"
    elif special is not None:
        yield from special(value)
    else:
        raise TypeError(f"cannot pickle a {kind.__name__}")


def _write_int(value: int) -> bytes:
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    size = value.bit_length() // 8 + 1
    return bytes([0x8A, size]) + value.to_bytes(size, "little", signed=True)


def _write_text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


_PLAIN: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"N",
    bool: lambda value: b"\x88" if value else b"\x89",
    int: _write_int,
    float: lambda value: b"G" + struct.pack(">d", value),
    str: _write_text,
}

"""What the first bytes of a file say it is: text, text in another encoding, or a binary format.

A format whose magic is itself plain text (`GIF8`, `RIFF`) counts only if the bytes around it are
not clean text, so a poem that begins with "RIFF" stays a poem. NUL bytes are legal text.
"""

from __future__ import annotations

import codecs

HEAD = 1 << 16  # bytes of a file that are looked at

BYTE_ORDER_MARKS = (  # UTF-32 first: its little-endian mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"

MAGICS = (
    (GZIP, "a gzip archive"),
    (ZIP, "a zip archive (or a document made of one, such as .docx, .epub, .npz)"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x7fELF", "an ELF program or library"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"),
    (b"\x00asm", "a WebAssembly module"),
    (b"\xcf\xfa\xed\xfe", "a Mach-O program"),
    (b"WEFTTOKS", "a token shard"),
)

TEXTUAL_MAGICS = (
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"GGUF", "a GGUF model"),
    (b"GIF8", "a GIF image"),
    (b"BZh", "a bzip2 archive"),
    (b"RIFF", "a RIFF file (sound, video or WebP)"),
    (b"OggS", "an Ogg sound file"),
    (b"ID3", "an MP3 sound file"),
    (b"MZ", "a Windows program"),
)


def wide_encoding(head: bytes) -> str | None:
    """`UTF-16` or `UTF-32` if `head` begins with that byte order mark."""
    return next((name for mark, name in BYTE_ORDER_MARKS if head.startswith(mark)), None)


def binary_format(head: bytes) -> str | None:
    """The name of the binary format that `head` begins like, or None."""
    magics = MAGICS if is_clean_text(head) else MAGICS + TEXTUAL_MAGICS
    known = next((name for magic, name in magics if head.startswith(magic)), None)
    if known is None and head[257:262] == b"ustar":
        return "a tar archive"
    if known is None and is_safetensors(head):
        return "a safetensors file"
    return known


def is_safetensors(head: bytes) -> bool:
    length = int.from_bytes(head[:8], "little")
    return head[8:10] == b'{"' and 2 <= length <= 100_000_000 and head[7:8] == b"\0"


def is_utf8(head: bytes) -> bool:
    """Whether `head` is UTF-8; its last character may be cut."""
    try:
        codecs.utf_8_decode(head, "strict", len(head) < HEAD)
    except UnicodeDecodeError:
        return False
    return True


def is_clean_text(head: bytes) -> bool:
    return b"\0" not in head and is_utf8(head)


def looks_binary(head: bytes) -> bool:
    """Neither a known format nor text: NUL bytes among bytes that are not UTF-8."""
    return b"\0" in head and not is_utf8(head)

r"""Write tokenizer_classes.h: for every code point, whether it is \p{L}, \p{N}, \s or none of them.

    .venv/bin/python csrc/tokenizer_classes.py      # after an update of `regex`, for a new Unicode

The answers are those of the module `regex`, on which the definition (tokenizers/pattern.py) runs;
tests/tokenizers/test_native_pattern.py compares the two at every code point. A table of two
stages: blocks of 256 code points that are alike are there once.
"""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import regex

FILE = Path(__file__).with_name("tokenizer_classes.h")
PATTERNS = {1: r"\p{L}", 2: r"\p{N}", 3: r"\s"}  # 0: none of them
BLOCK = 256
WORD = 32  # code points in 64 bits
WIDTH = 100


def classes() -> list[int]:
    """The class of every code point; the classes exclude each other."""
    text = "".join(map(chr, range(sys.maxunicode + 1)))
    found = [0] * len(text)
    for number, pattern in PATTERNS.items():
        for match in regex.finditer(pattern, text):
            assert found[match.start()] == 0, hex(match.start())
            found[match.start()] = number
    return found


def words(block: list[int]) -> tuple[int, ...]:
    """Two bits for each code point, the first one lowest."""
    return tuple(
        sum(number << 2 * i for i, number in enumerate(block[start : start + WORD]))
        for start in range(0, BLOCK, WORD)
    )


def lines(items: list[str]) -> str:
    """Items in lines of at most `WIDTH` characters."""
    rows, row = [], ""
    for item in items:
        if len(row) + len(item) + 6 > WIDTH:
            rows.append(row)
            row = ""
        row += f" {item}," if row else f"    {item},"
    return "\n".join([*rows, row])


def table(found: list[int]) -> str:
    """The C++ of both stages; what lies above the last character with a class is left out."""
    last = max(i for i, number in enumerate(found) if number)
    blocks = [words(found[start : start + BLOCK]) for start in range(0, last + 1, BLOCK)]
    different = list(dict.fromkeys(blocks))
    places = [str(different.index(block)) for block in blocks]
    assert len(different) <= 256
    hexadecimal = [f"{word:#x}" for block in different for word in block]
    return (
        f"constexpr uint32_t CLASSED_POINTS = {len(blocks) * BLOCK:#x}; // others are above it\n\n"
        f"constexpr uint8_t BLOCK_OF[{len(blocks)}] = {{\n{lines(places)}\n}};\n\n"
        f"constexpr uint64_t BLOCKS[{len(different)} * {BLOCK // WORD}] = {{\n"
        f"{lines(hexadecimal)}\n}};\n"
    )


def main() -> None:
    FILE.write_text(
        "// Written by tokenizer_classes.py from regex "
        f"{importlib.metadata.version('regex')}; do not edit.\n"
        r"// For each code point two bits: 0 other, 1 \p{L}, 2 \p{N}, 3 \s; in blocks of 256, each"
        "\n// once.\n// clang-format off\n"
        "#pragma once\n#include <stdint.h>\n\nnamespace weft {\n\n"
        + table(classes())
        + "\n} // namespace weft\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()

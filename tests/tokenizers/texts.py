"""Texts that find mistakes in tokenizers: strategies of random ones, and a list of nasty ones.

Only code points that Unicode 14 knows (Python 3.11's): of later ones `regex`, `tokenizers` and
`tiktoken` disagree which are letters, because each carries its own table.
"""

import unicodedata

from hypothesis import strategies as st

KNOWN = st.characters(exclude_categories=["Cs", "Cn"])

FRAGMENTS = [
    *["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'lls", "'", "''", "’s"],
    *["it's", "don't", "I'LL"],
    *["\n", "\r\n", "\t", "  ", "    ", "\u00a0", "\u2028", "\u3000", "\u001c", "\u0085", "\x00"],
    *["a", " a", "B", " the", "hello", "é", "e\u0301", "ß", "İ", "中文", "日本語", "हिन्दी", "ก็"],
    *[
        "1",
        "12345",
        " 2026",
        "x²",
        "½",
        "٣",
        "Ⅷ",
        "🧵",
        "👩‍👩‍👧",
        "🇩🇪",
        "\U000e0041",
        "\ufffd",
        "\ufeff",
    ],
    *[
        "!",
        "...",
        "<|endoftext|>",
        "<|",
        "|>",
        "<|endoftext",
        "<unk>",
        "Ġ",
        "Ċ",
        "#",
        "#version: 0.2",
    ],
    *["_x", "a.b", '{"k": [1, 2]}', "https://a.b/c?d=e", "\\", "`", "$1", "~" * 9],
]

TEXTS = st.one_of(
    st.text(KNOWN, max_size=40),
    st.text(st.sampled_from(" \n\t'sltrevmd1aé!<|>"), max_size=40),
    st.lists(st.one_of(st.sampled_from(FRAGMENTS), KNOWN), max_size=20).map("".join),
)

NASTY = [
    "",
    " ",
    "\n",
    *(
        unit * 10_000
        for unit in ["^", "0", "a", "'s", " ", "\n", "ab", " a", "é", "🧵", "中", "<|"]
    ),
    "".join(FRAGMENTS),
    " ".join(FRAGMENTS),
    "\n    return  x\n\n\n\tif y:\r\n",
    "".join(map(chr, range(0x3000))),
]


def known(text: str) -> bool:
    """Whether every character is one that all engines know."""
    return all(unicodedata.category(c) not in ("Cn", "Cs") for c in text)


NASTY[-1] = "".join(c for c in NASTY[-1] if known(c))


def cut(text: str, places: list[int]) -> list[str]:
    """The text in chunks, cut at the given places (modulo its length)."""
    ends = sorted(place % (len(text) + 1) for place in places)
    return [text[a:b] for a, b in zip([0, *ends], [*ends, len(text)], strict=True)]


CUTS = st.lists(st.integers(0, 10_000), max_size=8)

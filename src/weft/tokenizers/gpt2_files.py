"""GPT-2's own files: `encoder.json` + `vocab.bpe`, or `vocab.json` + `merges.txt` by other names.

The first is token -> id, the second a pair of tokens per line in the order of the merges, both in
the byte alphabet. They do not say which tokens are special: "<|endoftext|>" is, if it is there.
"""

from __future__ import annotations

from weft.tokenizers.strict_json import malformed, parse_object, shown
from weft.tokenizers.tokenizer import END_OF_TEXT
from weft.tokenizers.vocabulary import BPEParts, bpe_parts

FILE_NAMES = (("encoder.json", "vocab.bpe"), ("vocab.json", "merges.txt"))


def read(vocab: bytes, merges: bytes, where: str, where_merges: str) -> BPEParts:
    """Read the two files. MalformedFileError names the file and what is wrong in it."""
    ids = parse_object(vocab, where)
    pairs = _read_merges(merges, where_merges)
    special = {END_OF_TEXT: ids[END_OF_TEXT]} if END_OF_TEXT in ids else {}
    return bpe_parts(ids, pairs, special, where)


def _read_merges(data: bytes, where: str) -> list[tuple[str, str]]:
    try:
        lines = data.decode().split("\n")  # not splitlines(): U+0085 can be part of a token
    except UnicodeDecodeError as error:
        malformed(f"not UTF-8 at byte {error.start}", where)
    first = 1 if lines[0].startswith("#version") else 0  # other lines may begin with "#" too
    while lines and not lines[-1].strip("\r"):
        lines.pop()
    pairs = [tuple(line.rstrip("\r").split(" ")) for line in lines[first:]]
    for number, pair in enumerate(pairs, first):
        if len(pair) != 2:
            malformed(f"line {number + 1} is {shown(lines[number])}, not two tokens", where)
    return [(left, right) for left, right in pairs]

"""Open a tokenizer: a `tokenizer.json`, GPT-2's own two files, or a folder that has either."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from weft.errors import ConfigError
from weft.tokenizers import gpt2_files, hugging_face
from weft.tokenizers.bpe import BPETokenizer
from weft.tokenizers.characters import CharacterTokenizer
from weft.tokenizers.strict_json import printable, read_bounded
from weft.tokenizers.tokenizer import Tokenizer
from weft.tokenizers.vocabulary import BPEParts, CharacterParts

_HUGGING_FACE = "tokenizer.json"


def load_tokenizer(path: str | PathLike[str]) -> Tokenizer:
    """Load from a file or a folder (a checkpoint, a Hugging Face model, GPT-2's files).

    Errors: ConfigError if there is no tokenizer, MalformedFileError if it cannot be used.
    """
    try:
        return _load(Path(path))
    except OSError as error:
        raise ConfigError(
            f"cannot read the tokenizer: {error.strerror}; {printable(path)}; "
            "check the path and its rights"
        ) from None


def tokenizer_from_json(text: str, where: str = "tokenizer.json") -> Tokenizer:
    """The tokenizer of the text of a `tokenizer.json`; `where` names it in messages."""
    return _build(hugging_face.read(text.encode(errors="surrogatepass"), where))


def _load(path: Path) -> Tokenizer:
    if not path.is_dir():
        for pair in gpt2_files.FILE_NAMES:
            if path.name in pair:
                return _load_gpt2(path.parent, pair)
        return _build(hugging_face.read(read_bounded(path), str(path)))
    if (path / _HUGGING_FACE).exists():
        return _load(path / _HUGGING_FACE)
    for pair in gpt2_files.FILE_NAMES:
        if (path / pair[0]).exists():
            return _load_gpt2(path, pair)
    raise ConfigError(
        "no tokenizer.json, encoder.json + vocab.bpe or vocab.json + merges.txt; in "
        f"{printable(path)}; give a folder that has one of them"
    )


def _load_gpt2(folder: Path, names: tuple[str, str]) -> Tokenizer:
    vocab, merges = (folder / name for name in names)
    parts = gpt2_files.read(read_bounded(vocab), read_bounded(merges), str(vocab), str(merges))
    return _build(parts)


def _build(parts: BPEParts | CharacterParts) -> Tokenizer:
    if isinstance(parts, CharacterParts):
        return CharacterTokenizer(parts.tokens, parts.unknown, parts.special_tokens)
    return BPETokenizer(parts.tokens, parts.merges, parts.special_tokens)

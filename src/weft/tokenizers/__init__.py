"""Text <-> ids: characters and byte-level BPE, trained here or read from GPT-2's files."""

from weft.tokenizers.bpe import BPETokenizer
from weft.tokenizers.characters import CharacterTokenizer
from weft.tokenizers.loading import load_tokenizer, tokenizer_from_json
from weft.tokenizers.show import Piece, Shown, show
from weft.tokenizers.streaming import StreamDecoder
from weft.tokenizers.tokenizer import END_OF_TEXT, Tokenizer

__all__ = [
    "END_OF_TEXT",
    "BPETokenizer",
    "CharacterTokenizer",
    "Piece",
    "Shown",
    "StreamDecoder",
    "Tokenizer",
    "load_tokenizer",
    "show",
    "tokenizer_from_json",
]

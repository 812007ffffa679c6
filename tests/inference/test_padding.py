"""A vocabulary padded beyond the tokenizer's: no way of finding a text gives an id of the rest."""

import pytest
from tiny_model import tiny

from weft.tokenizers import CharacterTokenizer


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 2.0, "samples": 3},
        {"temperature": 0},
        {"beams": 3},
        {"contrastive_alpha": 0.5, "top_k": 4},
        {"prompt_lookup": 3},
        {"top_k": 1, "logprobs": 2},
    ],
)
def test_padding_is_never_chosen(options):
    loaded = tiny(block_size=64)  # 28 tokens
    loaded.tokenizer = CharacterTokenizer.train(["abcdefghi"])
    texts = loaded.generate("abc", max_tokens=60, **options)
    assert {len(text) for text in ([texts] if isinstance(texts, str) else texts)} == {60}


def test_without_padding_nothing_changes():
    loaded = tiny()
    texts = loaded.generate("abc", max_tokens=30, samples=2)
    assert set("".join(texts)) - set("abcdefghi")

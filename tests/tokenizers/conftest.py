"""GPT-2's own files, and the two reference tokenizers made from them without a network.

Lets tests import `texts`, the strategies beside this file, by name.
"""

import json
import os
import sys
from pathlib import Path

import pytest
import tiktoken

import tokenizers
from weft.tokenizers import BPETokenizer, load_tokenizer
from weft.tokenizers.pattern import GPT2_PATTERN

sys.path.insert(0, str(Path(__file__).parent))

STORY = (
    "Once upon a time there was a cat. The cat's name was Cat; it didn't like the other cats' "
    'hats, but it liked that hat.\n\n    "That\'s the hat!" said the cat, 12 times in 1999.\n'
) * 3


def data_file(name: str) -> Path:
    folder = Path(os.environ.get("WEFT_DATA") or Path(__file__).parents[2] / "../shared/data")
    if not (folder / name).exists():
        pytest.skip(f"{name} is not in {folder}; set WEFT_DATA")
    return folder / name


@pytest.fixture(scope="session")
def shakespeare() -> str:
    return data_file("tinyshakespeare.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def gpt2_folder() -> Path:
    return data_file("gpt2")


@pytest.fixture(scope="session")
def gpt2(gpt2_folder) -> BPETokenizer:
    return load_tokenizer(gpt2_folder)


@pytest.fixture(scope="session")
def gpt2_merges(gpt2_folder) -> list[str]:
    return (gpt2_folder / "vocab.bpe").read_text(encoding="utf-8").split("\n")[1:-1]


@pytest.fixture(scope="session")
def tiktoken_gpt2(gpt2) -> tiktoken.Encoding:
    ranks = {gpt2.token_bytes(id): id for id in range(50256)}
    special = {"<|endoftext|>": 50256}
    return tiktoken.Encoding(
        "gpt2", pat_str=GPT2_PATTERN, mergeable_ranks=ranks, special_tokens=special
    )


@pytest.fixture(scope="session")
def hugging_face_gpt2(gpt2_folder, gpt2_merges) -> tokenizers.Tokenizer:
    vocab = json.loads((gpt2_folder / "encoder.json").read_text(encoding="utf-8"))
    merges = [tuple(merge.split(" ")) for merge in gpt2_merges]
    reference = tokenizers.Tokenizer(tokenizers.models.BPE(vocab, merges))
    reference.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    reference.decoder = tokenizers.decoders.ByteLevel()
    reference.add_special_tokens(["<|endoftext|>"])
    reference.encode_special_tokens = True  # take "<|endoftext|>" in a text for text
    return reference


@pytest.fixture(scope="session")
def small() -> BPETokenizer:
    """A tokenizer of a few merges: every seam between them is near."""
    return BPETokenizer.train([STORY], 320, ["<|endoftext|>", "<|user|>", "<|user|>!"])

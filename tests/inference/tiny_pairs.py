"""A tiny encoder-decoder with random weights, which ends its targets now and then."""

from weft.config import EncoderDecoderConfig
from weft.inference import LoadedModel
from weft.models import EncoderDecoder
from weft.random import Generator
from weft.tokenizers import CharacterTokenizer

LETTERS = "\n\t abcde"


def tiny_pairs(block_size=10, seed=4):
    tokenizer = CharacterTokenizer.train([LETTERS])
    config = EncoderDecoderConfig(
        vocab_size=tokenizer.vocab_size, block_size=block_size, n_layer=2, n_head=2, n_embd=16,
        tie_embeddings=False,
    )  # fmt: skip
    model = EncoderDecoder(config, Generator(seed)).eval()
    for parameter in model.parameters():
        parameter.array *= 2 if parameter.ndim == 2 else 1  # so that the logits differ clearly
    return LoadedModel(model, tokenizer, config, path=None, step=0)

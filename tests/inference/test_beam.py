"""Beam search: transformers' texts and scores, and the best text of all if the beam is wide."""

import itertools

import numpy as np
import pytest
from tiny_model import tiny

from weft.inference.beam import BeamSearch
from weft.random import Generator
from weft.sampling import Sampling, log_probabilities

V, END = 6, 3


class Theirs:
    """A model of transformers as a decoder: a sequence is the list of its ids, read anew."""

    def __init__(self, model):
        self.model = model

    def start(self, length):
        return Ids()

    def read(self, sequences, tokens):
        import torch

        for sequence, new in zip(sequences, tokens, strict=True):
            sequence += new
        with torch.no_grad():
            return self.model(torch.tensor(sequences)).logits[:, -1].numpy()


class Ids(list):
    def copy(self):
        return Ids(self)


@pytest.fixture(scope="module")
def model():
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        vocab_size=V, n_positions=32, n_embd=16, n_layer=1, n_head=2, bos_token_id=0,
        eos_token_id=END, pad_token_id=END,
    )  # fmt: skip
    model = transformers.GPT2LMHeadModel(config).eval()
    torch.manual_seed(5)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_((1.0 if "ln_" in name else 0.0) + 0.45 * torch.randn_like(p))
    return model


STOPPING = {"no": False, "yes": True, "never": "never"}
CASES = [
    (beams, penalty, stopping, 1.0, END)
    for beams, penalty, stopping in itertools.product((2, 4), (-1.0, 0.0, 1.0, 2.0), STOPPING)
]
CASES += [(3, 1.0, "no", 1.8, END), (5, 0.5, "yes", 1.2, END), (1, 1.0, "no", 1.0, END)]
CASES += [(2, 2.0, "no", 1.0, 4), (2, 2.0, "never", 1.0, 4)]  # here the two differ


@pytest.mark.parametrize(("beams", "penalty", "stopping", "repetition", "end"), CASES)
def test_texts_and_scores_are_those_of_transformers(
    model, beams, penalty, stopping, repetition, end
):
    import torch

    prompt = [1, 2, 5]
    ours = BeamSearch(
        Theirs(model), prompt, beams=beams, length_penalty=penalty, early_stopping=stopping,
        block_size=32, max_tokens=9, end=end, sampling=Sampling(repetition_penalty=repetition),
    )  # fmt: skip
    ids = list(ours)
    theirs = model.generate(
        torch.tensor([prompt]), attention_mask=torch.ones(1, 3, dtype=torch.long),
        num_beams=beams, num_return_sequences=beams, length_penalty=penalty,
        early_stopping=STOPPING[stopping], max_new_tokens=9, do_sample=False, eos_token_id=end,
        repetition_penalty=repetition, return_dict_in_generate=True, output_scores=True,
    )  # fmt: skip
    expected = [row[3:].tolist() for row in theirs.sequences]
    expected = [row[: row.index(end)] if end in row else row for row in expected]
    assert ids == expected[0] and [list(text.ids) for text in ours.ended] == expected
    if beams > 1:
        np.testing.assert_allclose(
            [text.score for text in ours.ended], theirs.sequences_scores, rtol=1e-4, atol=1e-5
        )


class Table:
    """A decoder whose logits depend on the last token alone."""

    def __init__(self, table):
        self.table = table

    def start(self, length):
        return Ids()

    def read(self, sequences, tokens):
        return self.table[[new[-1] for new in tokens]]


@pytest.mark.parametrize("seed", range(5))
def test_a_beam_wide_enough_finds_the_best_text_of_all(seed):
    table = Generator(seed).normal((4, 4)) * 2
    search = BeamSearch(
        Table(table), [0], beams=64, block_size=9, max_tokens=3, sampling=Sampling(),
        length_penalty=0.0,
    )  # fmt: skip
    logs = log_probabilities(table)
    total = {
        text: sum(logs[a, b] for a, b in itertools.pairwise((0, *text)))
        for text in itertools.product(range(4), repeat=3)
    }
    assert tuple(search) == max(total, key=total.get)
    found = [text.score for text in search.ended]
    np.testing.assert_allclose(found, sorted(total.values(), reverse=True), rtol=1e-9)


@pytest.mark.parametrize("arch", ["gpt2", "qwen3"])
def test_one_beam_more_than_greedy_with_a_real_cache(arch):
    loaded = tiny(arch, block_size=32)
    text = loaded.generate("once", beams=4, max_tokens=10)
    ids = loaded.encode_prompt("once") + loaded.encode_prompt(text)
    greedy = loaded.encode_prompt("once" + loaded.generate("once", temperature=0, max_tokens=10))

    def total(ids):
        logits = loaded.decoder.read_all([loaded.decoder.start()], [ids[:-1]])[0][3:]
        return log_probabilities(logits)[np.arange(10), ids[4:]].sum()

    assert total(ids) >= total(greedy) and len(text) == 10
    stream = loaded.stream("once", beams=4, max_tokens=10)
    assert "".join(stream) == text and stream.finish_reason == "length"


def test_the_context_ends_the_text(loaded):
    stream = loaded.stream("abc", beams=3, max_tokens=100)
    assert len("".join(stream)) == 14 and stream.finish_reason == "context"


def test_banned_words_never_come(loaded):
    text = loaded.generate("once", beams=3, max_tokens=10)
    banned = loaded.generate("once", beams=3, max_tokens=10, banned_words=[text[:2]])
    assert text[:2] not in banned and len(banned) == 10

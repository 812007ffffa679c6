"""The numbers of the four documents that Weft grew from: where each is reproduced.

Most come out of a lesson, whose test compares all that it prints, or of a test beside the code.
Two tables below name the place; a number that left its place fails here. What no other file
computes is computed here.
"""

import ast
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import weft
from weft import nn
from weft.config import ModelConfig
from weft.formats.parameters import parameter_shapes
from weft.nn import functional as F
from weft.sampling import filters

TESTS = Path(__file__).parent
LESSONS = Path(weft.__file__).parent / "lessons"

# Lesson -> what it must print, each on a line of its own.
PRINTED = {
    1: {"corn": "4/11", "grass": "3/11", "hay": "2/11", "if": "1/11", "which": "1/11"},
    3: {
        "version A": "version_a: 108 nodes, loss 1.313739",
        "B": "version_b: 108 nodes, loss 1.313739",
    },
    4: {
        "fc1.weight": "[[ 0.5406,  0.5869],",
        "its second row": "[-0.1657,  0.6496]]",
        "fc1.bias": "[-0.1549,  0.1427]",
        "the module tree": "(fc1): Linear(in_features=2, out_features=2, bias=True)",
        "untrained": "0.6653 0.6683 0.6511 0.6557",
        "written out": "tensor([0.6653], grad_fn=<SigmoidBackward0>)",
        "SGD": "0.0483 0.9567 0.9425 0.0434",
        "second model": "0.5916 0.6037 0.5989 0.6101",
        "second model, trained": "0.0157 0.4996 0.9828 0.5006",
        "third model": "0.3454 0.3412 0.3613 0.3574",
        "third model, trained": "0.0171 0.9819 0.9819 0.0223",
    },
    5: {
        "the PyTorch example": "(linear1): Linear(in_features=784, out_features=512, bias=True)",
        "its second layer": "(linear2): Linear(in_features=512, out_features=512, bias=True)",
    },
    7: {
        "dot products": "0.14 0.2 0.26 0.32 0.38",
        "the blog's softmax": "0.17806 0.18902 0.19973 0.21032 0.22287",
        "the blog's context vector": "0.310092 0.411992 0.510347",
    },
    8: {
        "the blog's log, first": "step    0: train 4.5158, validation 4.5177",
        "the blog's log, best": "step 2000: train 1.1676, validation 1.5936",
        "the blog's log, last": "step 4999: train 0.3497, validation 2.9876",
        "weights saved and loaded": "the loaded model is the same: True",
    },
    9: {
        "ids": "[3673, 477, 10281, 5806, 1451, 274, 13]",
        "tokens": "['Not', 'Ġall', 'Ġheroes', 'Ġwear', 'Ġcap', 'es', '.']",
        "decoded": "Not all heroes wear capes.",
        "an unknown word": "['z', 'j', 'q', 'fl']",
        "entries": "50,257",
    },
    10: {
        "the seven words": "not all heroes wear capes .",
        "greedy decoding": "[1, 0] -> [2, 4, 6]",
        "n_vocab and n_embd": "(50257, 768)",
        "n_ctx": "(1024, 768)",
        "n_layer": "blocks: 12 times",
    },
    11: {
        "the classification view": "= play",
        "few-shot prompts": "sea otter => loutre de mer; peppermint => menthe poivrée; ",
        "top-k keeps three": "top-k 3        play 0.50 sleep 0.33 bark 0.17",
    },
    12: {  # GiB, and the cards that hold them
        "Megatron-LM": "8.3 billion, full: 30 GiB (30.92)   fits on 32 GB, 80 GB",
        "Megatron-LM in half": "8.3 billion, half: 15 GiB (15.46)   fits on 16 GB, 32 GB, 80 GB",
        "GPT-3": "175.0 billion, full: 651 GiB (651.93) needs 9 of 80 GB",
        "GPT-3 in half": "175.0 billion, half: 325 GiB (325.96) needs 5 of 80 GB",
        "by layer": "by layer, the same:       True",
        "by operation": "by operation, the same:   True",
        "by token": "by token, the same:       True",
        "by micro-batch": "by micro-batch, the same: True",
    },
}

# What a test beside the code holds: the file, the test in it, and a piece of its text.
TESTED = [
    ("parity/test_programs.py", "test_the_workshops_numbers", "0.0157 0.4996 0.9828 0.5006"),
    ("nn/test_linear.py", "", "0.5406"),
    ("tokenizers/test_bpe.py", "", "3673, 477, 10281, 5806, 1451, 274, 13"),
    ("models/test_ngram.py", "test_what_cows_eat", "Fraction(4, 11)"),
    ("lessons/test_gradients.py", "test_equal_to_pytorch", ""),
    ("lessons/test_gradients.py", "test_versions_a_and_b_agree_on_any_graph", ""),
    ("training/test_overfitting.py", "", "1.4697"),
]


@pytest.mark.parametrize(
    ("lesson", "what"), [(n, what) for n, found in PRINTED.items() for what in found]
)
def test_a_lesson_prints_it(lesson, what):
    assert list(LESSONS.glob(f"l{lesson:02}_*.py")), f"lesson {lesson} is gone"
    printed = (TESTS / "lessons" / "expected" / f"{lesson:02}.txt").read_text(encoding="utf-8")
    assert PRINTED[lesson][what] in printed


@pytest.mark.parametrize(("file", "test", "text"), TESTED)
def test_a_test_holds_it(file, test, text):
    source = (TESTS / file).read_text(encoding="utf-8")
    names = {node.name for node in ast.walk(ast.parse(source)) if hasattr(node, "name")}
    assert not test or test in names
    assert text in source


# ----- GPT in 60 lines --------------------------------------------------------------------------


def test_the_124_million_parameters_of_gpt2():
    config = ModelConfig(vocab_size=50257, block_size=1024, n_embd=768, n_head=12, n_layer=12)
    shapes = parameter_shapes(config)
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == 124_439_808
    assert shapes["embedding.weight"] == (50257, 768)
    assert shapes["position.weight"] == (1024, 768)
    assert shapes["blocks.11.feed_forward.up.weight"] == (3072, 768)


def test_gelu_and_softmax_are_their_formulas():
    x = np.linspace(-6, 6, 97)
    gelu = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    ours = F.gelu(weft.tensor(x, dtype=weft.float64), approximate="tanh")
    np.testing.assert_allclose(ours.numpy(), gelu, rtol=1e-12, atol=1e-14)
    shifted = np.exp(x - x.max())
    ours = weft.tensor(x + 1000.0, dtype=weft.float64).softmax(-1)  # e^1000 would overflow
    np.testing.assert_allclose(ours.numpy(), shifted / shifted.sum(), rtol=1e-9)


def test_gpt2s_tokens():
    folder = Path(os.environ.get("WEFT_DATA") or TESTS.parent / "../shared/data") / "gpt2"
    if not folder.is_dir():
        pytest.skip(f"GPT-2's vocabulary is not in {folder}; set WEFT_DATA")
    gpt2 = weft.tokenizers.load_tokenizer(folder)
    assert gpt2.vocab_size == 50257
    assert [gpt2.token_bytes(id) for id in gpt2.encode("zjqfl")] == [b"z", b"j", b"q", b"fl"]
    ids = gpt2.encode("Not all heroes wear capes.")
    assert gpt2.decode(ids) == "Not all heroes wear capes."


def test_top_k_keeps_three_and_temperature_zero_is_greedy():
    logits = np.log(np.array([[0.1, 0.4, 0.05, 0.3, 0.15]], np.float32))
    kept = np.isfinite(filters.keep_top_k(logits, 3))
    assert kept.tolist() == [[False, True, False, True, True]]
    greedy = weft.sampling.Sampling(temperature=0.0)
    uniform = weft.Generator(0)
    assert weft.sampling.sample(logits, uniform, greedy).tolist() == [1]


# ----- the lecture and the blog -----------------------------------------------------------------


def test_the_lectures_pytorch_example():
    """Flatten, Linear(784, 512), Sigmoid, Linear(512, 512), cross-entropy: one step of SGD."""
    images = np.random.default_rng(0).random((4, 28, 28), np.float32)
    labels = np.array([3, 1, 4, 1])
    results = []
    for framework, layers in ((weft, nn), (torch, torch.nn)):
        framework.manual_seed(0)
        model = layers.Sequential(
            layers.Flatten(), layers.Linear(784, 512), layers.Sigmoid(), layers.Linear(512, 512)
        )
        optimizer = framework.optim.SGD(model.parameters(), lr=1e-3)
        losses = []
        for _ in range(3):
            logits = model(framework.tensor(images))  # __call__ runs forward
            loss = layers.CrossEntropyLoss()(logits, framework.tensor(labels))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        results.append(losses)
    ours, theirs = results
    assert ours[0] > ours[1] > ours[2]
    # A loss of 6 whose logits are sums of 784 products: 784 roundings of 2^-24 at most.
    np.testing.assert_allclose(ours, theirs, atol=6 * 784 * 2.0**-24)


def test_attention_by_hand_is_wefts_attention():
    """The blog's own weights are no softmax of its scores; lesson 7 shows where it slips."""
    x = np.arange(1, 4) / 10 + np.arange(5)[:, None] / 10
    assert [f"{score:.3g}" for score in x @ x[0]] == ["0.14", "0.2", "0.26", "0.32", "0.38"]
    heads = weft.tensor(x.reshape(1, 1, 5, 3), dtype=weft.float64)
    context = F.scaled_dot_product_attention(heads, heads, heads, scale=1.0)
    printed = (TESTS / "lessons/expected/07.txt").read_text(encoding="utf-8")
    ours = re.search(r"^ours +context (\S+) (\S+) (\S+)", printed, re.M)
    assert [f"{value:.6f}" for value in context.numpy()[0, 0, 0]] == list(ours.groups())
    # To three digits the blog's context vector is right.
    assert np.abs(context.numpy()[0, 0, 0] - [0.310092, 0.411992, 0.510347]).max() < 0.002

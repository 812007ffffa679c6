"""What Weft writes, llama.cpp opens: the same tokens, the same text, nearly the same numbers."""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from gguf_models import TEXT, greedy, logits_of, model_of, tokenizer_of
from llama_cpp import ask

from weft.config import ModelConfig
from weft.formats.gguf import read_gguf
from weft.formats.gguf_write import write_gguf
from weft.models import GPT
from weft.tokenizers import load_tokenizer

PROMPT = "The quick brown"
STRINGS = [
    PROMPT,
    TEXT[:200],
    "  spaces,   many  \n\n\n and\ttabs\r\n ",
    "don't DON'T we'll x² 12345 ½",
    "日本語 über… \\n \\ é",
    "a",
    "!!!???...---",
]


def completion(tokens: list[int], count: int, probabilities: int = 0) -> tuple[str, dict]:
    body = {"prompt": tokens, "n_predict": count, "temperature": 0, "return_tokens": True,
            "n_probs": probabilities, "cache_prompt": False}  # fmt: skip
    return "/completion", body


MODELS = {
    "gpt2": ("gpt2", "bytes", {}),
    "gpt2 without biases": ("gpt2", "bytes", {"bias": False}),
    "gpt2 untied, of characters": ("gpt2", "characters", {"tie_embeddings": False}),
    "llama": ("llama", "bytes", {}),
    "llama tied, of characters, with biases": (
        "llama", "characters", {"tie_embeddings": True, "bias": True, "rope_theta": 5e5},
    ),
    "qwen3": ("qwen3", "bytes", {}),
    "qwen3 tied": ("qwen3", "bytes", {"tie_embeddings": True}),
}  # fmt: skip


def test_greedy_text_and_tokens_are_equal(tmp_path):
    models, expected = [], []
    for number, (arch, kind, changes) in enumerate(MODELS.values()):
        config, weights, tokenizer = model_of(arch, kind, **changes)
        path = tmp_path / f"{number}.gguf"
        assert write_gguf(path, config, weights, tokenizer) == ()
        strings = [s for s in STRINGS if kind == "bytes" or set(s) <= set(TEXT)]
        prompt = tokenizer.encode(PROMPT)
        requests = [("/tokenize", {"content": text}) for text in strings]
        models.append((path, [completion(prompt, 40), *requests]))
        text = greedy(config, weights, prompt, 40)
        if tokenizer.end_of_text in text:  # there llama.cpp stops
            text = text[: text.index(tokenizer.end_of_text) + 1]
        assert len(text) > 10
        expected.append([text, *map(tokenizer.encode, strings)])
    for name, answers, ours in zip(MODELS, ask(*models), expected, strict=True):
        assert [answer["tokens"] for answer in answers] == ours, name


MORE_STRINGS = [
    *STRINGS, "It's WE'LL I'm", "a\n\n\nb   \n  x", "x² ½ ٣ 1234567890 12,345.67", "e\u0301 éàü",
    "😀🎉👨‍👩‍👧", "a" * 300, "\u00a0nbsp\u2003em", "\x1c\x1d file sep", " " * 50 + "x", "\n" * 20,
    "_under_score__", "Ελληνικά Русский العربية עברית हिन्दी ไทย 日本語のテキスト",
]  # fmt: skip


def test_gpt2s_own_vocabulary(tmp_path):
    folder = Path(os.environ.get("WEFT_DATA") or Path(__file__).parents[2] / "../shared/data")
    if not (folder / "gpt2").is_dir():
        pytest.skip(f"GPT-2's vocabulary is not in {folder}")
    tokenizer = load_tokenizer(folder / "gpt2")
    config = ModelConfig(vocab_size=50257, n_layer=1, n_embd=32)
    weights = {name: tensor.array for name, tensor in GPT(config).state_dict().items()}
    path = tmp_path / "model.gguf"
    write_gguf(path, config, weights, tokenizer, type="q8_0")
    (answers,) = ask((path, [("/tokenize", {"content": text}) for text in MORE_STRINGS]))
    for text, answer in zip(MORE_STRINGS, answers, strict=True):
        assert answer["tokens"] == tokenizer.encode(text), text
    assert read_gguf(path).tokenizer.to_json() == tokenizer.to_json()


# What separates llama.cpp's numbers from ours, the weights being equal: it rounds the activations
# to bfloat16, float16, or int8 with a scale for 32, once for every matrix; and always what goes
# into GELU and comes out to float16 (its table). Four matrices in each of two blocks.
ROUNDING = {"f32": 2**-20, "bf16": 2**-8, "f16": 2**-11, "q8_0": 2**-7, "q4_0": 2**-7}


def test_log_probabilities_are_close_in_every_type(tmp_path):
    prompt, models, ours = tokenizer_of("bytes").encode(PROMPT), [], []
    cases = list(product(("gpt2", "llama", "qwen3"), ROUNDING))
    for arch, kind in cases:
        config, weights, tokenizer = model_of(arch, scale=3.0)
        path = tmp_path / f"{arch}-{kind}.gguf"
        write_gguf(path, config, weights, tokenizer, type=kind)
        models.append((path, [completion(prompt, 1, config.vocab_size)]))
        logits = logits_of(config, read_gguf(path).weights, prompt).astype(np.float64)
        ours.append(logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max())
    for (arch, kind), (answer,), mine in zip(cases, ask(*models), ours, strict=True):
        entries = answer["completion_probabilities"][0]["top_logprobs"]
        theirs = np.zeros(len(mine))
        theirs[[entry["id"] for entry in entries]] = [entry["logprob"] for entry in entries]
        error = np.sqrt(np.mean((mine - theirs) ** 2)) / np.std(mine)
        rounding = max(ROUNDING[kind], 2**-11 if arch == "gpt2" else 0)
        assert error < rounding * np.sqrt(8), f"{arch} {kind}: {error:.2e}"

"""The encoder-decoder beside torch.nn.Transformer with the same weights: logits and gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from weft.config import EncoderDecoderConfig
from weft.models import EncoderDecoder

pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor")  # PyTorch's, of itself
V, C, L = 13, 16, 2
LENGTHS = {"even": (5, 5, 5), "uneven": (2, 7, 4), "one": (1,), "longer than the target": (9, 3)}
T = 6
PARTS = {  # of a torch layer, under our names
    "encoder": {"self_attn": "attention", "linear1": "feed_forward.up",
                "linear2": "feed_forward.down", "norm1": "norm_1", "norm2": "norm_2"},
    "decoder": {"self_attn": "attention", "multihead_attn": "cross_attention",
                "linear1": "feed_forward.up", "linear2": "feed_forward.down", "norm1": "norm_1",
                "norm2": "norm_3", "norm3": "norm_2"},
}  # fmt: skip


class Theirs(torch.nn.Module):
    """torch.nn.Transformer between an embedding with sinusoidal positions and an output layer."""

    def __init__(self, activation: str, norm_first: bool) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(V, C)
        self.transformer = torch.nn.Transformer(
            C, 4, L, L, 4 * C, 0.0, activation, batch_first=True, norm_first=norm_first
        )
        self.head = torch.nn.Linear(C, V, bias=False)

    def embed(self, tokens: torch.Tensor) -> torch.Tensor:
        angles = torch.arange(12.0)[:, None] / 10000 ** (torch.arange(0, C, 2) / C)
        table = torch.empty(12, C)
        table[:, 0::2], table[:, 1::2] = angles.sin(), angles.cos()
        return self.embedding(tokens) * math.sqrt(C) + table[: tokens.shape[1]]

    def forward(self, source: np.ndarray, lengths: np.ndarray, tokens: np.ndarray) -> torch.Tensor:
        padded = torch.tensor(np.arange(source.shape[1]) >= lengths[:, None])
        y = self.transformer(
            self.embed(torch.tensor(source)),
            self.embed(torch.tensor(tokens)),
            tgt_mask=torch.triu(torch.ones(T, T, dtype=torch.bool), 1),
            src_key_padding_mask=padded,
            memory_key_padding_mask=padded,
        )
        return self.head(y)


def renamed(theirs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays under torch's names, as a dict under ours."""
    ours = {}
    for name, array in theirs.items():
        if not name.startswith("transformer"):
            ours[name] = array
            continue
        _, side, *inner = name.split(".")
        if inner[0] == "norm":
            ours[f"{side}_norm.{inner[1]}"] = array
            continue
        _, layer, part, *last = inner
        where = f"{side}.{layer}.{PARTS[side][part]}"
        if last[0].startswith("in_proj_"):
            kind = last[0].removeprefix("in_proj_")
            ours[f"{where}.query.{kind}"] = array[:C]
            ours[f"{where}.key_value.{kind}"] = array[C:]
        else:
            ours[f"{where}.{'.'.join(last).replace('out_proj', 'out')}"] = array
    return ours


def twins(activation: str, norm_first: bool, lively) -> tuple[EncoderDecoder, Theirs]:
    """Both models with the same weights, all of them far from 0."""
    options = dict(vocab_size=V, block_size=12, n_layer=L, n_head=4, n_embd=C)
    config = EncoderDecoderConfig(
        **options, activation=activation, norm_first=norm_first, tie_embeddings=False
    )
    ours, theirs = EncoderDecoder(config), Theirs(activation, norm_first)
    lively(ours)
    weights = {name: t.array for name, t in ours.state_dict().items()}
    places = {name: p.detach().numpy() for name, p in theirs.named_parameters()}
    targets = renamed(places)  # views into PyTorch's parameters
    assert sorted(targets) == sorted(weights)
    for name, place in targets.items():
        place[...] = weights[name]
    return ours, theirs


def batch(lengths: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(len(lengths))
    B = len(lengths)
    tokens, targets = rng.integers(0, V, (B, T)), rng.integers(0, V, (B, T))
    targets[0, 4:] = -100
    return rng.integers(0, V, (B, max(lengths))), np.array(lengths), tokens, targets


def close(a: np.ndarray, b: np.ndarray, largest: float, name: str = "") -> None:
    """Each entry within 1e-5 of the largest one."""
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * largest, err_msg=name)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_logits_and_gradients(lengths, activation: str, norm_first: bool, lively) -> None:
    ours, theirs = twins(activation, norm_first, lively)
    source, counts, tokens, targets = batch(lengths)
    logits = ours(tokens, ours.encode(source, counts)).array
    expected = theirs(source, counts, tokens)
    answer = expected.detach().numpy()
    close(logits, answer, float(np.abs(answer).max()))

    loss = ours.loss(tokens, targets, source=(source, counts))
    loss.backward()
    their_loss = torch.nn.functional.cross_entropy(
        expected.view(-1, V), torch.tensor(targets).view(-1)
    )
    their_loss.backward()
    assert float(loss.item()) == pytest.approx(their_loss.item(), rel=1e-5)
    gradients = renamed({n: p.grad.numpy() for n, p in theirs.named_parameters()})
    largest = max(float(np.abs(g).max()) for g in gradients.values())
    for name, p in ours.named_parameters():
        close(p.grad.array, gradients[name], largest, name)

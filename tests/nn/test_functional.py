"""`nn.functional` where layers do not reach: attention with masks, groups, scales."""

import numpy as np
import pytest
import torch

import weft
from weft.autograd import tensor
from weft.nn import functional as F

ATTENTION = torch.nn.functional.scaled_dot_product_attention


def compare(shapes, agree, mask=None, **options):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    ours = [tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    masks = (None, None) if mask is None else (tensor(mask), torch.tensor(mask))
    y = F.scaled_dot_product_attention(*ours, attn_mask=masks[0], **options)
    y_other = ATTENTION(*theirs, attn_mask=masks[1], **options)
    agree(y, y_other)
    dy = rng.standard_normal(y.shape).astype(np.float32)
    y.backward(tensor(dy))
    y_other.backward(torch.tensor(dy))
    for mine, other in zip(ours, theirs, strict=True):
        agree(mine.grad, other.grad)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("B,H,T,D", [(1, 1, 1, 1), (2, 3, 5, 4), (2, 2, 17, 8), (1, 2, 70, 32)])
def test_attention(B, H, T, D, causal, agree):
    compare([(B, H, T, D)] * 3, agree, is_causal=causal)


@pytest.mark.parametrize("Hkv", [1, 2, 4])
@pytest.mark.parametrize("masked", [False, True])
def test_grouped_queries(Hkv, masked, agree):
    mask = np.tri(6, dtype=bool) if masked else None
    shapes = [(2, 4, 6, 8), (2, Hkv, 6, 8), (2, Hkv, 6, 8)]
    compare(shapes, agree, mask, enable_gqa=True, is_causal=not masked)


@pytest.mark.parametrize("Tq,Tk", [(3, 7), (7, 3), (1, 5)])
@pytest.mark.parametrize("causal", [False, True])
def test_queries_and_keys_of_different_length(Tq, Tk, causal, agree):
    compare([(2, 2, Tq, 4), (2, 2, Tk, 4), (2, 2, Tk, 4)], agree, is_causal=causal)


@pytest.mark.parametrize("shape", [(5, 6), (2, 1, 5, 6), (1, 3, 5, 6)], ids=str)
@pytest.mark.parametrize("kind", ["bool", "float", "float with -inf"])
def test_masks(shape, kind, agree):
    rng = np.random.default_rng(1)
    mask = rng.standard_normal(shape).astype(np.float32)
    if kind == "bool":
        mask = mask > -0.3
        mask[..., 2, :] = False  # a query that may look nowhere
    elif kind == "float with -inf":
        mask[mask < -0.3] = -np.inf
        mask[..., 0] = 0.0
    compare([(2, 3, 5, 4), (2, 3, 6, 4), (2, 3, 6, 4)], agree, mask)


def test_scale(agree):
    compare([(2, 2, 5, 4)] * 3, agree, scale=0.3, is_causal=True)


def test_attention_dropout_keeps_the_mean_and_repeats_with_its_seed():
    rng = np.random.default_rng(0)
    q, k = (tensor(rng.standard_normal((8, 4, 64, 16)).astype(np.float32)) for _ in range(2))
    v = weft.autograd.ones(8, 4, 64, 16)
    first, second, again = (
        F.scaled_dot_product_attention(
            q, k, v, dropout_p=0.3, generator=weft.random.Generator(seed)
        ).array
        for seed in (1, 2, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != second).any()
    # Each of the 2,048 rows is a mean of 64 draws scaled by 1/0.7, weighted; their mean is near 1.
    assert abs(first.mean() - 1) < 0.03


@pytest.mark.parametrize(
    "shapes",
    [
        [(2, 4, 3, 8), (2, 2, 3, 8), (2, 2, 3, 8)],  # groups, not asked for
        [(4, 3, 8)] * 3,  # no batch
    ],
)
def test_attention_refuses_shapes_that_do_not_fit(shapes):
    with pytest.raises(RuntimeError, match="attention"):
        F.scaled_dot_product_attention(*[weft.autograd.zeros(*shape) for shape in shapes])


def test_attention_refuses_two_masks():
    x = weft.autograd.zeros(1, 1, 2, 4)
    with pytest.raises(RuntimeError, match="is_causal"):
        F.scaled_dot_product_attention(x, x, x, weft.autograd.ones(2, 2), is_causal=True)


def test_attention_of_ours_puts_the_last_query_at_the_last_key(agree):
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((2, T, 2, 8)).astype(np.float32) for T in (3, 7, 7))
    mask = torch.tensor(np.tri(3, 7, 4, dtype=bool))
    theirs = ATTENTION(*(torch.tensor(x).transpose(1, 2) for x in (q, k, v)), attn_mask=mask)
    ours = F.attention(tensor(q), tensor(k), tensor(v), is_causal=True)
    agree(ours, theirs.transpose(1, 2))


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_log_softmax(dim, agree):
    x = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
    mine, other = tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    ours, theirs = F.log_softmax(mine, dim), torch.nn.functional.log_softmax(other, dim)
    agree(ours, theirs)
    (ours * ours).sum().backward()
    (theirs * theirs).sum().backward()
    agree(mine.grad, other.grad)


def test_swiglu_is_its_composition(agree):
    gate, up = np.random.default_rng(0).standard_normal((2, 4, 9)).astype(np.float32)
    ours = F.swiglu(tensor(gate), tensor(up))
    agree(ours, torch.nn.functional.silu(torch.tensor(gate)) * torch.tensor(up))

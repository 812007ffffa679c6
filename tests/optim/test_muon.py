"""Muon beside PyTorch's, which multiplies in bfloat16 too, and beside the same in float64."""

import numpy as np
import pytest
import torch

from weft import optim
from weft.kernels import active
from weft.optim.muon import COEFFICIENTS, adjusted_rate

# Each of 5 · 3 products rounds to 8 bits, and the polynomial's slope (3.4 at most) passes errors
# on: as a share of the whole matrix, √15 · 2⁻⁹ · 3.4 in mean square.
TOLERANCE = np.sqrt(15) * 2**-9 * COEFFICIENTS[0]
SHAPES = [(8, 8), (16, 40), (40, 16), (1, 7), (64, 65)]


def orthogonalised(matrices, coefficients, steps, eps):
    """What the kernel makes of matrices that are their own first momentum, (N, R, C) each."""
    moved = [np.zeros_like(matrix) for matrix in matrices]
    means = [np.zeros_like(matrix) for matrix in matrices]
    rates = np.full(len(moved), -1, np.float32)
    rest = (1.0, 1.0, 0.0, False, *coefficients, eps, steps)
    active.muon_step(moved, list(matrices), means, rates, *rest)
    return np.stack(moved)


def in_float64(matrix, coefficients, steps, eps):
    """Newton–Schulz as the post has it, without any rounding to speak of."""
    a, b, c = coefficients
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x.astype(np.float64)
    x = x / max(np.linalg.norm(x), eps)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


@pytest.fixture(params=active.native.isas() if active.native else ["reference"])
def isa(request):
    """Each instruction set in turn."""
    if active.native is None:
        yield request.param
        return
    before = active.native.isa()
    active.native.set_isa(request.param)
    yield request.param
    active.native.set_isa(before)


@pytest.mark.parametrize("shape", [*SHAPES, (70, 300), (130, 67)], ids=str)
def test_orthogonalisation(shape, isa):
    matrix = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    (ours,) = orthogonalised(matrix[None], COEFFICIENTS, 5, 1e-7)
    exact = in_float64(matrix, COEFFICIENTS, 5, 1e-7)
    assert ours.dtype == np.float32 and ours.flags.c_contiguous
    error = np.linalg.norm(ours - exact) / np.linalg.norm(exact)
    assert error < TOLERANCE
    values = np.linalg.svd(ours, compute_uv=False)
    assert values[0] < 1.3 and values[: len(values) // 2 + 1].min() > 0.6


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lr": 0.02, "weight_decay": 0.0},
        {"lr": 0.02, "nesterov": False, "momentum": 0.8},
        {"lr": 0.02, "adjust_lr_fn": "match_rms_adamw"},
        {"lr": 0.02, "ns_steps": 3, "ns_coefficients": (2.0, -1.5, 0.5)},
    ],
    ids=str,
)
def test_ten_steps(options, pair):
    both = pair(SHAPES)
    mine, other = optim.Muon(both.ours, **options), torch.optim.Muon(both.theirs, **options)
    start = [p.array.copy() for p in both.ours]
    for _ in range(10):
        both.set_gradients()
        mine.step()
        other.step()
    for ours, theirs, before in zip(both.ours, both.theirs, start, strict=True):
        moved = theirs.detach().numpy() - before
        # The two round to bfloat16 at slightly different places.
        error = np.linalg.norm(ours.array - before - moved) / np.linalg.norm(moved)
        assert error < TOLERANCE
    for values, others in zip(mine.state.values(), other.state.values(), strict=True):
        average = others["momentum_buffer"].numpy()
        difference = np.abs(values["momentum_buffer"].array - average)
        assert difference.max() <= 1e-5 * np.abs(average).max()


def test_a_mistake_would_be_noticed():
    """The tolerance above is well below what one iteration too few makes of the result."""
    matrix = np.random.default_rng(0).standard_normal((16, 40)).astype(np.float32)
    exact = in_float64(matrix, COEFFICIENTS, 5, 1e-7)
    (wrong,) = orthogonalised(matrix[None], COEFFICIENTS, 4, 1e-7)
    assert np.linalg.norm(wrong - exact) / np.linalg.norm(exact) > 4 * TOLERANCE


def test_matrices_together_are_as_each_alone():
    matrices = np.random.default_rng(0).standard_normal((3, 24, 9)).astype(np.float32)
    matrices[1] = 0
    together = orthogonalised(matrices, COEFFICIENTS, 5, 1e-7)
    for matrix, result in zip(matrices, together, strict=True):
        (alone,) = orthogonalised(matrix[None], COEFFICIENTS, 5, 1e-7)
        np.testing.assert_array_equal(result, alone)
    assert not together[1].any()


@pytest.mark.parametrize("options", [{}, {"nesterov": False, "adjust_lr_fn": "match_rms_adamw"}])
def test_rows_of_a_matrix_are_matrices_by_themselves(options, pair):
    """As PyTorch's Muon moves the parts, each a parameter of its own."""
    whole, rows = pair([(14, 6)]), (8, 4, 2)
    pieces = [torch.nn.Parameter(p.detach().clone()) for p in whole.theirs[0].split(rows)]
    mine = optim.Muon(whole.ours, lr=0.1, rows=rows, **options)
    other = torch.optim.Muon(pieces, lr=0.1, **options)
    before = whole.ours[0].array.copy()
    whole.set_gradients()
    for piece, gradient in zip(pieces, whole.theirs[0].grad.split(rows), strict=True):
        piece.grad = gradient
    mine.step()
    other.step()
    moved = torch.cat(pieces).detach().numpy() - before
    for part in (slice(0, 8), slice(8, 12), slice(12, 14)):
        difference = whole.ours[0].array[part] - before[part] - moved[part]
        error = np.linalg.norm(difference) / np.linalg.norm(moved[part])
        assert error < np.sqrt(2) * TOLERANCE  # both are rounded, at different places


def test_rows_must_add_up(pair):
    with pytest.raises(ValueError, match=r"\(2, 3\) rows of a matrix \(4, 3\)"):
        optim.Muon(pair([(4, 3)]).ours, rows=(2, 3))


def test_rates():
    parameter = np.zeros((8, 2))
    assert adjusted_rate(0.1, None, parameter) == adjusted_rate(0.1, "original", parameter) == 0.2
    assert adjusted_rate(0.1, "original", parameter.T) == 0.1
    assert adjusted_rate(0.1, "match_rms_adamw", parameter) == pytest.approx(0.02 * np.sqrt(8))


def test_a_gradient_of_zeros_moves_nothing(pair):
    both = pair([(3, 4)])
    both.set_gradients(0.0)
    before = both.ours[0].array.copy()
    optim.Muon(both.ours, weight_decay=0.0).step()
    np.testing.assert_array_equal(both.ours[0].array, before)


def test_only_matrices(pair):
    with pytest.raises(ValueError, match=r"only supports 2D parameters .* \(7,\)"):
        optim.Muon(pair([(3, 4), (7,)]).ours)
    optimizer = optim.Muon(pair([(3, 4)]).ours)
    with pytest.raises(ValueError, match="only supports 2D"):
        optimizer.add_param_group({"params": pair([(7,)]).ours})


@pytest.mark.parametrize(
    "options", [{"lr": -1.0}, {"momentum": -1.0}, {"adjust_lr_fn": "other"}], ids=str
)
def test_bad_options(options, pair):
    with pytest.raises(ValueError):
        optim.Muon(pair([(3, 4)]).ours, **options)

"""The checker accepts right gradients and rejects wrong ones: a check that cannot fail is none."""

import numpy as np
import pytest

import weft
from weft import apply, gradcheck
from weft.autograd import GradcheckError


def doubled_with_a_wrong_gradient(x):
    return x * 2.0, lambda dy: dy * 2.001


def wrong_in_one_entry(x):
    def backward(dy):
        dx = dy * 2.0
        dx.flat[3] *= 1.1
        return dx

    return x * 2.0, backward


def x64(*shape):
    return weft.tensor(np.random.default_rng(0).standard_normal(shape), requires_grad=True)


@pytest.mark.parametrize("op", [doubled_with_a_wrong_gradient, wrong_in_one_entry])
def test_rejects_a_wrong_gradient(op):
    with pytest.raises(GradcheckError, match="input 0 at"):
        gradcheck(lambda x: apply(op, x), [x64(2, 3)], rtol=1e-4)
    assert not gradcheck(lambda x: apply(op, x), [x64(2, 3)], rtol=1e-4, raise_exception=False)


def test_accepts_a_right_one_and_leaves_the_input_alone():
    x = x64(2, 3)
    before = x.array.copy()
    assert gradcheck(lambda x: (x * x).tanh(), [x])
    assert (x.array == before).all()


def test_wants_float64():
    with pytest.raises(ValueError, match="float64"):
        gradcheck(lambda x: x, [weft.tensor([1.0], requires_grad=True)])

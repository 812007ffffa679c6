"""The random numbers are PyTorch's."""

import threading

import numpy as np
import pytest
import torch

import weft
from weft.random import Generator, default_generator


@pytest.mark.parametrize("count", [1, 2, 3, 15, 16, 17, 33, 1000])
@pytest.mark.parametrize("seed", [0, 42, 2**32 + 5, -1])
def test_draws_match_pytorch(count, seed):
    torch.manual_seed(seed)
    generator = Generator(seed)
    for _ in range(2):
        assert np.array_equal(generator.uniform((count,)), torch.rand(count).numpy())
        # float32 log, sin and cos differ in the last bits between libraries.
        np.testing.assert_allclose(generator.normal((count,)), torch.randn(count), atol=2e-6)
        theirs = torch.randint(5, 12, (count,)).numpy()
        assert np.array_equal(generator.integers(5, 12, (count,)), theirs)


def test_state_goes_on_where_it_was():
    generator = Generator(3)
    generator.normal((3,))
    state = generator.get_state()
    first = generator.normal((5,)), generator.key()
    generator.set_state(state)
    again = generator.normal((5,)), generator.key()
    assert np.array_equal(first[0], again[0]) and first[1] == again[1]


def test_keys_are_63_bits_and_differ():
    keys = {Generator(1).key() for _ in range(3)}
    generator = Generator(1)
    keys |= {generator.key() for _ in range(100)}
    assert len(keys) == 100 and all(0 <= key < 2**63 for key in keys)


def test_each_thread_has_its_own_default():
    weft.manual_seed(5)
    expected = Generator(5).uniform((4,))
    thread = threading.Thread(target=lambda: weft.manual_seed(9).uniform((100,)))
    thread.start()
    thread.join()
    assert np.array_equal(default_generator().uniform((4,)), expected)


def test_an_empty_range():
    with pytest.raises(ValueError, match="empty"):
        Generator().integers(3, 3, (1,))

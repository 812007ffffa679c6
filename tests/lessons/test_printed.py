"""The comparison that the lessons' tests rely on finds what is different."""

import pytest
from printed import difference


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("a\nb\n", "a\nb\n"),
        ("±0.1 loss 1.00 at 5", "loss   0.91 at 5"),
        ("±0.1 x -1.0", "x -1.1"),
        ("a\n...\nb", "a\nx\ny\nb"),
        ("a\n...", "a"),
        ("...\n±1 b 2\n...", "b 9\nb 3\nc"),
    ],
)
def test_the_same(expected, printed):
    assert difference(expected, printed) is None


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("a\nb", "a"),
        ("a", "a\nb"),
        ("1.5", "1.50"),
        ("±0.1 loss 1.00", "loss 1.11"),
        ("±0.1 loss 1.00", "lost 1.00"),
        ("±0.1 loss 1.00", "loss 1.00 2"),
        ("±0.1 x 1.0", "x -1.0"),
        ("a\n...\nb", "a\nx\ny"),
        ("...\nb\n", "b\nc"),
    ],
)
def test_different(expected, printed):
    assert difference(expected, printed) is not None

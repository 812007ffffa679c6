"""Twin tests: helpers beside the tests, and each test leaves the kernels as it found them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from weft.kernels import active


@pytest.fixture(autouse=True)
def unchanged_kernels() -> Iterator[None]:
    native = active.native
    if native is None:
        yield
        return
    isa, threads, processors = native.isa(), native.num_threads(), native.processors()
    yield
    native.set_processors(processors)
    native.set_isa(isa)
    native.set_num_threads(threads)


@pytest.fixture
def native():
    if active.native is None:
        pytest.skip("no native kernels: weft._native was not built, or WEFT_KERNELS=reference")
    return active.native

"""Lets the tests of the formats import `mutate` and what else they share by name."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def gpt2_folder() -> Path:
    """OpenAI's encoder.json and vocab.bpe."""
    data = Path(os.environ.get("WEFT_DATA") or Path(__file__).parents[2] / "../shared/data")
    if not (data / "gpt2").exists():
        pytest.skip(f"gpt2 is not in {data}; set WEFT_DATA")
    return data / "gpt2"

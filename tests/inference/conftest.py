"""Lets tests import `tiny_model` by name; the model in memory and as a run folder."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from tiny_model import save_run, tiny


@pytest.fixture
def loaded():
    return tiny()


@pytest.fixture
def run_folder(tmp_path):
    return save_run(tmp_path / "runs" / "tiny", tiny(), losses=(2.0, 1.5, 1.8)).path

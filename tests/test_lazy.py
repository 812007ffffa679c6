"""Names imported on first use, and what loading a model therefore does not import."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import weft

PACKAGES = ["checkpoint", "config", "inference", "models"]
# Each takes milliseconds; none of them is needed up to the first token of a Hugging Face folder.
UNUSED = {
    "hashlib", "importlib.metadata", "logging", "regex", "socket", "tomllib", "zipfile",
    "weft.checkpoint.folder", "weft.checkpoint.load", "weft.checkpoint.save",
    "weft.config.training", "weft.formats.gguf", "weft.inference.beam", "weft.inference.constraint",
    "weft.nn", "weft.training",
}  # fmt: skip
LOAD = """
import sys, json, ml_dtypes, numpy
before = set(sys.modules)
import weft
from weft.cli.machine import use_threads
use_threads(1)
weft.load(sys.argv[1])
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_is_found_and_said_to_type_checkers_too(package):
    module = importlib.import_module(f"weft.{package}")
    for name in module.__all__:
        assert getattr(module, name) is not None
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    said = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.startswith(f"weft.{package}.")
        for alias in node.names
    }
    assert set(said) == set(module.__all__)
    for name, place in said.items():
        assert getattr(importlib.import_module(place), name) is getattr(module, name)
    with pytest.raises(AttributeError, match="has no attribute 'absent'"):
        module.absent  # noqa: B018
    with pytest.raises(ImportError):
        exec(f"from weft.{package} import absent")


def test_loading_imports_what_it_needs_and_no_more(tmp_path, loaded_folder):
    ran = subprocess.run(
        [sys.executable, "-c", LOAD, str(loaded_folder)], capture_output=True, text=True, check=True
    )
    imported = set(json.loads(ran.stdout))
    assert "weft.inference.loading" in imported
    assert not imported & UNUSED


@pytest.fixture
def loaded_folder(tmp_path):
    from weft.formats.hugging_face_write import write_hugging_face
    from weft.models import GPT
    from weft.random import Generator
    from weft.tokenizers import BPETokenizer

    tokenizer = BPETokenizer.train(["a text of a few words"], 260)
    sizes = dict(n_layer=1, n_head=1, n_embd=8, block_size=8)
    config = weft.config.ModelConfig(vocab_size=tokenizer.vocab_size, **sizes)
    model = GPT(config, Generator(1))
    weights = {name: p.array for name, p in model.named_parameters()}
    write_hugging_face(tmp_path / "model", config, weights, tokenizer)
    return tmp_path / "model"

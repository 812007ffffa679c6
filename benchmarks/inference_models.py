"""The models that inference is measured with: random weights, in every format that a side reads.

A Hugging Face folder, which Weft and transformers read, and GGUF files of the same weights. What
llama.cpp reads in q8_0 and q4_0 it has quantised itself, as its users' files are.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from weft.config import ModelConfig
from weft.errors import WeftError
from weft.formats.gguf_write import GGUFType, write_gguf
from weft.formats.hugging_face_write import write_hugging_face
from weft.models import GPT
from weft.random import Generator
from weft.tokenizers import BPETokenizer, CharacterTokenizer, Tokenizer

MODELS = {
    "gpt2": ModelConfig(vocab_size=50257, block_size=1024, n_layer=12, n_head=12, n_embd=768),
    # the model that blogs train on tiny Shakespeare
    "character": ModelConfig(vocab_size=65, block_size=256, n_layer=6, n_head=6, n_embd=384),
}
TYPES: dict[str, GGUFType] = {  # Weft's precisions in llama.cpp's words
    "float32": "f32",
    "bfloat16": "bf16",
    "int8": "q8_0",
    "int4": "q4_0",
}
QUANTISER = Path(__file__).with_name("inference_llama_cpp.py")


@dataclass(frozen=True)
class Files:
    """Where one model is, by precision."""

    folder: Path
    """The Hugging Face folder, in float32."""
    gguf: dict[str, Path]
    llama: dict[str, Path]
    """Those that llama.cpp reads; the same but for what it quantises itself."""

    def bytes_of(self, precision: str) -> int:
        """Bytes of the weights in a precision: those of the GGUF file, which has little else."""
        return self.gguf[precision].stat().st_size


def make_files(folder: Path, name: str, llama: str | None) -> Files:
    """One of `MODELS`, made where it is not there yet. `llama` is a Python with llama.cpp."""
    folder.mkdir(parents=True, exist_ok=True)
    hugging_face = folder / f"{name}-hf"
    gguf = {p: folder / f"{name}-{kind}.gguf" for p, kind in TYPES.items()}
    if not hugging_face.exists() or not all(path.exists() for path in gguf.values()):
        _write(name, hugging_face, gguf)
    files = dict(gguf)
    for precision in ("int8", "int4") if llama else ():
        files[precision] = folder / f"{name}-{TYPES[precision]}-llama.cpp.gguf"
        if not files[precision].exists():
            _quantise(llama, gguf["float32"], files[precision], TYPES[precision])
    return Files(hugging_face, gguf, files)


def _write(name: str, hugging_face: Path, gguf: dict[str, Path]) -> None:
    config = MODELS[name]
    model = GPT(config, Generator(0)).eval()
    noise = Generator(1)
    for parameter in model.parameters():  # biases and norms of their own, as trained models have
        if parameter.ndim == 1:
            parameter.array += 0.02 * noise.normal(parameter.shape)
    weights = {key: parameter.array for key, parameter in model.named_parameters()}
    tokenizer: Tokenizer  # nobody encodes with it, but a GGUF file has one
    if name == "character":
        tokenizer = CharacterTokenizer.train(chr(ord("0") + i) for i in range(config.vocab_size))
    else:
        tokenizer = BPETokenizer.train(["a"], vocab_size=257)
    write_hugging_face(hugging_face, config, weights, tokenizer, overwrite=True)
    for precision, path in gguf.items():
        write_gguf(path, config, weights, tokenizer, type=TYPES[precision])


def _quantise(llama: str, source: Path, target: Path, kind: str) -> None:
    command = [llama, str(QUANTISER), str(source), str(target.with_suffix(".new")), kind]
    if subprocess.run(command, check=False).returncode:
        raise WeftError(f"llama.cpp cannot quantise; {source}; see above")
    os.replace(target.with_suffix(".new"), target)

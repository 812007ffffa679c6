"""nanoGPT's `ckpt.pt` (github.com/karpathy/nanoGPT), read and written without PyTorch.

The names are GPT-2's, the matrices (out, in) as ours, the GELU exact, biases all there or none. The
vocabulary is often padded (50304 for GPT-2's 50257), and stays so: what lies beyond the tokenizer
is never chosen. A model of characters has its alphabet in a `meta.pkl` beside the data.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from weft.checkpoint.bounded_json import read_bytes
from weft.config import ModelConfig
from weft.errors import ConfigError, WeftError
from weft.formats.model_files import Array, ModelFiles
from weft.formats.parameters import config_of, gather, parameter_shapes, require, require_plain
from weft.formats.pickle_values import read_pickle, write_pickle
from weft.formats.torch_zip import (
    NewTensor,
    StoredTensor,
    read_torch_value,
    state_dict,
    torch_file,
)
from weft.replacing import replacing
from weft.tokenizers import CharacterTokenizer, load_tokenizer
from weft.tokenizers.strict_json import malformed, printable, shown

FILE, META = "ckpt.pt", "meta.pkl"
MAX_META_BYTES = 16 << 20
GPT2_SIZES = (50257, 50304)  # vocabularies that mean GPT-2's tokenizer
SIZES = ("n_layer", "n_head", "n_embd", "block_size", "vocab_size")

_PARTS = {
    "norm_1": "ln_1",
    "attention.qkv": "attn.c_attn",
    "attention.out": "attn.c_proj",
    "norm_2": "ln_2",
    "feed_forward.up": "mlp.c_fc",
    "feed_forward.down": "mlp.c_proj",
}
_WHOLE = {
    "embedding.weight": "transformer.wte.weight",
    "position.weight": "transformer.wpe.weight",
    "norm.weight": "transformer.ln_f.weight",
    "norm.bias": "transformer.ln_f.bias",
    "head.weight": "lm_head.weight",
}
_OLD_MASK = re.compile(r"transformer\.h\.\d+\.attn\.(bias|masked_bias)")
_PREFIX = "_orig_mod."  # of torch.compile


def nanogpt_name(name: str) -> str:
    """Our name of a parameter -> nanoGPT's."""
    if name in _WHOLE:
        return _WHOLE[name]
    _, layer, rest = name.split(".", 2)
    part, kind = rest.rsplit(".", 1)
    return f"transformer.h.{layer}.{_PARTS[part]}.{kind}"


def read_nanogpt(path: str | Path, meta: str | Path | None = None) -> ModelFiles:
    """Open a `ckpt.pt` or the folder of one; `meta` is its `meta.pkl`, if not in the same folder.

    Raises `MalformedFileError` that names the file and the tensor.
    """
    path = Path(path)
    path = path / FILE if path.is_dir() else path.resolve()  # a link that the user names is fine
    where = printable(path)
    checkpoint = read_torch_value(path)
    if not isinstance(checkpoint, dict) or not {"model", "model_args"} <= checkpoint.keys():
        malformed(
            "no checkpoint of nanoGPT: it has no model and model_args",
            where,
            "export it as a Hugging Face folder with the program that made it",
        )
    tensors = _without_prefix(checkpoint["model"], where)
    config, notes = _config(checkpoint["model_args"], tensors, where)
    masks = {name for name in tensors if _OLD_MASK.fullmatch(name)}
    head = {"lm_head.weight"} if config.tie_embeddings else set()
    weights = gather(config, tensors, nanogpt_name, where, ignored=masks | head)
    tokenizer, more = _tokenizer(path, meta, config)
    return ModelFiles(config, weights, tokenizer, path, "nanogpt", (*notes, *more))


def _without_prefix(model: Any, where: str) -> dict[str, StoredTensor]:
    tensors = state_dict(model, where).tensors
    plain = {name.removeprefix(_PREFIX): tensor for name, tensor in tensors.items()}
    if len(plain) < len(tensors):
        malformed(f"tensors with the prefix {_PREFIX} and without it", where)
    return plain


def _config(
    arguments: Any, tensors: Mapping[str, StoredTensor], where: str
) -> tuple[ModelConfig, tuple[str, ...]]:
    if not isinstance(arguments, dict) or not set(SIZES) <= arguments.keys():
        malformed(f"model_args without all of {', '.join(SIZES)}", where)
    values = {name: arguments[name] for name in SIZES}
    has_bias = "transformer.ln_f.bias" in tensors
    values |= {"bias": arguments.get("bias", has_bias), "dropout": arguments.get("dropout", 0.0)}
    tied = _is_tied(tensors)
    config = config_of({**values, "gelu": "none", "tie_embeddings": tied}, where)
    untied = "the output layer differs from the embedding: untied"
    return config, () if tied else (untied,)


def _is_tied(tensors: Mapping[str, StoredTensor]) -> bool:
    head, embedding = tensors.get("lm_head.weight"), tensors.get("transformer.wte.weight")
    if head is None or embedding is None or head.same_as(embedding):
        return True
    if head.shape != embedding.shape or head.dtype != embedding.dtype:
        return False
    return np.array_equal(head.array(), embedding.array())


def _tokenizer(
    path: Path, meta: str | Path | None, config: ModelConfig
) -> tuple[Any, tuple[str, ...]]:
    """The tokenizer, and what there is to say about it."""
    beside = path.parent / META
    if meta is not None or os.path.lexists(beside):
        return read_meta(Path(meta or beside), config.vocab_size), ()
    try:
        tokenizer = load_tokenizer(path.parent)
    except ConfigError:
        tokenizer = None
    if tokenizer is not None and tokenizer.vocab_size <= config.vocab_size:
        return tokenizer, ()
    wanted = (
        "put GPT-2's encoder.json and vocab.bpe beside it"
        if config.vocab_size in GPT2_SIZES
        else f"put the {META} of its data beside it"
    )
    return None, (f"no tokenizer: {wanted}",)


def read_meta(path: Path, vocab_size: int) -> CharacterTokenizer:
    """The alphabet in a `meta.pkl`: {vocab_size, itos: {id: character}, stoi: {character: id}}."""
    where = printable(path)
    meta = read_pickle(read_bytes(path, MAX_META_BYTES), where)
    itos = meta.get("itos") if isinstance(meta, dict) else None
    stoi = meta.get("stoi") if isinstance(meta, dict) else None
    if not isinstance(itos, dict) or not isinstance(stoi, dict) or not itos:
        malformed("no alphabet: itos and stoi are not two dicts", where)
    for id in range(len(itos)):
        if id not in itos:
            malformed(f"itos has no id {id:,} of its {len(itos):,}", where)
        character = itos[id]
        if not isinstance(character, str) or len(character) != 1 or not _is_text(character):
            malformed(f"id {id} is {shown(character)}, not one character", where)
        if stoi.get(character) != id:
            malformed(f"itos and stoi disagree about {shown(character)}", where)
    if len(stoi) != len(itos) or len(itos) > vocab_size:
        malformed(
            f"{len(itos):,} and {len(stoi):,} characters for a model of {vocab_size:,}",
            where,
            "take the file of the data that the model was trained on",
        )
    return CharacterTokenizer([itos[id] for id in range(len(itos))])


def _is_text(character: str) -> bool:
    return not "\ud800" <= character <= "\udfff"


def write_nanogpt(
    path: str | Path,
    config: ModelConfig,
    weights: Mapping[str, Array],
    tokenizer: Any,
    *,
    dataset: str = "weft",
) -> tuple[str, ...]:
    """Write a `ckpt.pt` that nanoGPT's `sample.py` opens; returns what the user must know.

    `path` is the file or a folder for it, made if it is not there. For a tokenizer of characters
    a `meta.pkl` is written beside it, which belongs into nanoGPT's `data/DATASET/`. Raises
    `ConfigError` for what nanoGPT's model cannot be, or for a file that is there already.
    """
    _check(config)
    path = Path(path)
    file = path if path.suffix in (".pt", ".pth") else path / FILE
    notes = [] if config.gelu == "none" else [f"nanoGPT computes the exact GELU, not {config.gelu}"]
    characters = isinstance(tokenizer, CharacterTokenizer) and tokenizer.unknown is None
    if tokenizer is not None and not characters and tokenizer.vocab_size != GPT2_SIZES[0]:
        notes.append("nanoGPT has no place for this tokenizer: keep its tokenizer.json")
    names = list(parameter_shapes(config))
    tensors = {name: _new_tensor(str(i), name, weights) for i, name in enumerate(names)}
    model = {nanogpt_name(name): tensor for name, tensor in tensors.items()}
    model["lm_head.weight"] = tensors["embedding.weight"]
    arguments = {name: getattr(config, name) for name in (*SIZES, "bias", "dropout")}
    value = {
        "model": model,
        "model_args": arguments,
        "iter_num": 0,
        "best_val_loss": 1e9,
        "config": {"dataset": dataset} if characters else {},
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    _write_new(file, torch_file(value, tensors.values(), file.stem))
    if characters:
        _write_new(file.parent / META, [write_pickle(_meta(tokenizer))])
        notes.append(f"copy {META} to data/{dataset}/ of nanoGPT")
    return tuple(notes)


def _check(config: ModelConfig) -> None:
    C = config.n_embd
    require(config, "nanoGPT", arch="gpt2", tie_embeddings=True, norm_eps=1e-5)
    require(config, "nanoGPT", intermediate_size=4 * C)
    require_plain(config, "nanoGPT")


def _new_tensor(key: str, name: str, weights: Mapping[str, Array]) -> NewTensor:
    array = weights[name]
    return NewTensor(key, array.dtype, array.shape, lambda: weights[name])


def _meta(tokenizer: CharacterTokenizer) -> dict[str, Any]:
    characters = [tokenizer.token_bytes(id).decode() for id in range(tokenizer.vocab_size)]
    stoi = {character: id for id, character in enumerate(characters)}
    return {"vocab_size": len(stoi), "itos": dict(enumerate(characters)), "stoi": stoi}


def _write_new(path: Path, buffers: Iterable[Any]) -> None:
    """Write a file under a name that nothing has yet, in one step."""
    try:
        if os.path.lexists(path):
            raise FileExistsError
        with replacing(path) as new, new.open("xb") as file:
            for buffer in buffers:
                file.write(buffer)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise ConfigError(f"there is one already; {printable(path)}; choose another name") from None
    except OSError as error:
        raise WeftError(
            f"cannot write: {error.strerror}; {printable(path)}; check the disk and the path"
        ) from error

"""A Hugging Face folder, read: config.json, safetensors (in shards too), the tokenizer.

Nothing is copied: a weight is a view of the mapped file, or made of several when it is asked for.
Which tensor is which: `hugging_face_names.py`; what config.json means: `hugging_face_config.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from weft.checkpoint import tensors
from weft.checkpoint.bounded_json import read_bytes, read_object
from weft.errors import MalformedFileError, UnsupportedFileError
from weft.formats.hugging_face_config import Description, read_config
from weft.formats.hugging_face_names import Parameter, parameters
from weft.formats.model_files import Array, ModelFiles, Weights

CONFIG, PICKLED = "config.json", "pytorch_model.bin"
WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
CHAT_TEMPLATE, TOKENIZER_CONFIG = "chat_template.jinja", "tokenizer_config.json"
MAX_INDEX_BYTES, MAX_TEMPLATE_BYTES = 16 << 20, 1 << 20
DTYPES = ("float32", "bfloat16", "float16")
LISTED = 10  # names of each kind that an error spells out
_PREFIXES = ("module.", "_orig_mod.", "transformer.", "model.")
_SHARD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\.safetensors")
_MASKS = re.compile(
    r"h\.\d+\.attn\.(bias|masked_bias)|(layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq"
)
_TOKENIZER_FILES = ("tokenizer.json", "vocab.json", "encoder.json")


@dataclass(frozen=True)
class Stored:
    """One tensor of a file: its name there, its bytes as a view, its file."""

    name: str
    array: Array
    file: Path


def looks_like(path: Path) -> bool:
    """A folder with a config.json or weights, and not a checkpoint of ours."""
    if not path.is_dir() or any((path / n).exists() for n in ("MANIFEST.json", "state.json")):
        return False
    return any((path / name).exists() for name in (CONFIG, WHOLE, INDEX, PICKLED))


def read(folder: Path) -> ModelFiles:
    """Open a folder. Raises `MalformedFileError` that names the file, and the setting or tensor."""
    where = str(folder / CONFIG)
    description = read_config(read_object(inside(folder, CONFIG)), where)
    stored = _without_prefixes(_stored(folder))
    description, notes = _decide_head(description, stored, where)
    _check_count(description, stored, where)
    table = list(parameters(description.config, description.attention_bias, description.mlp_bias))
    _check_tensors(table, stored, folder)
    tokenizer, more = read_tokenizer(folder, description.config.vocab_size)
    template, unread = read_chat_template(folder)
    weights, notes = _weights(description, table, stored, folder), [*notes, *more, *unread]
    return ModelFiles(description.config, weights, tokenizer, folder, "hf", tuple(notes), template)


def inside(folder: Path, name: str) -> Path:
    """The file of that name, which has to be in the folder.

    Links may lead within the folder, and into the `blobs` beside `snapshots` of the hub's cache.
    """
    path = folder / name
    try:
        found, home = path.resolve(strict=True), folder.resolve()
    except (OSError, RuntimeError, ValueError):
        raise MalformedFileError(f"no such file: {name}; {folder}; get the whole folder") from None
    if found.parent not in (home, home.parent.parent / "blobs"):
        raise MalformedFileError(
            f"{name} is a link out of the folder; {folder}; copy the file there"
        )
    return found


def _stored(folder: Path) -> list[Stored]:
    if (folder / WHOLE).exists():
        return _read_file(folder, WHOLE)
    if (folder / INDEX).exists():
        return _read_shards(folder)
    if (folder / PICKLED).exists():
        return _read_pickled(folder)
    raise MalformedFileError(f"no {WHOLE}; {folder}; get the whole folder")


def _read_file(folder: Path, name: str) -> list[Stored]:
    path = inside(folder, name)
    return [Stored(key, array, folder / name) for key, array in tensors.read(path).items()]


def _read_shards(folder: Path) -> list[Stored]:
    places = read_object(inside(folder, INDEX), MAX_INDEX_BYTES).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(f, str) for f in places.values()):
        _refuse("weight_map is not an object of tensor: file", folder / INDEX)
    stored: list[Stored] = []
    for name in sorted(set(places.values())):
        if not _SHARD.fullmatch(name):
            _refuse(
                f"the shard {name!r:.80} is not the name of a file in the folder", folder / INDEX
            )
        found = _read_file(folder, name)
        expected = {tensor for tensor, file in places.items() if file == name}
        wrong = expected.symmetric_difference(entry.name for entry in found)
        if wrong:
            _refuse(f"the index and {name} disagree about {listed(wrong)}", folder / INDEX)
        stored += found
    return stored


def _read_pickled(folder: Path) -> list[Stored]:
    """The older format, by a reader that knows tensors and nothing else, and executes nothing."""
    from weft.formats.torch_zip import read_torch_file

    arrays = read_torch_file(inside(folder, PICKLED))
    return [Stored(name, arrays[name], folder / PICKLED) for name in arrays]


def _without_prefixes(stored: Iterable[Stored]) -> dict[str, Stored]:
    """By bare name; masks and tables of angles, which follow from the configuration, left out."""
    bare: dict[str, Stored] = {}
    for entry in stored:
        name = entry.name
        while prefix := next((p for p in _PREFIXES if name.startswith(p)), ""):
            name = name[len(prefix) :]
        if _MASKS.fullmatch(name):
            continue
        if name in bare:
            _refuse(f"{bare[name].name!r:.80} and {entry.name!r:.80} are the same", entry.file)
        bare[name] = entry
    return bare


def _decide_head(
    description: Description, stored: dict[str, Stored], where: str
) -> tuple[Description, list[str]]:
    """Whether the output layer is the embedding: the weights decide where config.json is unsure."""
    config, notes = description.config, []
    table, head = (stored.get(n) for n in (_table_name(description), "lm_head.weight"))
    tied = config.tie_embeddings
    if head is None and not tied:
        tied = True
        notes.append("there is no lm_head.weight: the output layer is the embedding")
    elif head is not None and tied and table is not None:
        tied = _equal(head.array, table.array)
        if not tied:
            notes.append("lm_head.weight differs from the embedding: untied")
    if tied:
        stored.pop("lm_head.weight", None)
    if tied != config.tie_embeddings:
        description = replace(description, config=replace(config, tie_embeddings=tied))
    return description, notes


def _table_name(description: Description) -> str:
    return "wte.weight" if description.config.arch == "gpt2" else "embed_tokens.weight"


def _equal(a: Array, b: Array) -> bool:
    """Whether two tensors have the same bytes; a piece at a time."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    left, right = (t.reshape(-1).view(np.uint8) for t in (a, b))
    step = 1 << 20
    return all(
        np.array_equal(left[i : i + step], right[i : i + step]) for i in range(0, left.size, step)
    )


def _check_count(description: Description, stored: Mapping[str, Stored], where: str) -> None:
    """Before a table of all names is made: a layer has eight tensors or more."""
    layers = description.config.n_layer
    if layers * 8 > len(stored):
        raise MalformedFileError(
            f"n_layer is {layers:,}, but there are only {len(stored)} tensors; {where}; "
            "get an intact copy of the folder"
        )


def _check_tensors(table: list[Parameter], stored: Mapping[str, Stored], folder: Path) -> None:
    expected = {name: p.part_shape(rows) for p in table for name, rows in p.parts}
    if missing := [name for name in expected if name not in stored]:
        _refuse(f"missing: {listed(missing)}", folder)
    if extra := [entry.name for name, entry in stored.items() if name not in expected]:
        _refuse(f"not part of the model: {listed(extra)}", folder)
    for name, shape in expected.items():
        entry = stored[name]
        if entry.array.dtype.name not in DTYPES:
            kind = entry.array.dtype.name
            _refuse(f"{entry.name!r:.80} is of type {kind}, not {', '.join(DTYPES)}", entry.file)
        if entry.array.shape != shape:
            turned = " (a Linear's: GPT-2 has Conv1D)" if entry.array.shape == shape[::-1] else ""
            _refuse(
                f"the shape of {entry.name!r:.80} is {entry.array.shape}{turned}, and should be "
                f"{shape}",
                entry.file,
            )


def _weights(
    description: Description, table: list[Parameter], stored: Mapping[str, Stored], folder: Path
) -> Weights:
    arrays: dict[str, Callable[[], Array]] = {}
    where: dict[str, str] = {}
    for parameter in table:
        parts = [stored[name] for name, _ in parameter.parts]
        scale = _query_scale(description, parameter.name)
        arrays[parameter.name] = _reader(parameter, parts, scale, description.config)
        names = ", ".join(part.name for part in parts)
        where[parameter.name] = f"{names} in {parts[0].file}" if parts else str(folder)
    return Weights(arrays, where)


def _reader(
    parameter: Parameter, parts: list[Stored], scale: float, config: Any
) -> Callable[[], Array]:
    def compute() -> Array:
        if not parts:
            return np.zeros(parameter.shape, np.float32)
        views = [part.array.T if parameter.transposed else part.array for part in parts]
        array = views[0] if len(views) == 1 else np.concatenate(views)
        if scale != 1.0:
            array = array.astype(np.float32)
            array[: config.n_embd] *= np.float32(scale)  # the queries' rows come first
        return array

    return compute


def _query_scale(description: Description, name: str) -> float:
    if not description.query_scales or ".attention.qkv." not in name:
        return 1.0
    return description.query_scales[int(name.split(".")[1])]


def read_tokenizer(folder: Path, vocab_size: int) -> tuple[Any, list[str]]:
    """The folder's tokenizer, or None and a note that says why."""
    from weft.tokenizers import load_tokenizer

    if not any((folder / name).exists() for name in _TOKENIZER_FILES):
        return None, ["the folder has no tokenizer"]
    try:
        tokenizer = load_tokenizer(folder)
    except UnsupportedFileError as error:
        return None, [f"its tokenizer cannot be used: {str(error).partition(';')[0]}"]
    if tokenizer.vocab_size > vocab_size:
        _refuse(
            f"the tokenizer has {tokenizer.vocab_size:,} tokens, the model {vocab_size:,}", folder
        )
    return tokenizer, []


def read_chat_template(folder: Path) -> tuple[str | None, list[str]]:
    """The text of the folder's chat template, if it has one; a note where it cannot be read."""
    try:
        if (folder / CHAT_TEMPLATE).exists():
            data = read_bytes(inside(folder, CHAT_TEMPLATE), MAX_TEMPLATE_BYTES)
            return data.decode(errors="replace"), []
        if not (folder / TOKENIZER_CONFIG).exists():
            return None, []
        found = read_object(inside(folder, TOKENIZER_CONFIG)).get("chat_template")
    except MalformedFileError as error:
        return None, [f"its chat template cannot be read: {str(error).partition(';')[0]}"]
    if isinstance(found, list):  # several by name, as files of 2024 have them
        named = [t for t in found if isinstance(t, dict) and t.get("name") == "default"]
        found = named[0].get("template") if named else None
    return (found if isinstance(found, str) else None), []


def listed(names: Iterable[str]) -> str:
    """At most ten names, escaped and shortened, and how many more there are."""
    ordered = sorted(names)
    shown = ", ".join(ascii(name)[1:-1][:80] for name in ordered[:LISTED])
    more = len(ordered) - LISTED
    return f"{shown} and {more} more" if more > 0 else shown


def _refuse(what: str, where: Path) -> NoReturn:
    raise MalformedFileError(f"{what}; {where}; get an intact copy of the folder")

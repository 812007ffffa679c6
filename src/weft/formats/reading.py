"""From a path to the reader that knows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from weft.errors import MalformedFileError
from weft.formats.model_files import ModelFiles


def _is_gguf(path: Path) -> bool:
    if not path.is_file():
        return False
    from weft.formats.gguf import looks_like_gguf

    return looks_like_gguf(path)


def _read_gguf(path: Path) -> ModelFiles:
    from weft.formats.gguf import read_gguf

    return read_gguf(path)


def _is_hugging_face(path: Path) -> bool:
    from weft.formats.hugging_face import looks_like

    return looks_like(path)


def _read_hugging_face(path: Path) -> ModelFiles:
    from weft.formats.hugging_face import read

    return read(path)


def _is(path: Path, name: str, *suffixes: str) -> bool:
    """A folder that has a file `name`, or a file with one of the suffixes."""
    return (path / name).is_file() or (path.suffix in suffixes and path.is_file())


def _read_nanogpt(path: Path) -> ModelFiles:
    from weft.formats.nanogpt import read_nanogpt

    return read_nanogpt(path)


def _read_openai(path: Path) -> ModelFiles:
    from weft.formats.openai import read_openai

    return read_openai(path)


def _is_llama2c(path: Path) -> bool:
    from weft.formats.llama2c import looks_like

    return looks_like(path)


def _read_llama2c(path: Path) -> ModelFiles:
    from weft.formats.llama2c import read_llama2c

    return read_llama2c(path)


def _read_keras(path: Path) -> ModelFiles:
    from weft.formats.keras import read_keras

    return read_keras(path)


# (whether the path looks like the format, its reader), asked in this order; a reader is imported
# when it is called.
FORMATS: list[tuple[Callable[[Path], bool], Callable[[Path], ModelFiles]]] = [
    (_is_gguf, _read_gguf),
    (_is_hugging_face, _read_hugging_face),
    (lambda path: _is(path, "ckpt.pt", ".pt", ".pth"), _read_nanogpt),
    (lambda path: _is(path, "hparams.json", ".index"), _read_openai),
    (_is_llama2c, _read_llama2c),
    (lambda path: path.suffix in (".h5", ".hdf5") and path.is_file(), _read_keras),
]


def looks_foreign(path: Path) -> bool:
    """Whether some reader takes it for a file or folder of its format."""
    return any(looks_like(path) for looks_like, _ in FORMATS)


def read_model(path: str | Path) -> ModelFiles:
    """Open a model of another program. Raises `MalformedFileError` for what cannot be read."""
    path = Path(path)
    for looks_like, read in FORMATS:
        if looks_like(path):
            return read(path)
    raise MalformedFileError(
        f"not a model that weft can read; {path}; give a run folder, a checkpoint folder, a "
        "Hugging Face folder, or a file of the formats that weft convert --help names"
    )

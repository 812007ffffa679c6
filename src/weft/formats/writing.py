"""From a format's name to its writer, which is imported when it is called."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from weft.config import AnyModelConfig, ModelConfig
from weft.errors import ConfigError
from weft.formats.model_files import Array
from weft.formats.parameters import require_plain

Format = Literal["hf", "gguf", "nanogpt", "weft"]
StorageType = Literal["f32", "bf16", "f16", "q8_0", "q4_0"]
ENDINGS: dict[str, Format] = {".gguf": "gguf", ".pt": "nanogpt", ".pth": "nanogpt"}
_GGUF_OF: dict[Any, StorageType] = {"int8": "q8_0", "int4": "q4_0"}


@dataclass(frozen=True)
class Target:
    """What to write: path, format, type of the numbers (None: as they are), quantisation."""

    path: Path
    format: Format
    type: StorageType | None = None
    quantize: Literal["int8", "int4"] | None = None
    overwrite: bool = False

    @classmethod
    def of(cls, path: str | Path, format: Format | None, **options: Any) -> Target:
        """The format follows from the path's ending if it is not given. Raises `ConfigError`."""
        path = Path(path)
        usual: Format = "weft" if options.get("quantize") else "hf"  # hf cannot hold integers
        target = cls(path, format or ENDINGS.get(path.suffix, usual), **options)
        target.check()
        return target

    def check(self) -> None:
        """Refuse what cannot be before anything is read."""
        types = get_args(StorageType) if self.format == "gguf" else get_args(StorageType)[:3]
        if self.format == "nanogpt":
            types = ("f32",)
        if self.type is not None and self.type not in types:
            raise ConfigError(
                f"--to {self.format} has no type {self.type}; convert; choose {', '.join(types)}"
            )
        if self.quantize and self.format not in ("weft", "gguf"):
            raise ConfigError(
                f"--to {self.format} has no quantised weights; convert; choose --to weft or gguf"
            )
        if self.quantize and self.type:
            raise ConfigError("--type and --quantize; convert; give one of them")

    @property
    def precision(self) -> str | None:
        """The type that decides how far the logits may be off; None: exact."""
        return _GGUF_OF[self.quantize] if self.quantize else self.type


def write_model(
    target: Target, config: AnyModelConfig, weights: Mapping[str, Array], tokenizer: Any
) -> tuple[str, ...]:
    """Write the model, and return notes for the user. Errors: as the writers, all `WeftError`s."""
    path, overwrite = target.path, target.overwrite
    if target.format == "weft":
        return _write_weft(target, config, weights, tokenizer)
    if not isinstance(config, ModelConfig):
        raise ConfigError(
            f"no other program has a model {config.model} of ours; {path}; convert it --to weft"
        )
    require_plain(config, f"--to {target.format}")
    if target.format == "hf":
        from weft.formats.hugging_face_write import write_hugging_face

        kind: Any = target.type
        return write_hugging_face(path, config, weights, tokenizer, type=kind, overwrite=overwrite)
    if target.format == "gguf":
        from weft.formats.gguf_write import write_gguf

        _refuse_existing(path, overwrite)
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        precision: Any = target.precision or "f32"
        return write_gguf(path, config, weights, tokenizer, type=precision)
    return _write_nanogpt(path, config, weights, tokenizer, overwrite)


def _write_weft(
    target: Target, config: AnyModelConfig, weights: Mapping[str, Array], tokenizer: Any
) -> tuple[str, ...]:
    from weft.formats.checkpoint_write import write_checkpoint

    if target.quantize and not isinstance(config, ModelConfig):
        raise ConfigError(
            f"{target.quantize} is for a gpt, not for a model {config.model}; {target.path}; "
            "leave --quantize out"
        )
    return write_checkpoint(
        target.path,
        config,
        weights,
        tokenizer,
        type=target.type,
        quantize=target.quantize,
        overwrite=target.overwrite,
    )


def _write_nanogpt(
    path: Path, config: ModelConfig, weights: Mapping[str, Array], tokenizer: Any, overwrite: bool
) -> tuple[str, ...]:
    """ckpt.pt and meta.pkl, written beside their place and then moved there."""
    from weft.formats.nanogpt import write_nanogpt

    file = path if path.suffix in (".pt", ".pth") else path / "ckpt.pt"
    for name in (file.name, "meta.pkl"):
        _refuse_existing(file.parent / name, overwrite)
    file.absolute().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.absolute().parent, prefix=".weft-") as folder:
        notes = write_nanogpt(Path(folder) / file.name, config, weights, tokenizer)
        for made in Path(folder).iterdir():
            os.replace(made, file.parent / made.name)
    return notes


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if os.path.lexists(path) and (path.is_dir() or not overwrite):
        advice = "give the name of a file" if path.is_dir() else "give another name or --overwrite"
        raise ConfigError(f"something is there already; {path}; {advice}")

"""Models that weft pull has brought: their names, and the folder that each is in."""

from __future__ import annotations

import os
import re
from pathlib import Path

SHORT_NAMES = {
    **{f"gpt2{size}": f"openai-community/gpt2{size}" for size in ("", "-medium", "-large", "-xl")},
    "distilgpt2": "distilbert/distilgpt2",
}
_PART = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}"
_NAME = re.compile(rf"{_PART}(/{_PART})?")


def is_short_name(name: str) -> bool:
    """Whether it stands for a model of the hub, such as gpt2."""
    return name in SHORT_NAMES


def full_name(name: str) -> str | None:
    """OWNER/MODEL on the hub; None for what cannot be a name there."""
    name = SHORT_NAMES.get(name, name)
    return name if _NAME.fullmatch(name) and ".." not in name else None


def models_folder() -> Path:
    """`$WEFT_HOME/models`, or `models` in the platform's data folder of this user."""
    home = os.environ.get("WEFT_HOME")
    if home:
        return Path(home) / "models"
    import platformdirs

    return Path(platformdirs.user_data_dir("weft", appauthor=False)) / "models"


def pulled_model(name: str) -> Path | None:
    """The folder of a model that is here already."""
    full = full_name(name)
    folder = models_folder() / full if full else None
    return folder if folder is not None and (folder / "config.json").is_file() else None

"""A file that is the old one or the new one for every reader, whenever the process dies.

It is written under another name beside its place and then renamed. Whether it is flushed to the
disk before is the writer's choice.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path; what is there at the end of the block becomes `path`.

    On any failure `path` is as it was and the temporary file is gone. Raises OSError.
    """
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)

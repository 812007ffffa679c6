"""The one device, "cpu": scripts that say where their tensors live run as they are."""

from __future__ import annotations

from typing import Any

CPU = "cpu"


def check_device(device: Any) -> None:
    """RuntimeError for any device but the CPU (None: wherever tensors live, which is there)."""
    if device not in (None, CPU):
        raise RuntimeError(f"no device {device!r}; weft's tensors live on {CPU!r}")

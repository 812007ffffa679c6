"""Lets tests import what they share: `saved`, the tiny checkpoint, and `disk`, the recorder."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "checkpoint")]

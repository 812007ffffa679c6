"""Lets the tests of the formats import `mutate` and what else they share by name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

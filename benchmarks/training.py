"""A training step of Weft in both precisions against peers that take turns with it.

    python benchmarks/training.py tiny                          # PyTorch in both precisions
    python benchmarks/training.py blog --peers torch keras --keras ~/keras/bin/python
    python benchmarks/training.py tiny --peers compiled nanogpt --json

`weft bench train --compare torch` does the same for any configuration.
"""

from __future__ import annotations

import argparse
import json
import sys

from configurations import CONFIGURATIONS, sides_of
from weft.cli.bench_compare import TORCH, compare, text
from weft.cli.bench_turns import TURN_SECONDS
from weft.errors import WeftError
from weft.machine import usable_processors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("size", choices=CONFIGURATIONS)
    parser.add_argument("--peers", nargs="+", choices=[*TORCH, "keras"], default=["torch"])
    parser.add_argument("--keras", metavar="PYTHON", help="a Python with Keras and TensorFlow")
    parser.add_argument("--turns", type=int, default=7, help="turns of each side (default 7)")
    parser.add_argument("--seconds", type=float, default=TURN_SECONDS, help="of a turn")
    parser.add_argument("--threads", type=int, default=usable_processors(), help="of each side")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    try:
        sides = sides_of(options.size, options.peers, options.keras)
        chosen = CONFIGURATIONS[options.size]
        result = compare(
            chosen.model, chosen.batch_size, sides, options.turns, options.threads, options.seconds
        )
    except WeftError as error:
        print(f"training.py: error: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(result) if options.json else text(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())

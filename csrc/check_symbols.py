"""Check that no function compiled for one instruction set can stand in for another's.

The linker keeps one copy of an inline function or template that several files define. If a kernel
file defined one outside its own namespace, an old CPU could be given the AVX-512 copy. So: every
weak or global symbol of the kernels' object files lies in weft::<instruction set>.

    python csrc/check_symbols.py build/*/CMakeFiles/kernels_*.dir

Exit code 1: some does not. 2: there are no object files to look at.
"""

import subprocess
import sys
from pathlib import Path


def foreign_symbols(folder: Path) -> list[str]:
    """Defined non-local symbols in the object files of one instruction set's folder."""
    isa = folder.name.removeprefix("kernels_").removesuffix(".dir")
    found = []
    for path in sorted(folder.rglob("*.o")):
        listing = subprocess.run(
            ["nm", "--demangle", "--defined-only", "--extern-only", str(path)],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        for line in listing.splitlines():
            name = line.split(" ", 2)[-1]
            if f"weft::{isa}::" not in name:
                found.append(f"{path}: {name}")
    return found


def main(folders: list[str]) -> int:
    if not folders or not all(any(Path(folder).rglob("*.o")) for folder in folders):
        print(__doc__)
        return 2
    found = [symbol for folder in folders for symbol in foreign_symbols(Path(folder))]
    print("\n".join(found) if found else f"{len(folders)} instruction sets, nothing shared")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

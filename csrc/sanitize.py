"""Build the native kernels with sanitizers, apart from the ordinary build, and test that build.

    .venv/bin/python csrc/sanitize.py                   # both of the following
    .venv/bin/python csrc/sanitize.py address [TESTS]   # AddressSanitizer and UndefinedBehavior...:
                                                        # the package, in an environment of its own
    .venv/bin/python csrc/sanitize.py thread            # ThreadSanitizer: pool_test.cpp

Needs g++ and its sanitizers' libraries. All is kept in build/sanitize/.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "sanitize"
COMPILER = os.environ.get("CXX", "g++")
TESTS = (
    "tests/kernels",
    "tests/inference/test_packed_decoder.py",
    "tests/autograd",
    "tests/nn",
    "tests/optim",
    "tests/tokenizers/test_native.py",
)
OPTIONS = {
    # Python and its libraries do not give everything back at the end: leaks are not looked for.
    "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


def run(*command: str | Path, **environment: str) -> None:
    print("$", *command, flush=True)
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, **OPTIONS, **environment})


def address(tests: tuple[str, ...]) -> None:
    python = FOLDER / "venv" / "bin" / "python"
    if not python.exists():
        run(sys.executable, "-m", "venv", FOLDER / "venv")
        # Behind the new environment's own packages come those that are seen from here; but not what
        # .pth files bring in here, weft among it.
        new = subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))"],
            check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip
        others = [path for path in sys.path if path.endswith("site-packages")]
        Path(new, "others.pth").write_text("\n".join(others) + "\n")
    run(
        python, "-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps",
        "-C", f"build-dir={FOLDER / 'objects'}",
        "-C", "cmake.define.WEFT_SANITIZE=address,undefined",
        "-C", "cmake.define.WEFT_WERROR=OFF",  # instrumented code trips warnings of its own
        ".", CXX=COMPILER, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    )  # fmt: skip
    libraries = [library(name) for name in ("libasan.so", "libubsan.so", "libstdc++.so")]
    run(
        python, "-m", "pytest", "-x", "-p", "no:cacheprovider", "--timeout", "1200", *tests,
        LD_PRELOAD=":".join(libraries), WEFT_KERNELS="native",
    )  # fmt: skip


def library(name: str) -> str:
    """Where the compiler has it: Python itself was not linked with it."""
    found = subprocess.run(
        [COMPILER, f"-print-file-name={name}"], check=True, capture_output=True, text=True
    )
    return found.stdout.strip()


def thread() -> None:
    program = FOLDER / "pool_test"
    FOLDER.mkdir(parents=True, exist_ok=True)
    sources = [ROOT / "csrc" / name for name in ("pool_test.cpp", "pool.cpp", "processors.cpp")]
    flags = ["-std=c++17", "-O1", "-g", "-fsanitize=thread", "-Wall", "-Wextra", "-pthread"]
    run(COMPILER, *flags, *sources, "-o", program)
    run("setarch", "-R", program)  # GCC 12's ThreadSanitizer cannot live with all random layouts


def main(which: str = "", *tests: str) -> None:
    if which in ("", "thread"):
        thread()
    if which in ("", "address"):
        address(tests or TESTS)


if __name__ == "__main__":
    main(*sys.argv[1:])

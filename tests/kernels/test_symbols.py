"""Nothing that was compiled for one instruction set can stand in for another's."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECK = [sys.executable, str(ROOT / "csrc" / "check_symbols.py")]
COMPILER = shutil.which("c++")
KERNEL = "namespace weft::avx2 { void add() {} }\n"
SHARED = [
    "inline int twice(int x) { return 2 * x; }\nstatic int (*volatile used)(int) = twice;\n",
    "template <class T> T half(T x) { return x / 2; }\ntemplate float half(float);\n",
    "namespace weft::avx512 { int lanes() { return 16; } }\n",
    "namespace weft { int threads = 2; }\n",
]


def check(*folders: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CHECK, *map(str, folders)], capture_output=True, text=True)


def compiled(source: str, tmp_path: Path) -> Path:
    if COMPILER is None or shutil.which("nm") is None:
        pytest.skip("no C++ compiler here, or no nm")
    folder = tmp_path / "kernels_avx2.dir"
    folder.mkdir()
    (folder / "k.cpp").write_text(source)
    command = [COMPILER, "-std=c++17", "-O0", "-c", str(folder / "k.cpp"), "-o"]
    subprocess.run([*command, str(folder / "k.o")], check=True)
    return folder


def test_kernels_share_nothing() -> None:
    folders = sorted(ROOT.glob("build/*/CMakeFiles/kernels_*.dir"))
    if not folders or shutil.which("nm") is None:
        pytest.skip("no object files in build/, or no nm: weft was not built here")
    done = check(*folders)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_kernel_of_its_own_is_accepted(tmp_path: Path) -> None:
    assert check(compiled(KERNEL, tmp_path)).returncode == 0


@pytest.mark.parametrize("source", SHARED)
def test_what_could_be_shared_is_found(source: str, tmp_path: Path) -> None:
    done = check(compiled(KERNEL + source, tmp_path))
    assert done.returncode == 1 and len(done.stdout.splitlines()) == 1, done.stdout


def test_nothing_to_look_at_is_no_success(tmp_path: Path) -> None:
    assert check().returncode == 2
    assert check(tmp_path).returncode == 2

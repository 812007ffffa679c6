"""An installation without a C++ compiler works, on the NumPy definitions."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PROGRAM = """
import sys
sys.path[:0] = sys.argv[1:]
import weft, weft.kernels
assert weft.__file__.startswith(sys.argv[1]), weft.__file__
x = weft.tensor([[1.0, 2.0]], requires_grad=True)
(x @ x.t()).sum().backward()
print(weft.kernels.backend(), x.grad.tolist())
"""


def test_a_wheel_without_a_compiler(tmp_path):
    environment = os.environ | {"CXX": "/nonexistent/c++", "CC": "/nonexistent/cc"}
    # In a build folder of its own, which remembers no compiler.
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path)]
    command += ["--no-build-isolation", "-C", f"build-dir={tmp_path / 'build'}", str(ROOT)]
    subprocess.run(command, check=True, env=environment, timeout=280)
    (wheel,) = tmp_path.glob("weft-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "weft/py.typed" in names
    lessons = {f"weft/lessons/{p.name}" for p in (ROOT / "src/weft/lessons").glob("*.py")}
    assert "weft/lessons/l04_xor.py" in lessons and lessons <= set(names)
    assert not [n for n in names if n.endswith(".so")], names
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    # -S: without site's .pth files, so that the working tree is not found instead
    paths = [str(tmp_path / "site"), sysconfig.get_path("purelib")]
    run = [sys.executable, "-S", "-c", PROGRAM, *paths]
    result = subprocess.run(run, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert result.stdout.strip() == "reference [[2.0, 4.0]]"


def test_the_native_types_are_up_to_date(tmp_path):
    native = pytest.importorskip("weft._native", reason="built without native kernels")
    assert native
    stub = tmp_path / "_native.pyi"
    command = [
        sys.executable,
        "-m",
        "nanobind.stubgen",
        "-q",
        "-m",
        "weft._native",
        "-o",
        str(stub),
    ]
    subprocess.run(command, check=True)
    committed = (ROOT / "src" / "weft" / "_native.pyi").read_text()
    assert stub.read_text() == committed, "run `make stub`"

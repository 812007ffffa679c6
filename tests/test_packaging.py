"""An installation without a C++ compiler works, on the NumPy definitions."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

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
    assert not [n for n in names if n.endswith(".so")], names
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    # -S: without site's .pth files, so that the working tree is not found instead
    paths = [str(tmp_path / "site"), sysconfig.get_path("purelib")]
    run = [sys.executable, "-S", "-c", PROGRAM, *paths]
    result = subprocess.run(run, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert result.stdout.strip() == "reference [[2.0, 4.0]]"

"""Collect in bundle/ all that it takes to install and run the notebooks offline, on machines like this one."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
from lab_copy import without_outputs

from mnist_compare import load_mnist

ROOT = Path(__file__).parent.parent
BUNDLE = ROOT / "bundle"
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"

if os.name == "nt":
    WHERE, PYTHON, PROGRAMS, MNIST = (
        "a Command Prompt",
        "python",
        ".venv\\Scripts\\",
        'set "MNIST_NPZ=%CD%\\mnist.npz" & ',
    )
else:
    WHERE, PYTHON, PROGRAMS, MNIST = "a terminal", f"python{VERSION}", ".venv/bin/", 'MNIST_NPZ="$PWD/mnist.npz" '
INSTRUCTION = f"""\
For {platform.system()} on {platform.machine()} with Python {VERSION}, and for no other. In {WHERE} in this folder:

{PYTHON} -m venv .venv
{PROGRAMS}python -m pip install --no-index --find-links wheels "mnist_compare[notebooks]"
{MNIST}{PROGRAMS}jupyter lab notebooks
"""

if __name__ == "__main__":
    shutil.rmtree(BUNDLE, ignore_errors=True)
    shutil.rmtree(ROOT / "build" / "lib", ignore_errors=True)  # else the wheel would have modules that no longer exist
    # The package is a wheel too, not linked (-e) as by requirements.txt: to link it, pip must fetch setuptools.
    pip = [sys.executable, "-m", "pip", "wheel", "--disable-pip-version-check", "--constraint", "constraints.txt"]
    subprocess.run([*pip, "--wheel-dir", BUNDLE / "wheels", ".[notebooks]"], cwd=ROOT, check=True)
    (x_train, y_train), (x_test, y_test) = load_mnist()
    np.savez_compressed(BUNDLE / "mnist.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    # For the class: so without the teacher's material, and without the answers below the questions.
    not_those = shutil.ignore_patterns("runs", "solutions", "TEACHING.md", ".ipynb_checkpoints", "__pycache__")
    shutil.copytree(ROOT / "notebooks", BUNDLE / "notebooks", ignore=not_those)
    for path in (BUNDLE / "notebooks").glob("*.ipynb"):
        nbformat.write(without_outputs(path), path)
    (BUNDLE / "README.txt").write_text(INSTRUCTION, "utf-8")
    size = sum(file.stat().st_size for file in BUNDLE.rglob("*") if file.is_file())
    print(f"{BUNDLE}: {size / 1e6:,.0f} MB. Its README.txt says how to install from it.")

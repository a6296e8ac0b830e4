"""Run `make test` with the newest versions on each Python named, and with the lowest ones declared on the first.

Each run has a virtual environment of its own in .venvs; none is skipped because another failed. A table comes last.
"""

import subprocess
import sys
import time

pythons = sys.argv[1:]
runs = [(f"newest-{python.split('python')[-1]}", python, "") for python in pythons]
runs.append((f"lowest-{pythons[0].split('python')[-1]}", pythons[0], ".venvs/lowest.txt"))

rows, failed = [], False
for name, python, constraints in runs:
    print(f"\n== {name} ==", flush=True)
    start = time.monotonic()
    command = ["make", f"VENV=.venvs/{name}", f"PYTHON={python}", f"CONSTRAINTS={constraints}", "test"]
    passed = subprocess.run(command).returncode == 0
    failed |= not passed
    rows.append(f"{name:14} {'passed' if passed else 'FAILED'} {(time.monotonic() - start) / 60:6.1f} minutes")
print("", *rows, sep="\n")
sys.exit(failed)

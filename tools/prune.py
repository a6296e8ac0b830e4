"""Remove from notebooks/runs/ what no plan can reach any more: runs by other code or other library versions."""

from pathlib import Path

from mnist_compare import store

RUNS = Path(__file__).parent.parent / "notebooks" / "runs"

if __name__ == "__main__":
    paths = store.unreachable(RUNS)
    size = sum(path.stat().st_size for path in paths)
    for path in paths:
        path.unlink()
    print(f"{len(paths)} files of {size / 1e6:.1f} MB removed from {RUNS.relative_to(RUNS.parent.parent)}.")

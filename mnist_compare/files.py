"""Atomic writing."""

import os
import uuid


def write_atomically(path, content):
    """Write bytes so that `path` always holds either what it held before or the whole of `content`.

    `path` is a pathlib.Path; folders that are missing on the way to it are made. Raises OSError if they cannot be made
    or the file cannot be written; whatever is raised, no part of `content` is left lying about.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)

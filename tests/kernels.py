"""Jupyter kernels that do not get into each other's way.

A kernel's ports are chosen before the kernel takes them. In between, another program may take one, and then the kernel
dies, or a test talks to the kernel of another test and waits for its answers for ever. Where five programs kept
starting kernels, two of about 500 met this; with files, none of about 670.
"""

import os
import tempfile
from contextlib import contextmanager

from nbclient import NotebookClient
from traitlets.config import Config


@contextmanager
def settings():
    """The options of a kernel manager by which its one kernel uses files of its own instead of ports.

    On Windows, which has no such files, there are no options.
    """
    with tempfile.TemporaryDirectory() as folder:
        yield {} if os.name == "nt" else {"transport": "ipc", "ip": os.path.join(folder, "kernel")}


def execute(notebook, folder):
    """Execute a notebook in a folder, and keep the outputs in it. Each of its cells has 60 seconds."""
    with settings() as options:
        config, resources = Config(KernelManager=options), {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=60, resources=resources, config=config).execute()

"""Keras on TensorFlow, and TensorFlow's log lines kept out of notebooks. Imported before either, by all that need them.

Nothing of the process is changed for it: not file descriptor 2, not the environment.
"""

import os
import re
import sys
from types import ModuleType

# What TensorFlow's C++ side logs while it looks for a GPU and compiles; its errors pass, but for the GPU not found.
_CHATTER = re.compile(
    r"[IW]\d{4} \d\d:\d\d:\d\d\.|E\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ cuda_|"
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: (?:[IW]|E external/\S*/cuda) |"
    r"WARNING: All log messages before absl::InitializeLog|To enable the following instructions:"
)
_MAYBE_CHATTER = re.compile(
    r"[IWE]?[\d :.-]{0,40}"
)  # the beginning of such a line, cut off by the end of a pipe's buffer


def without_chatter(write):
    """Return a function like a stream's `write`, str → None, that passes all lines on but TensorFlow's log lines.

    A line that is not finished and looks like one is kept back until the rest of it comes.
    """
    held = ""

    def filtered(text):
        nonlocal held
        lines = (held + text).splitlines(keepends=True)
        held = ""
        if (
            lines
            and not lines[-1].endswith(("\n", "\r"))
            and (_CHATTER.match(lines[-1]) or _MAYBE_CHATTER.fullmatch(lines[-1]))
        ):
            held = lines.pop()
        passed = "".join(line for line in lines if not _CHATTER.match(line))
        if passed:
            write(passed)
        return len(text)

    return filtered


def _quieten_the_notebook():
    """Filter the error stream of a Jupyter kernel, which shows in the notebook what C++ code writes to descriptor 2.

    Anything but a kernel is left as it is; who sets TF_CPP_MIN_LOG_LEVEL sees every line that level lets through.
    """
    stream = sys.stderr
    if type(stream).__module__.startswith("ipykernel") and "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
        stream.write = without_chatter(stream.write)


def _import_keras() -> ModuleType:
    """Import Keras on TensorFlow, whatever backend it is set to elsewhere; raise ImportError if it runs on another."""
    if "keras" not in sys.modules:
        chosen = os.environ.get("KERAS_BACKEND")
        os.environ["KERAS_BACKEND"] = "tensorflow"
        try:
            import keras
        finally:
            if chosen is None:
                del os.environ["KERAS_BACKEND"]
            else:
                os.environ["KERAS_BACKEND"] = chosen
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ImportError(
            f"Keras runs on {keras.backend.backend()!r} in this process, but mnist_compare needs it on 'tensorflow': "
            "restart Python (in a notebook, the kernel) and import mnist_compare before Keras."
        )
    return keras


_quieten_the_notebook()
keras = _import_keras()
import tensorflow as tf  # noqa: E402, F401

tf.config.list_physical_devices("GPU")  # the first call logs, so it is made here

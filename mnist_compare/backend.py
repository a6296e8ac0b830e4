"""Keras on TensorFlow, and TensorFlow's log lines kept out of notebooks. Modules that need either import it from here.

The process is left as it was: neither file descriptor 2 nor the environment stays changed.
"""

import os
import re
import sys
import threading
from types import ModuleType

# How the lines begin that TensorFlow's C++ side logs while it looks for a GPU and compiles. Its error lines are let
# through, except those about a missing GPU. Patterns of single characters only, so that _any_beginning can cut them
# anywhere.
_CHATTER = (
    r"[IW]\d\d\d\d \d\d:\d\d:\d+\.",
    r"E\d\d\d\d \d\d:\d\d:\d+\.\d+ +\d+ cuda_",
    r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IW] ",
    r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: E external/\S*/cuda/",
    r"WARNING: All log messages before absl::InitializeLog",
    r"To enable the following instructions:",
)


def _any_beginning(pattern):
    """Return a pattern for all beginnings of what `pattern` matches: for "ab+c" these are "", "a", "ab", "abb" …"""
    beginning = ""
    for character in reversed(re.findall(r"(?:\[\w+\]|\\?.)[+*]?", pattern)):
        beginning = f"(?:{character}{beginning})?"
    return beginning


_IS_CHATTER = re.compile("|".join(_CHATTER))
_MAY_BECOME_CHATTER = re.compile("|".join(map(_any_beginning, _CHATTER)))


def without_chatter(write):
    """Return a function like a stream's `write`, str → int, that passes on all lines but TensorFlow's log lines.

    An unfinished line that may become such a line is kept back until the rest of it comes, or until the function's
    attribute `release()` is called. Everything else passes at once, even without a line end. Threads may write at the
    same time: each line is put together from what one thread writes.
    """
    held = {}  # {thread: the text that is kept back}
    within = set()  # the threads that have passed on the beginning of a line, but not its end
    lock = threading.RLock()

    def filtered(text):
        thread = threading.get_ident()
        with lock:
            passed = ""
            for line in re.findall(r"[^\n\r]*[\n\r]|[^\n\r]+", held.pop(thread, "") + text):
                begins, ends = thread not in within, line[-1] in "\n\r"
                chatter = begins and _IS_CHATTER.match(line)
                if not ends and (chatter or (begins and _MAY_BECOME_CHATTER.fullmatch(line))):
                    held[thread] = line  # the last one
                elif not chatter:
                    passed += line
                    (within.discard if ends else within.add)(thread)
            if passed:
                write(passed)
        return len(text)

    def release():
        with lock:
            for thread, line in list(held.items()):
                if not _IS_CHATTER.match(line):
                    write(held.pop(thread))
                    within.add(thread)

    filtered.release = release
    return filtered


def _quieten_the_notebook():
    """Filter the error stream of a Jupyter kernel, which shows in the notebook what C++ code writes to descriptor 2.

    Outside a kernel nothing is changed; with TF_CPP_MIN_LOG_LEVEL set, all lines that it lets through are shown.
    """
    stream = sys.stderr
    if not type(stream).__module__.startswith("ipykernel") or "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        return
    flush = stream.flush

    def install(*arguments):
        if not hasattr(stream.write, "release"):
            stream.write = without_chatter(stream.write)

    def release(*arguments):
        getattr(stream.write, "release", lambda: None)()

    def release_and_flush():
        release()
        flush()

    install()
    stream.flush = release_and_flush
    events = sys.modules["IPython"].get_ipython().events
    events.register("pre_run_cell", install)  # IPython puts its own `write` in place at the start and end of each cell
    events.register("post_run_cell", release)


def _import_keras() -> ModuleType:
    """Import Keras on TensorFlow, whatever backend is set elsewhere; raise ImportError if another is in use."""
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

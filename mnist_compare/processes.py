"""A function called in a Python process of its own."""

import os
import pickle
import signal
import subprocess
import sys
import threading

import cloudpickle


def start(function, *arguments):
    """Return the subprocess.Popen of a new process that calls a function, which may be one of the notebook's own.

    To be used in a `with` statement: at its end the process ends too, as it does when the caller dies. What it prints
    and returns is dropped; its returncode is 0 if the function has returned.
    """
    content = cloudpickle.dumps((function, arguments))
    process = subprocess.Popen(
        [sys.executable, "-m", "mnist_compare.processes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        process.stdin.write(content)
        process.stdin.flush()
    except OSError:  # it has ended already: its returncode says so
        pass
    return process


def _serve():
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the stop button's signal comes here too, but the caller decides
    function, arguments = pickle.load(sys.stdin.buffer)
    # The other end of this pipe is closed by the caller, or with the caller: then there is nothing more to read.
    threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
    function(*arguments)


if __name__ == "__main__":
    _serve()

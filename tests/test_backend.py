"""What importing the package does to a process: as little as can be. Each import is made in a process of its own."""

import io
import json
import os
import subprocess
import sys
import threading

import kernels
import nbformat
import pytest

import mnist_compare
from mnist_compare.backend import without_chatter

LIGHT = ["data", "evaluation", "files", "handwriting", "inputs", "perturbations", "plots"]


FOLDER = os.path.dirname(os.path.dirname(mnist_compare.__file__))


def start(code, **environment):
    """Start Python code in a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", code], env=inherited | environment, cwd=FOLDER, text=True, **pipes)


def outcome(process):
    """Return what the process prints, as JSON, and what it writes to descriptor 2."""
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    return json.loads(out), error


def test_what_needs_no_tensorflow_does_not_load_it():
    process = start(
        f"""if True:
        import importlib, json, sys
        import mnist_compare
        dir(mnist_compare), mnist_compare.plots, mnist_compare.prepare_digit, mnist_compare.compare
        for name in {LIGHT}:
            importlib.import_module("mnist_compare." + name)
        print(json.dumps([name for name in ("keras", "tensorflow") if name in sys.modules]))"""
    )
    assert outcome(process) == ([], "")


def test_every_name_resolves_and_is_shown_and_no_other_does():
    for name in mnist_compare.__all__:
        value = getattr(mnist_compare, name)
        assert getattr(value, "__name__", name).rpartition(".")[2] in (name, type(value).__name__)
        assert value is getattr(mnist_compare, name)
    assert mnist_compare.Recipe is mnist_compare.training.Recipe
    assert set(dir(mnist_compare)) >= {*mnist_compare.__all__, "training", "experiments", "__doc__"}
    with pytest.raises(AttributeError, match="'mnist_compare' has no attribute 'build_rnn'"):
        _ = mnist_compare.build_rnn
    with pytest.raises(ImportError, match="build_rnn"):
        from mnist_compare import build_rnn  # noqa: F401


@pytest.fixture(scope="module")
def cells(loading):
    """The outputs of the cells of a small notebook, run by a Jupyter kernel: {"stdout": text, "stderr": text} each."""
    sources = [
        "import os, sys, time\nbefore = dict(os.environ), os.fstat(2)",
        "import mnist_compare.training\ntime.sleep(0.3)  # for what is still in the pipe",
        "print('printed', file=sys.stderr)\nos.write(2, b'written\\n')\ntime.sleep(0.3)\nprint('the end', end='')",
        "print('5% ', end='', file=sys.stderr)",
        "print('I', end='', file=sys.stderr)  # as log lines begin",
        "now = dict(os.environ), os.fstat(2)\n"
        "print([name for name, value in before[0].items() if now[0].get(name) != value],\n"
        "      os.path.samestat(now[1], before[1]), 'KERAS_BACKEND' in now[0], mnist_compare.__file__)",
        # A log line that comes later, as XLA's at the first training, and one with its end in the next cell
        f"os.write(2, {LOG[1].encode()!r} + b'kept\\n')\ntime.sleep(0.3)",
        f"os.write(2, {LOG[1].encode()!r})\ntime.sleep(0.3)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    with pytest.MonkeyPatch.context() as patch:
        # In a test of pytest's, a kernel would not show what is written to descriptor 2.
        for name in ("KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL", "PYTEST_CURRENT_TEST"):
            patch.delenv(name, raising=False)
        kernels.execute(notebook, FOLDER)
    shown = []
    for cell in notebook.cells:
        streams = {"stdout": "", "stderr": ""}
        for output in cell.outputs:
            if output.output_type == "stream":
                streams[output.name] += output.text
        shown.append(streams)
    return shown


# A process that has lines written to its error stream, by another thread, while it loads the package
LOADING = """if True:
    import json, os, sys, threading
    environment, errors = dict(os.environ), os.fstat(2)
    is_same = lambda: os.path.samestat(os.fstat(2), errors)
    written, done = [], threading.Event()

    def write():
        while not done.wait(0.02):
            os.write(2, b"line %d of another thread\\n" % len(written))
            written.append(is_same())

    thread = threading.Thread(target=write)
    thread.start()
    from mnist_compare import backend
    done.set()
    thread.join()
    print(json.dumps({
        "lines": len(written),
        "never another file": all(written) and is_same(),
        "changed": [name for name in environment if os.environ.get(name) != environment[name]],
        "added": [name for name in os.environ if name not in environment],
        "backend": backend.keras.backend.backend(),
        "file": backend.__file__,
    }))"""


@pytest.fixture(scope="module")
def loading():
    """A process that loads the package, while the kernel does, as each takes seconds."""
    with start(LOADING, KERAS_BACKEND="jax") as process:
        yield process
        process.kill()


def test_loading_keras_leaves_the_environment_and_the_error_stream_as_they_are(loading, cells):
    found, said = outcome(loading)
    assert found["backend"] == "tensorflow"
    assert os.path.dirname(found["file"]) == os.path.dirname(mnist_compare.__file__)
    assert found["changed"] == [] and found["never another file"]
    assert not [name for name in found["added"] if name.startswith(("KERAS_", "TF_", "GRPC_", "CUDA_"))]
    # Every line arrives, in order, whatever TensorFlow writes between them.
    lines = [line for line in said.splitlines() if line.endswith("of another thread")]
    assert found["lines"] > 20 and lines == [f"line {number} of another thread" for number in range(found["lines"])]


def test_keras_on_another_backend_is_refused_in_one_sentence():
    """Keras's other backends need packages that are not installed, so a stand-in tells of one."""
    process = start(
        """if True:
        import json, os, sys, types
        sys.modules["keras"] = types.SimpleNamespace(backend=types.SimpleNamespace(backend=lambda: "jax"))
        try:
            import mnist_compare.backend
        except ImportError as error:
            print(json.dumps([type(error).__name__, str(error), "tensorflow" in sys.modules, dict(os.environ)]))""",
        KERAS_BACKEND="jax",
    )
    (name, sentence, loaded, environment), _ = outcome(process)
    assert name == "ImportError" and "'jax'" in sentence and "restart Python" in sentence
    assert sentence.count(". ") == 0 and sentence.endswith(".")
    assert not loaded and environment["KERAS_BACKEND"] == "jax"


# TensorFlow's log

LOG = [
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n",
    "I0000 00:00:1795566798.529595    6112 port.cc:153] oneDNN custom operations are on. You may see slightly "
    "different numerical results due to floating-point round-off errors from different computation orders. To turn "
    "them off, set the environment variable `TF_ENABLE_ONEDNN_OPTS=0`.\n",
    "I0000 00:00:1795566798.529867    6112 cudart_stub.cc:31] Could not find cuda drivers on your machine, GPU will "
    "not be used.\n",
    "To enable the following instructions: AVX2 AVX512F AVX512_VNNI FMA, in other operations, rebuild TensorFlow "
    "with the appropriate compiler flags.\n",
    "E0000 00:00:1795566802.999346    6112 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: Failed "
    "call to cuInit: UNKNOWN ERROR (303)\n",
    "W0000 00:00:1795566803.012345    6112 gpu_device.cc:2365] Cannot dlopen some GPU libraries.\n",
    # as TensorFlow up to 2.20 has it
    "2025-11-25 00:32:49.123456: I tensorflow/core/platform/cpu_feature_guard.cc:210] This TensorFlow binary is "
    "optimized to use available CPU instructions in performance-critical operations.\n",
    "2025-11-25 00:32:49.123456: E external/local_xla/xla/stream_executor/cuda/cuda_platform.cc:51] failed call to "
    "cuInit: INTERNAL: CUDA error: Failed call to cuInit: UNKNOWN ERROR (303)\n",
]
TEXT = [
    "a line of a print\n",
    "\n",
    "Traceback (most recent call last):\n",
    "E0000 00:00:1795566802.999346    6112 client.cc:52] Out of memory.\n",
    "2025-11-25 00:32:49.123456: E tensorflow/core/framework/op.cc:1] Another error.\n",
    "2025-11-25 00:32:49 INFO a logger's line\n",
    "Iris and Weather; I0 is the first\n",
    "WARNING: something else\n",
    "1 2 3\n",
    "12:30\r",
    "  5%|▌         | 1/20\r",
    "100%|██████████| 20/20\r\n",
]


def pass_through(*writes):
    passed = io.StringIO()
    write = without_chatter(passed.write)
    for text in writes:
        assert write(text) == len(text)
    return passed.getvalue()


def test_log_lines_are_dropped_wherever_they_are_cut():
    for line in LOG:
        for cut in range(len(line) + 1):
            assert pass_through("before\n", line[:cut], line[cut:], "after\n") == "before\nafter\n", (cut, line)
            assert pass_through("before\n" + line[:cut], line[cut:] + "after") == "before\nafter", (cut, line)
    whole = "".join(LOG)
    assert pass_through(whole) == pass_through(*whole) == ""  # at once, and character by character


def test_all_other_text_passes_unchanged_and_in_order_wherever_it_is_cut():
    for line in TEXT:
        for cut in range(len(line) + 1):
            assert pass_through("before\n", line[:cut], line[cut:], "after\n") == f"before\n{line}after\n", (cut, line)
    mixed = "".join(text + log for text, log in zip(TEXT, LOG, strict=False)) + "".join(TEXT[len(LOG) :])
    assert pass_through(mixed) == pass_through(*mixed) == "".join(TEXT)
    for size in (7, 50, 99):
        assert pass_through(*(mixed[at : at + size] for at in range(0, len(mixed), size))) == "".join(TEXT)


@pytest.mark.parametrize(
    "text",
    ["Your name: ", "  5%|▌         | 1/20", "\r 10%|█", "loading", "Ink? ", "… ", "> ", " ", "1", "3 2 1 ", "-"],
)
def test_text_without_a_line_end_is_shown_at_once(text):
    assert pass_through(text) == text
    assert pass_through("a line\n" + text) == pass_through("a line\n", *text) == "a line\n" + text
    assert pass_through(*text, *LOG[1]) == text + LOG[1]  # on the same line, it is not known for what it is


@pytest.mark.parametrize("text", ["I", "E", "20", "WARNING: All", "2025-11-25 00:32:49"])
def test_the_beginning_of_a_log_line_is_kept_back_until_it_proves_to_be_none(text):
    for rest in ("", "?", "\n", "\r", " is no log line\n"):
        passed = io.StringIO()
        write = without_chatter(passed.write)
        write("before\n" + text)
        assert passed.getvalue() == "before\n"
        write(rest)
        write.release()  # as at the end of a cell
        assert passed.getvalue() == "before\n" + text + rest
        write.release()
        assert passed.getvalue() == "before\n" + text + rest


def test_a_log_line_that_is_known_is_not_released():
    passed = io.StringIO()
    write = without_chatter(passed.write)
    write(LOG[1][:60])
    write.release()
    write(LOG[1][60:] + "after\n")
    assert passed.getvalue() == "after\n"


def test_what_one_thread_writes_between_the_halves_of_a_log_line_of_another_is_no_part_of_it():
    passed = io.StringIO()
    write = without_chatter(passed.write)
    for half in (LOG[1][:60], LOG[1][60:]):
        write(half)
        other = threading.Thread(target=write, args=("printed\n",))
        other.start()
        other.join()
    assert passed.getvalue() == "printed\n" * 2


def test_lines_of_several_threads_all_arrive_once():
    passed = []
    write = without_chatter(passed.append)

    def work(name):
        for number in range(2000):
            write(f"{name} {number}\n")
            write(LOG[number % len(LOG)])

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    lines = "".join(passed).splitlines()
    for name in "abc":
        assert [line for line in lines if line[0] == name] == [f"{name} {number}" for number in range(2000)]
    assert len(lines) == 6000


# In a notebook


def test_importing_in_a_notebook_shows_nothing(cells):
    assert cells[1] == {"stdout": "", "stderr": ""}


def test_what_is_written_in_a_notebook_still_shows(cells):
    assert sorted(cells[2]["stderr"].splitlines()) == ["printed", "written"] and cells[2]["stdout"] == "the end"
    assert cells[3]["stderr"] == "5% " and cells[4]["stderr"] == "I"


def test_log_lines_of_later_cells_do_not_show(cells):
    assert [cell["stderr"] for cell in cells[6:]] == ["kept\n", ""]


def test_a_kernel_keeps_its_environment_and_its_error_stream(cells):
    assert cells[5] == {"stdout": f"[] True False {mnist_compare.__file__}\n", "stderr": ""}

import os
import signal
import time

import pytest

from mnist_compare import processes


def test_a_function_of_the_notebooks_own_is_called_in_another_process(tmp_path):
    word = "left"

    def write(path, number):
        path.write_text(f"{word} {number} {os.getpid() != number}")

    with processes.start(write, tmp_path / "out.txt", os.getpid()) as process:
        assert process.wait(60) == 0
    assert (tmp_path / "out.txt").read_text() == f"left {os.getpid()} True"


def test_a_function_that_fails_is_told_by_the_return_code():
    with processes.start(lambda: 1 / 0) as process:
        assert process.wait(60) != 0


def test_more_than_a_pipe_holds_gets_through(tmp_path):
    with processes.start(
        lambda path, text: path.write_text(text[-3:]), tmp_path / "out.txt", "x" * 10**6 + "end"
    ) as it:
        assert it.wait(60) == 0
    assert (tmp_path / "out.txt").read_text() == "end"


@pytest.mark.parametrize("interrupt", [False, True])
def test_the_process_does_not_outlive_the_with_statement_and_ignores_the_stop_button(tmp_path, interrupt):
    def wait(path):
        path.touch()
        time.sleep(60)

    start = time.monotonic()
    with processes.start(wait, tmp_path / "begun") as process:
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        if interrupt:
            process.send_signal(signal.SIGINT)
            with pytest.raises(processes.subprocess.TimeoutExpired):
                process.wait(0.5)
    assert process.returncode is not None and time.monotonic() - start < 30

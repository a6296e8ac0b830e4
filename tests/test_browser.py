"""Notebook 04 in a real browser: draw a digit with the mouse or upload one, and see both networks answer."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import sync_playwright

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "04_your_own_digit.ipynb"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
TOKEN = "only-for-this-test"


@pytest.fixture
def lab(tmp_path):
    """The address of a JupyterLab of its own, opened on a copy of the notebook, empty and in quick mode."""
    work, settings = tmp_path / "work", tmp_path / "settings" / "@jupyterlab"
    for folder in (work, settings / "notebook-extension", settings / "apputils-extension"):
        folder.mkdir(parents=True)
    notebook = nbformat.read(NOTEBOOK, 4)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            if "parameters" in cell.metadata.get("tags", []):
                cell.source = "quick = True"
    nbformat.write(notebook, work / NOTEBOOK.name)
    # Cells out of sight stay in the page, and nobody is asked about news.
    tracker, news = {"windowingMode": "none"}, {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notebook-extension" / "tracker.jupyterlab-settings").write_text(json.dumps(tracker))
    (settings / "apputils-extension" / "notification.jupyterlab-settings").write_text(json.dumps(news))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folders = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "RUNTIME", "DATA")}
    folders |= {
        "JUPYTERLAB_SETTINGS_DIR": str(settings.parent),
        "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"),
    }
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    with open(tmp_path / "lab.log", "w") as log:
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyterlab",
                *options,
                f"--IdentityProvider.token={TOKEN}",
                f"--ServerApp.root_dir={work}",
            ],
            env=os.environ | folders,
            stdout=log,
            stderr=log,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/api/status?token={TOKEN}", server, tmp_path / "lab.log")
        yield f"{url}/lab/tree/{NOTEBOOK.name}?token={TOKEN}"
    finally:
        server.terminate()
        server.wait(30)


def wait_for(url, server, log):
    deadline = time.monotonic() + 60
    while True:
        try:
            return urllib.request.urlopen(url, timeout=5)
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"JupyterLab did not start:\n{log.read_text()}")
            time.sleep(0.2)


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here; the README says how to install it")
def test_a_one_is_drawn_and_uploaded_and_both_networks_answer(lab, tmp_path):
    with sync_playwright() as playwright:
        sandbox = [] if os.getuid() else ["--no-sandbox"]  # chromium refuses to run as root with it
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        page = browser.new_page(viewport={"width": 1200, "height": 1000})
        page.goto(lab)
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        pad = page.locator(".jp-CodeCell", has=page.locator(".paint-container"))
        canvas = pad.locator("canvas")
        canvas.wait_for(timeout=120_000)
        last = page.locator(".jp-CodeCell .jp-InputPrompt").last
        page.wait_for_function("prompt => /\\d/.test(prompt.textContent)", arg=last.element_handle(), timeout=240_000)

        def draw(*points):
            canvas.scroll_into_view_if_needed()
            box = canvas.bounding_box()
            (x, y), *rest = points
            page.mouse.move(box["x"] + x, box["y"] + y)
            page.mouse.down()
            for x, y in rest:
                page.mouse.move(box["x"] + x, box["y"] + y, steps=10)
            page.mouse.up()

        def ask(expected):
            pad.get_by_role("button", name="Predict").click()
            pad.get_by_text(re.compile(expected)).wait_for(timeout=30_000)

        draw((150, 60), (140, 230))
        page.screenshot(path=tmp_path / "pad.png")
        ask(r"prepared: ANN says 1 \(.*%\), CNN says 1 \(.*%\)")
        pad.locator(".jp-OutputArea img").wait_for()  # the pictures and the bars
        page.screenshot(path=tmp_path / "answer.png", full_page=True)

        pad.get_by_title("Clear").click()
        ask("No ink was found")
        draw((60, 60), (60, 220))
        draw((200, 60), (200, 220))
        ask("2 inked parts were found")
        pad.get_by_title("Undo").click()
        ask(r"ANN says 1 .*, CNN says 1 ")
        page.screenshot(path=tmp_path / "undone.png")

        photograph = Image.new("RGB", (300, 400), (210, 205, 190))
        ImageDraw.Draw(photograph).line([(160, 100), (150, 300)], fill=(70, 70, 90), width=18)
        photograph.save(tmp_path / "photograph.jpg")
        upload = page.locator(".jp-CodeCell", has=page.locator(".widget-upload"))
        with page.expect_file_chooser() as chooser:
            upload.locator(".widget-upload").click()
        chooser.value.set_files(tmp_path / "photograph.jpg")
        upload.get_by_text(re.compile("ANN says 1 .*, CNN says 1 ")).wait_for(timeout=30_000)
        upload.locator(".jp-OutputArea img").wait_for()
        page.screenshot(path=tmp_path / "uploaded.png")
        browser.close()

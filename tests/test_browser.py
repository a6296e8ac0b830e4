"""The drawing pad in a real browser, and notebook 04: draw a digit or upload one, and see both networks answer."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import kernels
import nbformat
import pytest
from PIL import Image, ImageColor, ImageDraw
from playwright.sync_api import expect

from mnist_compare.plots import STYLES

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "04_your_own_digit.ipynb"
TOKEN = "only-for-this-test"


@contextmanager
def in_jupyterlab(browser, notebook, folder):
    """A page with a JupyterLab of its own, opened on this notebook, whose cells have all been run."""
    work, settings = folder / "work", folder / "settings" / "@jupyterlab"
    for each in (work, settings / "notebook-extension", settings / "apputils-extension"):
        each.mkdir(parents=True)
    nbformat.write(notebook, work / "notebook.ipynb")
    # Cells out of sight stay in the page, and nobody is asked about news.
    tracker, news = {"windowingMode": "none"}, {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notebook-extension" / "tracker.jupyterlab-settings").write_text(json.dumps(tracker))
    (settings / "apputils-extension" / "notification.jupyterlab-settings").write_text(json.dumps(news))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folders = {f"JUPYTER_{name}_DIR": str(folder / name) for name in ("CONFIG", "RUNTIME", "DATA")}
    folders |= {
        "JUPYTERLAB_SETTINGS_DIR": str(settings.parent),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
    }
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    options += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={work}"]
    with kernels.settings() as of_kernel, open(folder / "lab.log", "w") as log:
        options += [f"--KernelManager.{name}={value}" for name, value in of_kernel.items()]
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=os.environ | folders, stdout=log, stderr=log
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(f"{url}/api/status?token={TOKEN}", server, folder / "lab.log")
            page = browser.new_page(viewport={"width": 1200, "height": 1000}, has_touch=True)
            page.goto(f"{url}/lab/tree/notebook.ipynb?token={TOKEN}")
            page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
            page.get_by_role("menuitem", name="Run", exact=True).click()
            page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            last = page.locator(".jp-CodeCell .jp-InputPrompt").last
            page.wait_for_function(
                "prompt => /\\d/.test(prompt.textContent)", arg=last.element_handle(), timeout=300_000
            )
            yield page
            page.close()
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


class Pad:
    """The first pad of a page, drawn on by (x, y) in 280ths of a side, as with a hand."""

    def __init__(self, page):
        self.page, self.all = page, page.locator(".drawing-pad").first
        self.paper = self.all.get_by_role("application", name=re.compile("Drawing pad.*finger"))
        self.status = self.all.get_by_role("status")
        self.slider = self.all.get_by_role("slider", name="Thickness")
        self.events = page.context.new_cdp_session(page)

    def place(self, x, y):
        box = self.paper.bounding_box()
        return {"x": box["x"] + x / 280 * box["width"], "y": box["y"] + y / 280 * box["height"]}

    def mouse(self, *points, lift=True):
        self.paper.scroll_into_view_if_needed()
        self.page.mouse.move(**self.place(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(**self.place(*point), steps=10)
        if lift:
            self.page.mouse.up()

    def pen(self, *points):
        pen = {"pointerType": "pen", "button": "left"}
        self.events.send("Input.dispatchMouseEvent", {"type": "mousePressed", **self.place(*points[0]), **pen})
        for number, point in enumerate(points[1:], 1):  # pressed harder and harder
            move = {"type": "mouseMoved", **self.place(*point), **pen, "buttons": 1, "force": number / len(points)}
            self.events.send("Input.dispatchMouseEvent", move)
        self.events.send("Input.dispatchMouseEvent", {"type": "mouseReleased", **self.place(*points[-1]), **pen})

    def touch(self, kind, *points):
        fingers = [self.place(*point) | {"id": number} for number, point in enumerate(points)]
        self.events.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": fingers})

    def finger(self, *points):
        self.paper.scroll_into_view_if_needed()
        self.touch("Start", points[0])
        for point in points[1:]:
            self.touch("Move", point)
        self.touch("End")

    def ink(self):
        """How many of the 560 × 560 pixels are inked."""
        count = (
            "c => c.getContext('2d').getImageData(0, 0, 560, 560).data.filter((v, i) => i % 4 == 3 && v > 127).length"
        )
        return self.paper.evaluate(count)

    def says(self, expected):
        expect(self.status).to_have_text(re.compile(expected), timeout=30_000)

    def questions(self):
        """How many questions the first network had been asked when it gave the answer that is shown."""
        return round(10 * float(re.search(r", ([\d.]+)%", self.status.inner_text())[1])) - 500


ONE = [(140, 50), (140, 110), (140, 170), (140, 230)]
CELLS = [
    # Both networks say 1 if the digit is narrow and 7 if it is wide, and by the decimals how often they were asked.
    """
    from types import SimpleNamespace
    import numpy as np
    from mnist_compare import DrawingPad

    def network():
        asked = -2  # the pad itself asks once, as a check
        def answer(images, training):
            nonlocal asked
            asked += 1
            share = 0.501 + asked / 1000
            shares = np.full((1, 10), (1 - share) / 9, np.float32)
            shares[0, 7 if np.max(images, axis=(0, 1)).sum() > 8 else 1] = share
            return SimpleNamespace(numpy=lambda: shares)
        return answer

    pad = DrawingPad({"ANN": network(), "CNN": network()})
    pad""",
    "pad",
    "print(f'{np.mean(pad.picture < 128):.4f} of the picture')",
    """
    import time
    time.sleep(seconds if "seconds" in globals() else 0)  # only when it is run again
    seconds = 6""",
    """
    from mnist_compare import plots
    plots.titled(plots.plot_ratios({"parameters": 0.0227}, "CNN / ANN"), "Costs")""",
]


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    cells = [nbformat.v4.new_code_cell(re.sub(r"(?m)^ {4}", "", cell).strip()) for cell in CELLS]
    notebook = nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_markdown_cell("below\n\n" * 60)])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    with in_jupyterlab(browser, notebook, tmp_path_factory.mktemp("lab")) as page:
        yield page


def run_again(page, number):
    cell = page.locator(".jp-CodeCell").nth(number)
    cell.locator(".jp-InputPrompt").click()
    page.keyboard.press("Control+Enter")
    return cell


@pytest.fixture
def pad(page):
    """A pad without ink, in its first thickness, that has said so."""
    pad = Pad(page)
    pad.slider.fill("9")
    pad.all.get_by_role("button", name="Clear").click()
    pad.says("Draw one digit")
    return pad


def test_a_mouse_draws_and_both_answer_after_a_pause(pad, tmp_path):
    pad.mouse(*ONE, lift=False)
    pad.page.wait_for_timeout(800)
    pad.says("Draw one digit")  # as long as the stroke goes on
    pad.page.mouse.up()
    pad.says(r"^ANN: 1, \d+\.\d%; CNN: 1, \d+\.\d%$")
    before = pad.questions()
    pad.mouse((80, 50), (140, 50))
    pad.mouse((80, 230), (200, 230), lift=False)
    pad.page.wait_for_timeout(800)
    pad.page.mouse.up()
    pad.says("ANN: 7, .*; CNN: 7, ")
    assert pad.questions() == before + 1  # one question after both strokes
    pad.all.screenshot(path=tmp_path / "pad.png")


def test_bars_move_in_the_colours_of_the_figures(pad):
    pad.mouse(*ONE)
    pad.says("ANN: 1, ")
    for name in ("ANN", "CNN"):
        panel = pad.all.get_by_role("group", name=name)
        bars = panel.locator("i")
        assert bars.count() == 10
        rgb = ", ".join(map(str, ImageColor.getrgb(STYLES[name]["color"])))
        expect(bars.nth(1)).to_have_css("background-color", f"rgb({rgb})")
        expect(panel.locator("span", has_text=re.compile(r"^5\d\.\d%$"))).to_have_count(1)
        pad.page.wait_for_timeout(500)  # until they have moved
        widths = [bar.bounding_box()["width"] for bar in bars.all()]
        track = bars.nth(1).locator("..").bounding_box()["width"]
        assert 0.5 < widths[1] / track < 0.6 and all(width / track < 0.06 for width in widths[:1] + widths[2:])
    seen = "c => c.getContext('2d').getImageData(0, 0, 28, 28).data.reduce((a, v) => a + v)"
    assert pad.all.get_by_role("img").evaluate(seen) / 255 == pytest.approx(20 * 2.5, rel=0.3)


def test_refused_in_one_sentence_without_bars(pad):
    pad.mouse((60, 60), (60, 220))
    pad.says("ANN: 1")
    pad.mouse((200, 60), (200, 220))
    pad.says("^2 inked parts were found")
    assert pad.all.get_by_text("%").count() == 0
    assert {bar.get_attribute("style") for bar in pad.all.locator("i").all()} == {"width: 0px;"}


def test_a_finger_draws_and_does_not_scroll(pad):
    before = pad.paper.bounding_box()
    pad.finger(*ONE[::-1])
    pad.says("ANN: 1, .*; CNN: 1, ")
    assert pad.paper.bounding_box() == before
    pad.finger(*[(x + 420, y) for x, y in ONE[::-1]])  # beside the pad the page scrolls
    for _ in range(50):  # it glides, as far as the page has room
        if pad.paper.bounding_box()["y"] < before["y"] - 20:
            return
        pad.page.wait_for_timeout(100)
    raise AssertionError(f"the page stays at {pad.paper.bounding_box()}")


def test_a_pen_draws_as_wide_as_the_mouse_however_hard_it_is_pressed(pad):
    pad.mouse(*ONE)
    by_mouse = pad.ink()
    pad.says("ANN: 1, ")
    pad.all.get_by_role("button", name="Undo").click()
    pad.says("Draw one digit")
    pad.pen(*ONE)
    pad.says("ANN: 1, .*; CNN: 1, ")
    assert pad.ink() == pytest.approx(by_mouse, rel=0.01)


def test_one_stroke_at_a_time(pad):
    pad.finger(*ONE)
    ink = pad.ink()
    pad.touch("Start", (40, 40), (240, 40))
    pad.touch("Move", (40, 45), (240, 240))
    pad.touch("End")
    with_first_finger = pad.ink()
    assert ink < with_first_finger < 1.5 * ink
    pad.touch("Start", (240, 240))
    pad.touch("Move", (200, 200))
    assert pad.ink() > with_first_finger
    pad.touch("Cancel")
    assert pad.ink() == with_first_finger


def test_a_pen_takes_over_from_a_hand(pad):
    pad.touch("Start", (240, 240))
    pad.touch("Move", (200, 240))
    pad.pen(*ONE)
    pad.touch("End")
    pad.says("ANN: 1, ")
    by_pen = pad.ink()
    pad.all.get_by_role("button", name="Clear").click()
    pad.pen(*ONE)
    assert pad.ink() == by_pen


def test_a_tap_makes_a_dot_and_the_right_button_nothing(pad):
    pad.paper.click(position={"x": 100, "y": 100}, button="right")
    assert pad.ink() == 0 and pad.page.locator(".lm-Menu.jp-mod-visible, .lm-Menu:visible").count() == 0
    pad.paper.tap(position={"x": 100, "y": 100})
    assert pad.ink() == pytest.approx(3.1416 / 4 * (0.09 * 560) ** 2, rel=0.03)


def test_points_that_the_browser_left_out_are_drawn(pad):
    """A quick hand: one event for a corner and for what comes after it."""
    pad.paper.evaluate("""paper => {
        paper.setPointerCapture = () => {}; // which knows real pointers only
        const box = paper.getBoundingClientRect();
        const event = (type, x, y, more) => new PointerEvent(type,
            { pointerId: 99, clientX: box.left + x, clientY: box.top + y, bubbles: true, ...more });
        const corner = event("pointermove", 240, 40);
        paper.dispatchEvent(event("pointerdown", 40, 40));
        paper.dispatchEvent(event("pointermove", 240, 240, { coalescedEvents: [corner] }));
        paper.dispatchEvent(event("pointerup", 240, 240));
        delete paper.setPointerCapture;
    }""")
    pad.says("ANN: 7")
    assert pad.ink() == pytest.approx(0.09 * 560 * (400 + 400), rel=0.1)


def test_the_thickness_is_the_sliders(pad):
    inks = []
    for key in ("Home", "ArrowRight", "End"):
        pad.slider.press(key)
        pad.mouse(*ONE)
        inks.append(pad.ink())
        pad.all.get_by_role("button", name="Undo").click()
        assert pad.ink() == 0
    assert inks[0] / (2 * 180 * 0.03 * 560) == pytest.approx(1, rel=0.1)
    assert inks[1] / inks[0] == pytest.approx(4 / 3, rel=0.05) and inks[2] / inks[0] > 4.5
    pad.slider.press("Home")
    pad.mouse(*ONE)
    pad.slider.press("End")
    pad.mouse((40, 140), (240, 140))
    pad.all.get_by_role("button", name="Undo").click()
    assert pad.ink() == inks[0]  # what was drawn stays as thick as it was


def test_buttons_undo_clear_and_ask(pad):
    pad.mouse(*ONE)
    pad.says("ANN: 1")
    ink, before = pad.ink(), pad.questions()
    pad.all.get_by_role("button", name="Predict").click()
    pad.says(f"ANN: 1, {50 + (before + 1) / 10:.1f}%")
    pad.mouse((40, 230), (240, 230))
    pad.says("ANN: 7")
    pad.all.get_by_role("button", name="Undo").click()
    pad.says("ANN: 1")
    assert pad.ink() == ink
    pad.all.get_by_role("button", name="Clear").click()
    pad.says("Draw one digit")
    assert pad.ink() == 0
    pad.all.get_by_role("button", name="Undo").click()  # of nothing
    assert pad.ink() == 0


def test_keys_undo_clear_and_ask_and_are_not_jupyters(pad):
    cells = pad.page.locator(".jp-Cell").count()
    pad.mouse((40, 230), (240, 230))
    expect(pad.paper).to_be_focused()
    for key in ("Backspace", "Control+z"):
        pad.mouse(*ONE)
        pad.says("ANN: 7")
        two = pad.ink()
        pad.page.keyboard.press(key)
        assert pad.ink() < two
    pad.page.keyboard.press("Delete")
    pad.says("Draw one digit")
    pad.mouse(*ONE)
    pad.says("ANN: 1")
    before = pad.questions()
    pad.page.keyboard.press("Enter")
    pad.says(f"ANN: 1, {50 + (before + 1) / 10:.1f}%")
    for part in (pad.paper, pad.slider, pad.all.get_by_role("button", name="Predict")):
        part.focus()
        for keys in ("b", "dd", "z"):  # of JupyterLab: insert a cell, delete one, undo that
            pad.page.keyboard.type(keys)
            assert pad.page.locator(".jp-Cell").count() == cells
    pad.says("ANN: 1")


def test_tab_goes_through_the_pad(pad):
    pad.paper.focus()
    for part in (pad.slider, *(pad.all.get_by_role("button", name=name) for name in ("Predict", "Undo", "Clear"))):
        pad.page.keyboard.press("Tab")
        expect(part).to_be_focused()
        assert part.bounding_box()["height"] >= 44  # what a finger hits


def test_python_and_a_second_view_have_the_same_picture(pad):
    pad.mouse((80, 60), (200, 60), (120, 230))
    pad.says("ANN: 7")
    second = Pad(pad.page)
    second.paper = pad.page.locator(".drawing-pad-paper").nth(1)
    assert second.ink() == pad.ink() > 0
    cell = run_again(pad.page, 2)
    share = f"{pad.ink() / 560**2:.3f}"
    expect(cell.get_by_text(re.compile(rf"^{share}\d of the picture"))).to_be_visible()


def test_a_figure_has_its_words(page):
    picture = page.get_by_role("img", name="Costs. CNN / ANN: parameters 0.023.")
    expect(picture).to_have_count(1)
    assert picture.evaluate("image => image.naturalWidth") > 500


def test_nothing_is_forgotten_that_is_drawn_while_another_cell_runs(pad):
    run_again(pad.page, 3)
    pad.mouse(*ONE)
    pad.page.wait_for_timeout(1000)  # asked already; whether answered depends on the version of ipykernel
    pad.mouse((40, 230), (240, 230))
    ink = pad.ink()
    pad.says("ANN: 7, .*; CNN: 7, ")
    pad.page.wait_for_timeout(500)
    assert pad.ink() == ink


def test_without_a_kernel_it_says_what_it_needs(page):  # the last on this page, whose kernel it ends
    pad = Pad(page)
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name="Shut Down Kernel", exact=True).click()
    page.get_by_text("No Kernel").first.wait_for()
    pad.mouse(*ONE)
    pad.says("^No answer yet. The pad needs Python at work behind this page")


def test_notebook_04_reads_a_one_by_mouse_finger_pen_and_upload(browser, tmp_path):
    notebook = nbformat.read(NOTEBOOK, 4)
    notebook.metadata.pop("widgets", None)
    after = next(i for i, cell in enumerate(notebook.cells) if cell.source.startswith("## 5. "))
    del notebook.cells[after:]  # which ask nothing of a page
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            if "parameters" in cell.metadata.get("tags", []):
                cell.source = "quick = True"
    with in_jupyterlab(browser, notebook, tmp_path) as page:
        pad = Pad(page)
        for way in (pad.mouse, pad.finger, pad.pen):
            way((150, 60), (147, 120), (144, 180), (140, 230))
            pad.says(r"^ANN: 1, .*%; CNN: 1, .*%$")
            page.screenshot(path=tmp_path / f"{way.__name__}.png")
            pad.all.get_by_role("button", name="Clear").click()
            pad.says("Draw one digit")

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

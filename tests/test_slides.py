"""Slides: what the rules make of a notebook, and that each slide of the real ones fits, in a real browser."""

import base64
import io
import re
import shutil
import tarfile
from types import SimpleNamespace

import nbformat
import pytest
import slide_cells
import slide_room
import slide_rules
import slide_text
import slides
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

NOTEBOOKS = sorted(slides.NOTEBOOKS.glob("*.ipynb"))


def png(width, height):
    file = io.BytesIO()
    Image.new("L", (width, height)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def code(source, *outputs, slide_type="-"):
    made = []
    for output in outputs:
        if isinstance(output, tuple):
            made.append(new_output("execute_result", {"image/png": png(*output)}, execution_count=1))
        elif output.startswith("print "):
            made.append(new_output("stream", text=output.removeprefix("print ")))
        else:
            made.append(new_output("execute_result", {"text/markdown": output}, execution_count=1))
    return new_code_cell(source, outputs=made, metadata={"slideshow": {"slide_type": slide_type}})


def text(source, slide_type="-"):
    return new_markdown_cell(source, metadata={"slideshow": {"slide_type": slide_type}})


def made_of(*cells):
    return slide_rules.slides_of(new_notebook(cells=[text("# Title: what it is\n\nWhat comes of it?"), *cells]))


# --------------------------------------------------------------------------------------------------------------- rules


def test_code_is_dropped_and_a_picture_stands_between_what_leads_to_it_and_what_reads_it():
    title, picture = made_of(
        text("## 1. A section\n\nLook at this:"),
        code("plot(secret)", (900, 300)),
        code("Markdown(...)", "It rises. " + "Then it falls, slowly. " * 30),
    )
    assert (title.kind, title.section, title.lead) == ("title", "Title: what it is", "What comes of it?")
    assert (picture.kind, picture.section, picture.lead) == ("picture", "1. A section", "Look at this:")
    assert picture.reading.startswith("It rises.") and len(picture.reading) < 300
    assert "secret" not in picture.source() and "".join(picture.notes).count("slowly") == 30
    image = f'<img alt="a &lt; b" style="width: 9px" src="data:image/png;base64,{png(900, 300)}">'
    html = new_output("display_data", {"text/html": image, "text/plain": "a < b"})
    assert ' alt="a &lt; b">' in made_of(new_code_cell("plot()", outputs=[html]))[-1].show
    assert not picture.beside and made_of(code("plot()", "print a line", (300, 300)), text("Read."))[-1].beside


def test_a_guess_is_a_slide_of_its_own_and_what_is_said_of_it_is_left_out():
    guess, answer = made_of(
        text("**Before you run the next cell:** how many? Put your guess in place of the 8."),
        code("your_number = 8"),
        code(
            "print(...)",
            "It is **9** (your guess 8, really 9). You guessed 8: quite wrong. (Your guesses: ? and ?.) So there.",
        ),
    )[1:]
    assert (guess.kind, guess.title, guess.lead) == ("question", "Your guess", "How many?")
    assert answer.lead == "It is **9** (really 9). So there."
    listed = made_of(
        text("**Your verdicts first.** What holds?"), code('v = {"1. This is so": "?", "2. That is so": "?"}')
    )[-1]
    assert (listed.kind, listed.lead) == ("question", "1. This is so\n2. That is so")
    named = made_of(text("**Guess first:** which?"), code('your_loss = {"ANN": "?", "one of four words": "?"}'))[-1]
    assert (named.kind, named.lead) == ("question", "Which?")  # names are in the question already
    bare = made_of(code("plot()", (900, 300)), code("%time\nyour_share_of_it = 1"))[-1]  # nobody has asked
    assert (bare.kind, bare.title, bare.lead) == ("question", "Your guess", "Share of it?")
    two = made_of(text("Suppose so. **Guess first:** what then?"), code("your_then = 1"), code("plot()", (900, 300)))
    assert [s.kind for s in two] == ["title", "question", "picture"] and two[-1].lead == "Suppose so."


def test_a_question_stands_before_the_picture_that_answers_it_and_an_answer_after_its_question():
    kinds = [s.kind for s in made_of(text("Are there as many of each digit? Count."), code("plot()", (900, 300)))]
    assert kinds == ["title", "question", "picture"]
    first, second = made_of(text("1. Is it nine?\n\n<details><summary>Answer</summary>\n\nNo.\n\n</details>"))[1:]
    assert (first.kind, first.lead, second.kind, second.lead) == ("question", "Is it nine?", "answer", "No.")


def test_a_list_stays_a_list_where_code_divides_it():
    slides = made_of(text("## Exercises\n\n1. First.\n2. Second. Do:\n\n```python\nx\n```\n\nAnd then.\n3. Third."))
    assert [s.lead for s in slides[1:]] == ["1. First.\n2. Second.", "Do:", "And then.\n\n3. Third."]


def test_the_last_picture_is_shown_again_for_a_question_about_it():
    for asked, again in (("Which digit? Put it in place of the question mark.", False), ("What is above?", True)):
        question = made_of(code("plot()", (900, 300)), text(f"**Before you run it:** {asked}"))[-1]
        assert question.kind == "question" and question.show.startswith("<img") == again


def test_what_makes_no_sense_without_code_is_in_the_notes_only():
    slide = made_of(text("Ten units. The next cell counts them. (An aside.)"), code("n", "print 10"))[-1]
    assert slide.lead == "Ten units." and "next cell" in slide.notes[0]
    assert made_of(text("---\nSources: a book."))[-1].lead == "Sources: a book."  # the rule is for the notebook
    assert len(made_of(text("Unseen.", "skip"), code("n", "print 10", slide_type="skip"))) == 1


def test_source_is_shown_and_what_is_too_long_is_dealt_out():
    source = "\n".join(f"line_{i} = {i}" for i in range(60))
    pages = made_of(code("print(inspect.getsource(f))", f"print {source}"))[1:]
    assert {page.kind for page in pages} == {"code"} and len(pages) == 3 and min(page.size for page in pages) >= 18
    assert re.findall(r"line_\d+", "".join(page.show for page in pages)) == re.findall(r"line_\d+", source)
    table = "\n".join(["| n | your guess | text |", "| --- | --- | --- |", *["| 1 | ? | " + "word " * 40 + "|"] * 20])
    parts = made_of(code("table()", table))[1:]
    assert len(parts) > 1 and all(part.show.startswith("| n | text |\n| --- | --- |\n") for part in parts)
    assert sum(part.show.count("\n") - 1 for part in parts) == 20


def test_sentences_are_not_torn_apart():
    said = "**Why? Because.** It is (as A. Owen says. In 2007) so. Then `a. B` ends."
    assert slide_text.sentences(said) == [
        "**Why? Because.**",
        "It is (as A. Owen says. In 2007) so.",
        "Then `a. B` ends.",
    ]


# -------------------------------------------------------------------------------------------------- the real notebooks


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def deck(request):
    notebook = nbformat.read(request.param, 4)
    return SimpleNamespace(path=request.param, notebook=notebook, slides=slide_rules.slides_of(notebook))


def test_no_slide_has_a_guess_and_its_answer(deck):
    asked = {}
    for number, cell in enumerate(deck.notebook.cells):
        if cell.cell_type == "code":
            asked |= dict.fromkeys(slide_cells.guess_of(cell)[0], number)
    for name, number in asked.items():
        guesses = [i for i, s in enumerate(deck.slides) if s.kind == "question" and s.cell in (number, number - 1)]
        answers = [
            i
            for i, s in enumerate(deck.slides)
            if s.cell > number and re.search(rf"\b{name}\b", deck.notebook.cells[s.cell].source)
        ]
        assert guesses, f"There is no slide on which {name} is asked for."
        assert not answers or max(guesses) < min(answers)
    said = "\n".join(f"{s.title} {s.lead} {s.show[:99]} {s.reading}" for s in deck.slides if s.kind != "code")
    assert not re.search(r"You guessed|[(;|] ?your guess|next cells?\b|train_again", said)


def test_every_slide_has_a_heading_and_all_text_is_in_the_notes(deck):
    sections = re.findall(r"^## (.*)", "\n".join(c.source for c in deck.notebook.cells), re.MULTILINE)
    assert list(dict.fromkeys(s.section for s in deck.slides[1:]))[-len(sections) :] == sections
    assert all(s.section for s in deck.slides)
    notes = " ".join(" ".join(note for s in deck.slides for note in s.notes).split())
    for cell in deck.notebook.cells:
        if cell.cell_type == "markdown" and cell.metadata.slideshow.slide_type != "skip":
            for kind, block in slide_cells.blocks_of(cell.source):
                if kind in ("text", "answer"):
                    assert " ".join(block.split()) in notes


def test_nothing_is_written_in_tex_which_would_need_mathjax(deck):
    assert not [cell.source for cell in deck.notebook.cells if cell.cell_type == "markdown" and "$" in cell.source]


# ---------------------------------------------------------------------------------------------------------- in chromium

# How many slides a selector finds, and what is wrong with them, in words.
LOOK = """(which) => {
    const wrong = [], all = [...document.querySelectorAll(which)];
    for (const slide of all) {
        const say = (what) => wrong.push(`${what}: ${slide.innerText.slice(0, 90).replaceAll("\\n", " / ")}`);
        const box = slide.getBoundingClientRect(), scale = box.width / 1440;
        if (Math.abs(box.height / scale - 810) > 1) say("not 810 high");
        const parts = [...slide.querySelectorAll("*")].filter((part) => part.offsetParent);
        const out = parts.find((part) => {
            const r = part.getBoundingClientRect();
            return r.left < box.left + 20 || r.top < box.top || r.right > box.right - 20 || r.bottom > box.bottom - 20
                || part.scrollWidth > part.clientWidth + 1 && part.clientWidth;
        });
        if (out) say(`${out.tagName} runs over the edge`);
        const blocks = [...slide.children];
        for (const [i, a] of blocks.entries()) for (const b of blocks.slice(i + 1)) {
            const [p, q] = [a.getBoundingClientRect(), b.getBoundingClientRect()];
            if (p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1)
                say(`${a.className || a.tagName} and ${b.className || b.tagName} overlap`);
        }
        const texts = parts.filter((part) => [...part.childNodes].some((n) => n.nodeType == 3 && n.data.trim()));
        if (texts.some((part) => parseFloat(getComputedStyle(part).fontSize) < 18)) say("letters too small");
        if (!slide.querySelector("h1, h2")?.innerText.trim()) say("no heading");
        if (!slide.querySelector(".lead, .show, .reading") && !slide.matches(".title, .opens")) say("empty");
        for (const image of slide.querySelectorAll("img")) {
            const share = Math.min(image.clientWidth / image.naturalWidth, image.clientHeight / image.naturalHeight);
            const [width, height] = [image.naturalWidth * share, image.naturalHeight * share];
            if (!image.alt || width < 900 && height < 300) say("tiny picture, or without a description");
        }
    }
    return [all.length, wrong];
}"""


@pytest.fixture(scope="module")
def page(browser):
    """A page without any network, and the list of what it asked for and did not get."""
    page = browser.new_page(viewport={"width": slide_room.WIDTH, "height": slide_room.HEIGHT})
    page.failed = []
    page.route(re.compile("^(?!file:|data:)"), lambda route: route.abort())
    page.on("requestfailed", lambda request: page.failed.append(request.url))
    page.on("pageerror", lambda error: page.failed.append(str(error)))
    return page


def test_browser_shows_every_slide_whole(page, deck, tmp_path):
    """Without reveal.js the slides stand below one another: all are measured at once, and nothing need be fetched."""
    path, count = slides.write_deck(deck.path, tmp_path)
    page.goto(path.as_uri())
    shown, wrong = page.evaluate(LOOK, ".slide")
    assert (shown, wrong) == (count, [])


def test_browser_finds_what_is_wrong(page, tmp_path):
    long = "\n\n".join(["A paragraph that has no room."] * 40)
    bad = [
        slide_rules.Slide("text", "Section", lead=long),
        slide_rules.Slide("print", "Section", show=f"```\n{'wide ' * 60}\n```"),
        slide_rules.Slide("print", "Section", show="```\nsmall\n```", size=12),
        slide_rules.Slide("text", ""),  # neither heading nor anything else
        slide_rules.Slide("picture", "Section", show=f'<img src="data:image/png;base64,{png(900, 90)}">', reading=long),
    ]
    path = slides.write_page(bad, tmp_path / "bad.html")
    page.goto(path.as_uri())
    shown, wrong = page.evaluate(LOOK, ".slide")
    found = " ".join(wrong)
    assert shown == len(bad)
    for what in ("runs over the edge", "letters too small", "no heading", "empty", "tiny picture"):
        assert what in found
    assert found.count("runs over the edge") == 3


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A folder with reveal.js: the one that `make slides` has filled, or one of its own."""
    folder = tmp_path_factory.mktemp("slides") / slides.FOLDER
    if (slides.BUILD / slides.FOLDER).exists():
        shutil.copytree(slides.BUILD / slides.FOLDER, folder)
    try:
        slides.fetch_library(folder)
    except slides.NoLibraryError as error:
        pytest.skip(str(error))
    return folder


def test_browser_shows_the_slides_one_by_one_without_a_network(page, deck, library):
    path, count = slides.write_deck(deck.path, library.parent)
    page.failed.clear()
    page.goto(path.as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    assert page.evaluate("Reveal.getTotalSlides()") == count
    shown, wrong = page.evaluate(f"""async () => {{
        const look = {LOOK}, wrong = [];
        let shown = 0;
        for (;;) {{
            const [count, found] = look("section.present > section.present .slide");
            shown += count;
            wrong.push(...found);
            if (Reveal.isLastSlide()) return [shown, wrong];
            Reveal.next();
        }}
    }}""")
    assert (shown, wrong, page.failed) == (count, [], [])


# ---------------------------------------------------------------------------------------------------------- the library


def test_without_npm_one_sentence_says_what_is_missing(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(slides, "BUILD", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert slides.main() == "npm is missing, by which reveal.js is fetched: install Node.js, then call this again."
    assert list(tmp_path.iterdir()) == [] and capsys.readouterr().out == ""


def test_another_archive_than_the_published_one_is_not_unpacked(tmp_path):
    archive = tmp_path / "reveal.js.tgz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.addfile(tarfile.TarInfo("package/dist/reveal.js"))
    with pytest.raises(slides.NoLibraryError, match="not reveal.js .* as it was published"):
        slides.unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_where_npm_has_no_network_it_is_said_in_one_sentence(monkeypatch, tmp_path):
    failed = SimpleNamespace(returncode=1, stderr="npm error code ENOTFOUND\nnpm error a log is elsewhere")
    monkeypatch.setattr(shutil, "which", lambda name: "npm")
    monkeypatch.setattr(slides.subprocess, "run", lambda *command, **options: failed)
    with pytest.raises(slides.NoLibraryError, match=r"npm could not fetch reveal.js [\d.]+: npm error code ENOTFOUND$"):
        slides.fetch_library(tmp_path / "library")


def test_an_unknown_notebook_is_refused_in_one_sentence():
    assert slides.main("05").startswith("There is no notebook '05': choose among 01_ann_vs_cnn, ")

"""Which slides are made of a notebook: rules, so that no slides need be made by hand when a notebook changes.

- A heading ## begins a section, and every slide names the section it belongs to. Cells marked "skip" make no slide.
- Code is not shown, but its output is: one picture, table or print a slide, with a sentence that leads to it and one
  that reads it. Code that a cell gives as its output is content like any other.
- A guess is a slide of its own. So is every paragraph that ends in a question; the answer comes on a later slide.
- A slide shows a paragraph's first sentence, its questions and what is bold; the notes have all of it.
- What makes no sense without the code ("the next cell …"), or is about the reader's own guess, is in the notes only.
"""

import base64
import io
import re
from dataclasses import dataclass, field
from html import escape

from PIL import Image
from slide_cells import blocks_of, guess_of, outputs_of
from slide_room import SHOW_HEIGHT, pages_of, prints_of, tables_of
from slide_text import (
    ASKED,
    LEADS_ON,
    POINTS,
    PUT_IT,
    TITLED,
    asks,
    gist,
    is_list,
    items_of,
    plain,
    presentable,
    sentences,
    short_list,
    unguessed,
)


@dataclass
class Slide:
    """One slide: Markdown in `lead` and `reading`, and in `show` HTML that stands between them.

    kind: what is shown: title, text, question, answer, picture, table, print or code. cell: the number of the cell it
    comes from. size: of the letters of what is shown, in pixels.
    """

    kind: str
    section: str
    title: str = ""
    lead: str = ""
    show: str = ""
    reading: str = ""
    opens: bool = False
    beside: bool = False
    size: float = 0
    cell: int = -1
    notes: list = field(default_factory=list)

    def source(self):
        """Return the slide as Markdown with HTML around it."""
        classes = ["slide", self.kind]
        facts = {"pictured": self.show.startswith("<img"), "beside": self.beside, "opens": self.opens}
        classes += [name for name, true in facts.items() if true]
        style = f' style="--size: {self.size:g}px"' if self.size else ""
        heading, title = (escape(plain(text), quote=False) for text in (self.section, self.title))
        parts = [f'<div class="{" ".join(classes)}" data-cell="{self.cell}"{style}>']
        parts.append(f"<h1>{heading}</h1>" if self.kind == "title" else f"<h2>{heading}</h2>")
        parts += [f"<h3>{title}</h3>"] * bool(title)
        for name in ("lead", "show", "reading"):
            parts += [f'<div class="{name}">\n\n{getattr(self, name)}\n\n</div>'] * bool(getattr(self, name))
        return "\n".join([*parts, "</div>"])


def slides_of(notebook):
    """Return the slides of an executed notebook, in their order."""
    return _Maker().make(notebook)


class _Maker:
    """Goes through a notebook once; `waiting` holds the paragraphs that are on no slide yet."""

    def make(self, notebook):
        self.slides, self.waiting, self.notes = [], [], []
        self.section, self.title, self.subheading, self.opens, self.unread = "", "", "", False, None
        for self.number, cell in enumerate(notebook.cells):
            if cell.metadata.get("slideshow", {}).get("slide_type") == "skip":
                continue
            if cell.cell_type == "markdown":
                self.markdown(cell)
            elif cell.cell_type == "code":
                self.code(cell)
        self.tell()
        self.open()
        self.slides[-1].notes += self.notes
        for slide in self.slides:
            slide.beside &= bool(slide.lead or slide.reading)
        return self.slides

    def add(self, kind, **what):
        slide = Slide(kind, self.section, cell=self.number, opens=self.opens, notes=self.notes, **what)
        self.slides.append(slide)
        self.opens, self.notes, self.unread = False, [], None
        return slide

    def markdown(self, cell):
        follows = cell.metadata.get("slideshow", {}).get("slide_type") not in ("slide", "subslide")
        blocks = list(blocks_of(cell.source))
        for place, (kind, block) in enumerate(blocks):
            next_kind, next_block = blocks[place + 1] if place + 1 < len(blocks) else ("", "")
            if kind == "heading":
                self.heading(block)
            elif kind == "text":
                self.text(block, next_kind == "answer", may_read=follows and place == 0 and not is_list(next_block))
            elif kind == "answer":
                self.notes.append(block)
                self.add("answer", title="Answer", **self.alone(gist(block, 420)))
            else:
                self.given(kind, block)

    def heading(self, block):
        self.tell()
        self.open()
        marks, _, text = block.partition(" ")
        if len(marks) > 2:
            self.title = self.subheading = text
        else:
            self.section, self.title, self.subheading, self.opens = text, "", "", True
        if len(marks) == 1:
            self.opens = False
            self.add("title")
            self.section = re.split(r"(?<=[?])|[:.]", text)[0].strip()

    def open(self):
        """Make a slide of a section's heading alone, if nothing else of the section is on a slide."""
        if self.opens:
            self.add("text")

    def text(self, block, answered, may_read):
        if self.slides and self.slides[-1].kind == "title" and not self.slides[-1].lead:
            self.slides[-1].lead = gist(block, 360)
            self.slides[-1].notes.append(block)
            return
        if re.match(r"\*\*It takes\*\*", block):
            self.notes.append(block)
        elif answered or asks(block):
            self.ask(block)
        elif may_read and self.reads(block):
            self.read(block)
        else:
            self.notes.append(block)
            self.waiting.append(block)

    def reads(self, block):
        """Return whether a paragraph right after a picture reads it, rather than leads on."""
        if self.unread is None or is_list(block) or "train_again" in block or LEADS_ON.match(block):
            return False
        if POINTS.search(sentences(block)[-1]):
            return False
        return not self.unread.reading or len(block) < 70  # a short one may come after another

    def read(self, block):
        """Put a paragraph below the picture that it reads."""
        slide = self.unread
        slide.notes.append(block)
        slide.reading = f"{slide.reading} {gist(block, 260)}".strip()

    def ask(self, block, title="Question"):
        """Make a question a slide of its own. What leads to it stays for the picture that answers it."""
        self.tell()
        self.notes.append(block)
        block = re.sub(r"^\d+\. ", "", block)
        if match := ASKED.search(block):
            said = match[1].strip(" .:,")
            title = "Your guess" if re.match(r"Before you|Guess first|Predict", said) else said
            before = block[: match.start()]
            if said != "Read them yourself":
                block = block[match.end() :]
        else:
            before = ""
            if (match := TITLED.match(block)) and len(presentable(block)) > 1:
                title, block = match[2].rstrip("."), block[match.end() :]
                self.title = title
        question = block[:1].upper() + block[1:]
        parts = [part for part in (gist(before, 420), gist(question, 420)) if part]
        self.add(
            "question", title=title, **self.alone(*(parts or sentences(question)[:1])), **self.seen_again(question)
        )
        if before:
            self.waiting.append(before)

    def seen_again(self, question):
        """Return the last picture, for a question that cannot be answered without it."""
        pictures = [slide for slide in self.slides if slide.kind == "picture" and slide.section == self.section]
        if not pictures or not re.search(r"\b(?:above|yourself|question mark)\b", PUT_IT.sub("", question)):
            return {}
        return {"show": pictures[-1].show, "beside": pictures[-1].beside}

    def alone(self, *blocks):
        ((size, _),) = pages_of(["\n\n".join(blocks)])
        return {"lead": "\n\n".join(blocks), "size": size}

    def tell(self, but_last=False):
        """Make slides of the waiting paragraphs, of all or all but the last, which is then returned."""
        last = self.waiting.pop() if but_last and self.waiting else ""
        if is_list(last):  # its last item leads to what is shown
            *items, last = items_of(last)
            self.waiting += ["\n".join(items)] if items else []
        if (
            last and self.opens
        ):  # a section's first slide says what it is about; a sentence that points stays for what is shown
            *rest, end = presentable(last) or [""]
            rest, last = (" ".join(rest), end) if POINTS.search(end) else (last, "")
            self.waiting += [rest] if rest else []
        blocks = []
        for block in self.waiting:
            if (match := TITLED.match(block)) and not is_list(block):
                self.page(blocks)
                blocks, self.title, block = [], match[2].rstrip("."), block[match.end() :]
            blocks += short_list(block, 190) if is_list(block) else [gist(block, 330)]
        self.waiting = []
        self.page(blocks)
        return last

    def page(self, blocks):
        if blocks := [block for block in blocks if block]:
            notes, self.notes = self.notes, []
            for size, some in pages_of(blocks):
                text = some[0]
                for block in some[1:]:  # the items of a list close to one another
                    text += ("\n" if is_list(block) and is_list(text.splitlines()[-1]) else "\n\n") + block
                self.add("text", title=self.title, lead=text, size=size).notes += notes
                notes = []

    def code(self, cell):
        names, listed = guess_of(cell)
        if names or listed:
            self.guess(cell, names, listed)
            return
        found, outputs = [], list(outputs_of(cell))
        for place, (kind, content) in enumerate(outputs):
            if kind == "text":
                found.append(unguessed(content))
                continue
            self.find(found)
            found = []
            if kind == "print" and content.count("\n") <= 3 and [k for k, _ in outputs[place + 1 :]] == ["picture"]:
                self.given(*outputs[-1], printed=unguessed(content).strip())
                return
            self.given(kind, content)
        self.find(found)

    def guess(self, cell, names, listed):
        """A cell for the reader's guess: its question is on a slide already, or the last paragraph, or missing."""
        asked = self.slides[-1].kind == "question" and self.slides[-1].cell >= self.number - 1
        if not asked:
            missing = ", ".join(name.removeprefix("your_").replace("_", " ") for name in names)
            self.ask(self.waiting.pop() if self.waiting else f"{missing}?", "Your guess")
        slide = self.slides[-1]
        if slide.title == "Question":
            slide.title = "Your guess"
        said = [text.strip() for kind, text in outputs_of(cell) if kind == "print"]
        slide.lead = "\n\n".join([*said, slide.lead])
        if listed:
            slide.notes.append("\n".join(listed))
            for size, some in pages_of(listed):
                self.add("question", title=slide.title, lead="\n".join(some), size=size)

    def given(self, kind, content, printed=""):
        """Show an output of a cell; a few printed lines come onto the slide of its picture."""
        if kind in ("quiet", "folded"):
            self.notes += [content] if kind == "quiet" else []
            return
        last = self.tell(but_last=True)
        if match := TITLED.match(last):
            self.title, last = match[2].rstrip("."), last[match.end() :]
        elif last:
            self.title = self.subheading
        lead = "\n\n".join(part for part in (gist(last, 200), printed and f"```\n{printed}\n```") if part)
        room = SHOW_HEIGHT + 75 * (not lead) + 50 * (not self.title)
        for slide in getattr(self, f"show_{kind}")(content, room):
            self.unread = self.add(kind, title=self.title, lead=lead, **slide)
            lead = ""

    def show_picture(self, content, room):
        source, alt = content
        width, height = Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).size
        alt = escape(alt or plain(self.title or self.section))
        # Text beside a picture that is nearly square leaves it more room than text above and below.
        yield {"show": f'<img src="{source}" alt="{alt}">', "beside": width < 1.9 * height}

    def show_table(self, content, room):
        whole = re.sub(r"\[[^]|]*\]", lambda match: match[0].replace(" ", "\u00a0"), content)  # no interval is broken
        for size, table in tables_of(unguessed(whole), room):
            yield {"show": table, "size": size}

    def show_print(self, content, room):
        for size, text in prints_of(unguessed(content), room):
            yield {"show": f"```\n{text}\n```", "size": size}

    def show_code(self, content, room):
        for size, text in prints_of(content, room + 100):
            yield {"show": f"```python\n{text}\n```", "size": size}

    def find(self, blocks):
        """Place what a cell says: below the picture before it, which it reads, or on a slide of its own."""
        blocks = [block for block in blocks if block.strip()]
        if not blocks:
            return
        if self.unread and not self.unread.reading and not self.waiting and len(blocks) == 1 and not is_list(blocks[0]):
            self.read(blocks[0])
            return
        last = self.tell(but_last=True)
        if match := TITLED.match(last):
            self.title, last = match[2].rstrip("."), last[match.end() :]
        self.notes += blocks
        said = [gist(last, 200)]
        for block in blocks:
            said += short_list(block, 190) if is_list(block) else [gist(block, 330)]
        self.page(said)

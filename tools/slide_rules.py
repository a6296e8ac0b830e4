"""Which slides a notebook makes. Rules, so that a notebook that changes needs no slides made by hand.

- A heading ## begins a section, and every slide says which section it is of. Cells marked "skip" make no slide.
- Code is not shown, what it gives is: one picture, table or print a slide, with a sentence that leads to it and one
  that reads it. Code that a cell gives as its output is content like any other.
- A guess is a slide of its own. So is every paragraph that ends in a question; the answer comes on a later slide.
- Of a paragraph the first sentence, its questions and what is bold come onto the slide; all of it is in the notes.
- What makes no sense without the code ("the next cell …"), or is about the reader's own guess, is in the notes only.

All sizes are in pixels, of a slide of WIDTH × HEIGHT.
"""

import ast
import base64
import io
import re
from dataclasses import dataclass, field
from html import escape
from math import ceil

from PIL import Image

WIDTH, HEIGHT = 1440, 810
INNER, TEXT_HEIGHT, SHOW_HEIGHT = (
    1300,
    560,
    425,
)  # what deck/slide.css leaves: of the width, for text alone, for a table
SIZES = (36, 32, 28, 25, 22)  # of text that stands alone

# Of the code, or of the notebook as a thing to run: sentences for the notes only.
ABOUT_THE_CODE = re.compile(
    r"\bcells?\b|train_again|\bunfold|three dots|`assert`|\bA helper\b|skip the code|^Put |^\**It takes\b|"
    r"without Python|needs Python|^Last, what the README|`search`|^Look for its|\bruns above\b",
    re.IGNORECASE,
)
PUT_IT = re.compile(r",? and put (?:it|them)\b[^.?!]*| in place of (?:the|each|every) [^.,?!]*")
POINTS = re.compile(r"^(?:Here|This is|These are|And this is|Look at|Compare)\b|:\W*$")  # at what comes next
LEADS_ON = re.compile(r"^(?:Now|Next|Then|Last|And|The same)\b")  # to what comes next
LEANS = re.compile(r"^\W*(?:It|Its|So|This|That|They|Their|But|Then|Those|These|Both|Each|Yet|Therefore|Only)\b")
ASKED = re.compile(r"\*\*((?:Before you|Guess first|Read them yourself|[^*.:?]+ first\b)[^*]*)\*\*[:.,]?\s*")
TITLED = re.compile(r"^(\*\*?)([^*]{3,90}[.?!])\1\s+")
NO_ONES_GUESS = [  # what is said of the reader's guess, which on slides is nobody's
    (re.compile(r"\byour guess:? [^,;()]*, "), ""),
    (re.compile(r"; your guess(?: was)?:? [^,;().]*(?:\.\d[^,;().]*)?"), ""),
    (re.compile(r" ?\((?:your guess|you):? [^()]*\)"), ""),
    (re.compile(r"(?<![\w.])You (?:guessed|made no guess|have not tried|doubted)\b[^\n]*?[.](?=\s|$) ?"), ""),
    (re.compile(r" You: \?(?=\s|$)"), ""),
]


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


def plain(text):
    """Return Markdown without its marks."""
    return re.sub(r"[*`]|\[([^]]*)\]\([^)]*\)", r"\1", text)


# ---------------------------------------------------------------------------------------------------------------- text


def sentences(text):
    """Split a paragraph; what stands in brackets, bold or in code is never taken apart."""
    found, current = [], ""
    for piece in re.split(r"(?<=[.!?])([)\"*]*)\s+(?=[A-Z*(\"`~])", " ".join(text.split())):
        if re.fullmatch(r"[)\"*]*", piece):  # what the split has caught belongs to the sentence before
            current += piece
        else:
            current = f"{current} {piece}" if current else piece
            continue
        if current.count("(") == current.count(")") and current.count("**") % 2 == 0 and current.count("`") % 2 == 0:
            found.append(current)
            current = ""
    return [*found, current] if current else found


def presentable(text):
    """Return the sentences of a paragraph that make sense on a slide."""
    said = [PUT_IT.sub("", sentence) for sentence in sentences(text)]
    return [s for s in said if s and not ABOUT_THE_CODE.search(s) and not re.fullmatch(r"\*?\(.*\)\*?", s)]


def gist(text, limit):
    """Return as much of a paragraph as has room in `limit` characters: what is first, asked or bold before the rest."""
    if text.startswith("> "):
        return "> " + gist(re.sub(r"^> ?", "", text, flags=re.MULTILINE), 2 * limit)
    said = presentable(text)
    weight = [0 if i == 0 else 1 if "?" in s or "**" in s else 2 for i, s in enumerate(said)]
    taken = set()
    for i in sorted(range(len(said)), key=lambda i: (weight[i], i)):
        fits = sum(len(plain(said[j])) + 1 for j in taken) + len(plain(said[i])) <= limit
        if not taken or (fits and (i - 1 in taken or not LEANS.match(said[i]))):
            taken.add(i)
    for i, sentence in enumerate(said[:-1]):  # as in "Two cautions.", when neither of them has room
        if weight[i] == 2 and len(sentence) < 30 and i + 1 not in taken:
            taken.discard(i)
    return " ".join(said[i] for i in sorted(taken))


def short_list(block, limit):
    """Return the items of a Markdown list, each cut to its gist."""
    items = re.split(r"\n(?=- |\d+\. )", block.strip())
    marks = [re.match(r"- |\d+\. ", item)[0] for item in items]
    limit = max(limit, 750 // len(items))
    return [f"{mark}{gist(item[len(mark) :], limit)}" for mark, item in zip(marks, items, strict=True)]


def is_list(block):
    return re.match(r"- |\d+\. ", block) is not None


def asks(block):
    """Return whether a paragraph asks the reader something, rather than answers a question of its own."""
    if is_list(block):
        return False
    *_, before, last = ["", "", *(re.sub(r"[*\"”)]+$", "", sentence) for sentence in presentable(block))]
    if len(last) < 15:  # as in "Are there as many of each? Count."
        last = before
    return last.endswith("?") or ASKED.search(block) is not None


def unguessed(text):
    """Return a text or a table without what it says of the reader's guess."""
    if text.startswith("|"):
        rows = rows_of(text)
        keep = [i for i, head in enumerate(rows[0]) if not re.match(r"your ", head)]
        return table_of([[unguessed(row[i]) for i in keep] for row in rows])
    for pattern, instead in NO_ONES_GUESS:
        text = pattern.sub(instead, text)
    return text


def height_of(blocks, size, width):
    """Return about how high these texts are, in letters of this size."""
    letters = width / (0.52 * size)
    return sum((ceil(len(plain(block)) / letters) * 1.35 + 0.55) * size for block in blocks)


def pages_of(blocks, width=INNER, height=TEXT_HEIGHT):
    """Return [(size, blocks)]: texts dealt out to as few slides as hold them, in letters as large as fit."""
    for count in range(1, len(blocks) + 1):
        share = ceil(len(blocks) / count)
        pages = [blocks[i : i + share] for i in range(0, len(blocks), share)]
        sizes = [next((s for s in SIZES if height_of(page, s, width) <= height), None) for page in pages]
        if None not in sizes:
            return list(zip(sizes, pages, strict=True))
    return [(SIZES[-1], [block]) for block in blocks]


# ------------------------------------------------------------------------------------------------------ tables and code


def rows_of(table):
    """Return the rows of a Markdown table; the second one says how the columns are set."""
    return [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in table.strip().splitlines()]


def table_of(rows):
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def table_height(rows, size):
    """Return about how high a table is in letters of this size, its columns as wide as their longest text, or less."""
    longest = [max(len(plain(cell)) for cell in column) for column in zip(*rows, strict=True)]
    room = INNER / (0.56 * size) - 2.2 * len(longest)
    width = [min(most, max(room * most / sum(longest), 9)) for most in longest]
    lines = [max(ceil(len(plain(cell)) / w) for cell, w in zip(row, width, strict=True)) for row in rows]
    return sum(max(n, 1) * 1.25 * size + 0.6 * size for n in lines)


def tables_of(table, height):
    """Return [(size, table)]: a table, or its parts under the same head, in letters as large as fit."""
    head, rule, *rows = rows_of(table)
    for count in range(1, len(rows) + 1):
        share = ceil(len(rows) / count)
        parts = [rows[i : i + share] for i in range(0, len(rows), share)]
        for size in (26, 23, 20, 18):
            if all(table_height([head, *part], size) <= height for part in parts):
                return [(size, table_of([head, rule, *part])) for part in parts]
    return [(18, table)]


def prints_of(text, height):
    """Return [(size, text)]: lines in letters as large as fit, on as many slides as they need."""
    lines = text.strip("\n").splitlines()
    most = int(height / (1.35 * 18))
    parts = []
    while lines:
        cut = len(lines)
        if cut > most:  # at an empty line, so that what belongs together stays together
            cut = next((i for i in range(most, most // 2, -1) if not lines[i].strip()), most)
        parts.append(lines[:cut])
        lines = lines[cut:]
        while lines and not lines[0].strip():
            lines = lines[1:]
    longest = max(len(line) for part in parts for line in part)
    size = min(30, INNER / (0.61 * longest), *(height / (1.35 * len(part)) for part in parts))
    return [(max(18, int(size)), "\n".join(part)) for part in parts]


# --------------------------------------------------------------------------------------------------- what is in a cell


def blocks_of(text):
    """Split Markdown: ("heading", "# …"), ("answer", …) from folded text, ("code", …), ("table", …), ("text", …)."""
    pattern = r"(<details>.*?</details>|^```.*?^```|^#+ [^\n]*)"
    for piece in re.split(pattern, text, flags=re.DOTALL | re.MULTILINE):
        if piece.startswith("<details>"):
            inner = re.sub(r"</?details>|<summary>.*?</summary>", "", piece).strip()
            yield ("answer", inner) if "```" not in inner else ("folded", inner)
        elif piece.startswith("```"):
            yield "code", re.sub(r"^```.*\n|\n?```$", "", piece)
        elif piece.startswith("#"):
            yield "heading", piece
        else:
            for block in re.split(r"\n\s*\n", piece.strip()):
                if block and block != "---":
                    yield ("table" if block.startswith("|") else "text"), block


def outputs_of(cell):
    """Yield what a code cell gives, like `blocks_of`, with "picture", "print" and "quiet" (for the notes only) too."""
    for output in cell.outputs:
        data = output.get("data", {})
        kind = next((kind for kind in ("image/png", "image/jpeg") if kind in data), None)
        if output.output_type == "stream":
            source = "getsource" in cell.source
            if output.text.strip():
                yield ("code" if source else "print"), output.text
        elif kind:
            alt = output.metadata.get("alt") or output.metadata.get(kind, {}).get("alt", "")
            yield "picture", (kind, data[kind], alt)
        elif "text/markdown" in data:
            text = data["text/markdown"]
            quiet = "runs" in output.metadata or re.match(r"\*\*(Full|Quick) run", text)
            yield from [("quiet", text)] if quiet else blocks_of(text)


def guess_of(cell):
    """Return the names that a code cell has for the reader's guesses, and what is to be judged where it lists that."""
    names, listed = [], []
    if "your_" not in cell.source and '"?"' not in cell.source:
        return names, listed
    for node in ast.parse(re.sub(r"^[%!].*", "", cell.source, flags=re.MULTILINE)).body:
        if isinstance(node, ast.Assign):
            inside = [part for target in node.targets for part in ast.walk(target)]
            names += [part.id for part in inside if isinstance(part, ast.Name) and part.id.startswith("your_")]
            if isinstance(node.value, ast.Dict) and {getattr(value, "value", 0) for value in node.value.values} == {
                "?"
            }:
                listed += [str(getattr(key, "value", "")) for key in node.value.keys]
    return names, [text if is_list(text) else f"- {text}" for text in listed]


# ------------------------------------------------------------------------------------------------------------- slides


def slides_of(notebook):
    """Return the slides of an executed notebook, in their order."""
    return _Maker().make(notebook)


class _Maker:
    """Goes through a notebook once; `waiting` are the paragraphs that are on no slide yet."""

    def make(self, notebook):
        self.slides, self.waiting, self.notes = [], [], []
        self.section, self.title, self.opens, self.unread = "", "", False, None
        for self.number, cell in enumerate(notebook.cells):
            if cell.metadata.get("slideshow", {}).get("slide_type") == "skip":
                continue
            if cell.cell_type == "markdown":
                self.markdown(cell)
            elif cell.cell_type == "code":
                self.code(cell)
        self.tell()
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
        marks, _, text = block.partition(" ")
        if len(marks) > 2:
            self.title = text
        else:
            self.section, self.title, self.opens = text, "", True
        if len(marks) == 1:
            self.opens = False
            self.add("title")
            self.section = re.split(r"(?<=[?])|[:.]", text)[0].strip()

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
        if self.unread is None or is_list(block) or LEADS_ON.match(block) or POINTS.search(sentences(block)[-1]):
            return False
        return not self.unread.reading or len(block) < 70  # a short one may come after another

    def read(self, block):
        """Put a paragraph below the picture that it reads."""
        slide = self.unread
        slide.notes.append(block)
        slide.reading = f"{slide.reading} {gist(block, 260)}".strip()

    def ask(self, block, title="Question"):
        """Make a question a slide of its own. What leads to it stays for the picture that answers it."""
        self.tell(but_last=False)
        self.notes.append(block)
        block = re.sub(r"^\d+\. ", "", block)
        if match := ASKED.search(block):
            said = match[1].strip(" .:,")
            title = "Your guess" if re.match(r"Before you|Guess first", said) else said
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
        if not pictures or not re.search(r"\b(?:above|yourself|question mark)\b", question):
            return {}
        return {"show": pictures[-1].show, "beside": pictures[-1].beside}

    def alone(self, *blocks):
        ((size, _),) = pages_of(["\n\n".join(blocks)])
        return {"lead": "\n\n".join(blocks), "size": size}

    def tell(self, but_last=False):
        """Make slides of the paragraphs that wait, all of them or all but the last; return the last one."""
        last = self.waiting.pop() if but_last and self.waiting else ""
        if (
            last and self.opens
        ):  # the first slide of a section says what it is about; what points stays for what is shown
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
        """A cell for the reader's guess: its question is a slide by now, or is the last paragraph, or is missing."""
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
        """Show what a cell gives; a few lines that it prints come with its picture."""
        if kind in ("quiet", "folded"):
            self.notes += [content] if kind == "quiet" else []
            return
        last = self.tell(but_last=True)
        if match := TITLED.match(last):
            self.title, last = match[2].rstrip("."), last[match.end() :]
        elif last:
            self.title = ""
        lead = "\n\n".join(part for part in (gist(last, 200), printed and f"```\n{printed}\n```") if part)
        room = SHOW_HEIGHT + 75 * (not lead) + 50 * (not self.title)
        for slide in getattr(self, f"show_{kind}")(content, room):
            self.unread = self.add(kind, title=self.title, lead=lead, **slide)
            lead = ""

    def show_picture(self, content, room):
        kind, data, alt = content
        width, height = Image.open(io.BytesIO(base64.b64decode(data))).size
        alt = escape(alt or plain(self.title or self.section))
        # Text beside a picture that is nearly square leaves it more room than text above and below.
        yield {"show": f'<img src="data:{kind};base64,{data.strip()}" alt="{alt}">', "beside": width < 1.9 * height}

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
        """What a cell says: it reads the picture before it, or is a slide of its own."""
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

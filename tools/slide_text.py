"""What a slide says of a notebook's paragraphs: rules that know nothing of slides but that room is short."""

import re

# About the code, or about running the notebook: such sentences go into the notes only.
ABOUT_THE_CODE = re.compile(
    r"\bcells?\b|train_again|\bunfold|three dots|`assert`|\bA helper\b|skip the code|^Put |^\**It takes\b|"
    r"without Python|needs Python|^Last, what the README|`search`|^Look for its|\bruns above\b",
    re.IGNORECASE,
)
PUT_IT = re.compile(r",? and put (?:it|them)\b[^.?!]*| in place of (?:the|each|every) [^.,?!]*")
POINTS = re.compile(r"^(?:Here|This is|These are|And this is|Look at|Compare)\b|:\W*$")  # at what comes next
LEADS_ON = re.compile(r"^(?:Now|Next|Then|Last|And|The same)\b")  # to what comes next
LEANS = re.compile(r"^\W*(?:It|Its|So|This|That|They|Their|But|Then|Those|These|Both|Each|Yet|Therefore|Only)\b")
ASKED = re.compile(r"\*\*((?:Before you|Guess first|Predict|Read them yourself)[^*]*|[^*.:?]+ first[.:]?)\*\*[:.,]?\s*")
TITLED = re.compile(r"^(\*\*?)([^*]{3,90}[.?!])\1\s+")
NO_ONES_GUESS = [  # what is said of the reader's guess, as on slides nobody has made one
    (re.compile(r"\byour guess:? [^,;()]*, "), ""),
    (re.compile(r"; your guess(?: was)?:? [^,;().]*(?:\.\d[^,;().]*)?"), ""),
    (re.compile(r" ?\((?:[Yy]our guess(?:es)?|you):? [^()]*\)"), ""),
    (re.compile(r"(?<![\w.])You (?:guessed|made no guess|have not tried|doubted)\b[^\n]*?[.](?=\s|$) ?"), ""),
    (re.compile(r" You: \?(?=\s|$)"), ""),
]


def plain(text):
    """Return Markdown without its marks."""
    return re.sub(r"[*`]|\[([^]]*)\]\([^)]*\)", r"\1", text)


def sentences(text):
    """Split a paragraph into sentences; what is in brackets, bold or code is never taken apart."""
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
    """Return as much of a paragraph as fits `limit` characters: first sentence, then questions and bold, then more."""
    if text.startswith("> "):
        return "> " + gist(re.sub(r"^> ?", "", text, flags=re.MULTILINE), 2 * limit)
    said = presentable(text)
    weight = [0 if i == 0 else 1 if "?" in s or "**" in s else 2 for i, s in enumerate(said)]
    taken = set()
    for i in sorted(range(len(said)), key=lambda i: (weight[i], i)):
        fits = sum(len(plain(said[j])) + 1 for j in taken) + len(plain(said[i])) <= limit
        if not taken or (fits and (i - 1 in taken or "?" in said[i] or not LEANS.match(said[i]))):
            taken.add(i)
    for i, sentence in enumerate(said[:-1]):  # as in "Two cautions.", when neither of them has room
        if weight[i] == 2 and len(sentence) < 30 and i + 1 not in taken:
            taken.discard(i)
    return " ".join(said[i] for i in sorted(taken))


def items_of(block):
    """Split a Markdown list into its items."""
    return re.split(r"\n(?=- |\d+\. )", block.strip())


def short_list(block, limit):
    """Return the items of a Markdown list, each cut to its gist."""
    items = items_of(block)
    marks = [re.match(r"- |\d+\. ", item)[0] for item in items]
    limit = max(limit, 1100 // len(items))
    return [f"{mark}{gist(item[len(mark) :], limit)}" for mark, item in zip(marks, items, strict=True)]


def is_list(block):
    return re.match(r"- |\d+\. ", block) is not None


def asks(block):
    """Return whether a paragraph asks the reader something, rather than answering a question of its own."""
    if is_list(block):
        return False
    *_, before, last = ["", "", *(re.sub(r"[*\"”)]+$", "", sentence) for sentence in presentable(block))]
    if len(last) < 15:  # as in "Are there as many of each? Count."
        last = before
    return last.endswith("?") or ASKED.search(block) is not None


def rows_of(table):
    """Return the rows of a Markdown table; the second one says how the columns are aligned."""
    return [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in table.strip().splitlines()]


def table_of(rows):
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def unguessed(text):
    """Return a text or a table without what it says of the reader's guess."""
    if text.startswith("|"):
        rows = rows_of(text)
        keep = [i for i, head in enumerate(rows[0]) if not re.match(r"your ", head)]
        return table_of([[unguessed(row[i]) for i in keep] for row in rows])
    for pattern, instead in NO_ONES_GUESS:
        text = pattern.sub(instead, text)
    return text

"""How much fits on a slide, and in letters of what size: estimates, rather too careful than too bold.

All sizes are in pixels, of a slide of WIDTH × HEIGHT.
"""

from math import ceil

from slide_text import plain, rows_of, table_of

WIDTH, HEIGHT = 1440, 810
# What deck/slide.css leaves of the width, of the height for text alone, and for a table between a lead and a reading.
INNER, TEXT_HEIGHT, SHOW_HEIGHT = 1300, 560, 425
SIZES = (36, 32, 28, 25, 22)  # of text that stands alone


def height_of(blocks, size, width):
    """Return about how high these texts are, in letters of this size."""
    letters = width / (0.52 * size)
    return sum((ceil(len(plain(block)) / letters) * 1.35 + 0.55) * size for block in blocks)


def pages_of(blocks, width=INNER, height=TEXT_HEIGHT):
    """Return [(size, blocks)]: texts spread over as few slides as can hold them, in letters as large as fit."""
    for count in range(1, len(blocks) + 1):
        share = ceil(len(blocks) / count)
        pages = [blocks[i : i + share] for i in range(0, len(blocks), share)]
        sizes = [next((s for s in SIZES if height_of(page, s, width) <= height), None) for page in pages]
        if None not in sizes:
            return list(zip(sizes, pages, strict=True))
    return [(SIZES[-1], [block]) for block in blocks]


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
    most = min(most, ceil(len(lines) / ceil(len(lines) / most)) + 4)  # rather equal parts than a last one of two lines
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

"""What is in the cells of a notebook: paragraphs, folded answers, pictures, tables, prints, places for a guess."""

import ast
import re
from html import unescape

from slide_text import is_list


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
            for block in re.split(r"\n\s*\n", re.sub(r"^---$", "", piece, flags=re.MULTILINE).strip()):
                for part in [block] if is_list(block) else re.split(r"\n(?=\d+\. )", block, maxsplit=1):  # then a list
                    if part:
                        yield ("table" if part.startswith("|") else "text"), part


def outputs_of(cell):
    """Yield the outputs of a code cell, as `blocks_of` does.

    Also ("print", text), ("quiet", text), which is for the notes, and ("picture", (src, alt)).
    """
    for output in cell.outputs:
        data = output.get("data", {})
        kind = next((kind for kind in ("image/png", "image/jpeg") if kind in data), None)
        if output.output_type == "stream":
            source = "getsource" in cell.source
            if output.text.strip():
                yield ("code" if source else "print"), output.text
        elif picture := re.search(r'src="(data:image/[^"]*)"', data.get("text/html", "")):  # a picture with its text
            alt = re.search(r'alt="([^"]*)"', data["text/html"])
            yield "picture", (picture[1], unescape(alt[1]) if alt else "")
        elif kind:
            yield "picture", (f"data:{kind};base64,{data[kind].strip()}", "")
        elif "text/markdown" in data:
            text = data["text/markdown"]
            quiet = "runs" in output.metadata or re.match(r"\*\*(Full|Quick) run", text)
            yield from [("quiet", text)] if quiet else blocks_of(text)


def guess_of(cell):
    """Return the variables that a code cell has for the reader's guesses, and the claims to judge, if it lists any."""
    names, listed = [], []
    if "your_" not in cell.source and '"?"' not in cell.source:
        return names, listed
    for node in ast.parse(re.sub(r"^[%!].*", "", cell.source, flags=re.MULTILINE)).body:
        if isinstance(node, ast.Assign):
            inside = [part for target in node.targets for part in ast.walk(target)]
            names += [part.id for part in inside if isinstance(part, ast.Name) and part.id.startswith("your_")]
            pairs = zip(node.value.keys, node.value.values, strict=True) if isinstance(node.value, ast.Dict) else []
            asked = {str(getattr(key, "value", "")): getattr(value, "value", 0) for key, value in pairs}
            if set(asked.values()) == {"?"} and all(len(key.split()) > 3 for key in asked):  # no names, such as ANN
                listed += asked
    return names, [text if is_list(text) else f"- {text}" for text in listed]

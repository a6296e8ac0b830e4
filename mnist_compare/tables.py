"""Tables for the notebooks, and the guesses that stand in them."""

from IPython.display import Markdown


def table(header, rows, note="", text_columns=1):
    """Return a Markdown table, the first column flush left and the others flush right.

    header: N strings. rows: lists of N values each, written as they are. note: a text below the table.
    text_columns: how many of the first columns are flush left.
    Raises ValueError for a row of another length.
    """
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"The row {row} has {len(row)} values, expected {len(header)}: one for each of {header}.")
    lines = [header, ["---"] * text_columns + ["---:"] * (len(header) - text_columns), *rows]
    return Markdown("\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + (f"\n\n{note}" if note else ""))


def guess(value, form=""):
    """Return a guess as it is shown: "?" where none has been made, a number as `form` says, all else as it is."""
    return f"{value:{form}}" if isinstance(value, (int, float)) else str(value)

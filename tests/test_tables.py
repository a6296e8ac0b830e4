import numpy as np
import pytest

from mnist_compare.tables import guess, table


def test_a_table_is_markdown_with_its_first_column_left_and_a_note_below():
    shown = table(["network", 1, "b"], [["ANN", 2, "3 %"], ["CNN", 4, "5 %"]], "A note.")
    assert shown.data.splitlines() == [
        "| network | 1 | b |",
        "| --- | ---: | ---: |",
        "| ANN | 2 | 3 % |",
        "| CNN | 4 | 5 % |",
        "",
        "A note.",
    ]
    assert table(["a"], [["b"]]).data == "| a |\n| --- |\n| b |"


def test_any_number_of_first_columns_is_flush_left():
    lines = [table(["a", "b", "c"], [[1, 2, 3]], text_columns=count).data.splitlines()[1] for count in (0, 2, 3)]
    assert lines == ["| ---: | ---: | ---: |", "| --- | --- | ---: |", "| --- | --- | --- |"]


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"\['x'\] has 1 values, expected 2"):
        table(["a", "b"], [["x"]])


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        ("?", ".0%", "?"),
        (0.5, ".0%", "50%"),
        (60_000, ",", "60,000"),
        (np.float64(1.5), ".2f", "1.50"),
        ("ANN", "", "ANN"),
    ],
)
def test_a_guess_is_shown_as_a_number_once_it_is_one(value, form, shown):
    assert guess(value, form) == shown

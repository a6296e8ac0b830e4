import pytest

from mnist_compare.tables import table


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


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"\['x'\] has 1 values, expected 2"):
        table(["a", "b"], [["x"]])

"""Tables as CSV and LaTeX."""

import csv
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.tables import Cell, Column, Row, Table, to_csv, to_latex, write_table

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


def rows_of(text):
    return list(csv.reader(io.StringIO(text)))


@given(names=st.lists(TEXT, min_size=1, max_size=5), value=st.floats(-1e6, 1e6))
def test_csv_reads_back_to_the_same_cells(names, value):
    table = Table("t", ["name", Column("value")], [[name, value] for name in names])
    header, *rows = rows_of(to_csv(table))
    assert header == ["name", "value"]
    assert [row[0] for row in rows] == names
    assert all(math.isclose(float(row[1]), value, rel_tol=1e-8, abs_tol=1e-300) for row in rows)


def test_csv_gives_the_ends_of_an_interval_and_notes_columns_of_their_own():
    rows = [["a", Cell(1.5, 1.0, 2.0)], ["b", Cell(3.0, note="n too small")], ["c", float("nan")]]
    header, *rows = rows_of(to_csv(Table("t", ["name", "x"], rows)))
    assert header == ["name", "x", "x low", "x high", "x note"]
    assert rows == [
        ["a", "1.5", "1", "2", ""],
        ["b", "3", "", "", "n too small"],
        ["c", "", "", "", ""],
    ]


def test_latex_escapes_every_special_character():
    special = r"a\b & 5% $x$ #1 _ {y} ~ ^ <z>"
    latex = to_latex(Table(special, ["name"], [[special]]))
    expected = (
        r"a\textbackslash{}b \& 5\% \$x\$ \#1 \_ \{y\} \textasciitilde{} \textasciicircum{} "
        r"\textless{}z\textgreater{}"
    )
    assert latex.count(expected) == 2
    assert special not in latex


def test_latex_shows_intervals_missing_values_and_muted_rows():
    rows = [["a", Cell(-1.234, -2.0, 0.5)], Row(["b", None], "muted")]
    latex = to_latex(Table("t", ["name", Column("x", signed=True)], rows))
    assert r"a & $-$1.23 {\scriptsize [$-$2.00, +0.50]} \\" in latex
    assert r"\textcolor{gray}{b} & \textcolor{gray}{--} \\" in latex
    assert r"\begin{tabular}{lr}" in latex


def test_latex_shows_the_note_below_the_rows():
    latex = to_latex(Table("t", ["a"], [[1]], note="50 % of_all"))
    below = latex.split(r"\end{tabular}")[1]
    assert r"{\footnotesize 50 \% of\_all}" in below
    assert below.endswith("\\end{table}\n")


def test_a_name_with_a_bracket_or_a_star_is_no_argument_of_the_row_before():
    latex = to_latex(Table("t", ["*a"], [["[x]"], ["* y"], ["z [1]"]]))
    lines = latex.splitlines()
    for line in ("{}*a \\\\", "{}[x] \\\\", "{}* y \\\\", "z [1] \\\\"):
        assert line in lines


def test_a_table_that_is_not_shown_has_no_latex_file(tmp_path):
    write_table(tmp_path, Table("large", ["a"], [[1]], shown=False))
    assert [path.name for path in tmp_path.iterdir()] == ["large.csv"]


def test_a_row_with_too_few_cells_is_an_error():
    with pytest.raises(ValueError, match="a row has 1 cells for 2 columns"):
        to_csv(Table("t", ["a", "b"], [[1, 2], [1]]))


def test_the_files_have_the_name_of_the_table(tmp_path):
    write_table(tmp_path, Table("F1 at each threshold (%)", ["a"], [[1]]))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "f1_at_each_threshold.csv",
        "f1_at_each_threshold.tex",
    ]

"""Tables as CSV and LaTeX."""

import base64
import csv
import io
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.blocks import Command, Section, Text
from reports.page import render_page
from reports.svg import break_points
from reports.tables import (
    LONGEST,
    Cell,
    Column,
    Row,
    Table,
    format_value,
    to_csv,
    to_latex,
    write_table,
)

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


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("value", [0.0, -0.0, -0.004, 0.004])
def test_what_is_shown_as_zero_has_no_sign(value, signed):
    assert format_value(value, Column("x", signed=signed)) == "0.00"


def test_signs_of_numbers_are_a_plus_on_demand_and_never_a_hyphen():
    column, signed = Column("x"), Column("x", signed=True)
    assert [format_value(value, column) for value in (-3, 0, 1234)] == ["\u22123", "0", "1,234"]
    assert [format_value(value, signed) for value in (0, 7, -1.5)] == ["0", "+7", "\u22121.50"]


def test_a_share_beside_0_or_1_is_not_rounded_to_it():
    column = Column("score", digits=3, open_ends=True)
    values = (0.0, 0.0004, 0.5, 0.99996, 1.0)
    shown = [format_value(value, column) for value in values]
    assert shown == ["0.000", "< 0.001", "0.500", "> 0.999", "1.000"]


def test_a_text_for_readers_leaves_the_number_to_programs():
    table = Table("t", ["name", "n"], [["a", Cell(1_240_000, text="1.24\u00a0M")]])
    assert to_csv(table) == "name,n\na,1240000\n"
    assert r"a & 1.24~M \\" in to_latex(table)
    assert table.numeric == [False, True]


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


def test_latex_tables_of_many_rows_go_over_several_pages():
    rows = [["[x]", number] for number in range(LONGEST + 1)]
    short = to_latex(Table("t", ["a", "n"], rows[:LONGEST], note="of_all"))
    long = to_latex(Table("t", ["a", "n"], rows, note="of_all"))
    assert r"\begin{tabular}{lr}" in short and "longtable" not in short
    assert r"\begin{table}" not in long and r"\caption{t}\label{tab:t} \\" in long
    assert long.count("a & n") == 2  # the first page and the others
    body = long.split(r"\endfoot")[1]
    assert body.count(r"{}[x] & ") == LONGEST + 1
    assert body.index(r"\end{longtable}") < body.index(r"of\_all")


def test_labels_of_two_runs_differ_on_demand(tmp_path):
    table = Table("t", ["a"], [[1]], name="rules")
    assert r"\label{tab:rules}" in to_latex(table)
    write_table(tmp_path, table, "my_run")
    assert r"\label{tab:my_run:rules}" in (tmp_path / "rules.tex").read_text(encoding="utf-8")


def test_the_link_of_a_table_has_a_byte_order_mark_for_excel_and_the_file_for_scripts_none(
    tmp_path,
):
    table = Table("t", ["größe", "n"], [["ö", 1]])
    write_table(tmp_path, table)
    html = render_page(title="a", subtitle="", sections=[Section("s", "S", "", [table])])
    link = re.search(r"data:text/csv;charset=utf-8;base64,([^\"]*)", html)[1]
    content = (tmp_path / "t.csv").read_bytes()
    assert content.startswith("größe,".encode())
    assert base64.b64decode(link) == "\ufeff".encode() + content


def test_explanations_of_columns_are_below_the_table_for_readers_without_a_mouse():
    columns = ["name", Column("a", hint="in <percent>"), Column("b", hint="in <percent>")]
    table = Table("t", columns, [["x", 1, 2]])
    html = render_page(title="a", subtitle="", sections=[Section("s", "S", "", [table])])
    assert "<li>a, b: in &lt;percent&gt;</li>" in html


def test_numbers_stay_on_the_line_of_their_unit_and_sign():
    text = "50 % with k = 8, scores > 0.999 and ± 0.4; a = b"
    html = render_page(title="a", subtitle="", sections=[Section("s", "S", "", [Text(text)])])
    assert "50\u00a0% with k\u00a0=\u00a08, scores &gt;\u00a00.999 and ±\u00a00.4; a = b" in html
    command = "python x --rule 'a > 5 %'"
    html = render_page(title="a", subtitle="", sections=[Section("s", "S", "", [Command(command)])])
    assert "\u00a0" not in html


def test_a_long_name_breaks_between_its_words():
    table = Table("t", ["class"], [["CareForAnimals"]])
    html = render_page(title="a", subtitle="", sections=[Section("s", "S", "", [table])])
    assert "Care<wbr>For<wbr>Animals" in html
    assert break_points("TRAINER.IntCLIP.PREC") == ["TRAINER.", "Int", "CLIP.", "PREC"]
    assert break_points("img/0001.jpg") == ["img/", "0001.jpg"]
    assert break_points("each class, 0.35 to 0.80") == ["each class, 0.35 to 0.80"]


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

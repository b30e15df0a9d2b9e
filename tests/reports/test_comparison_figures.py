"""Figures of a comparison: the axis of gains, names at the ends of slopes."""

import itertools
import math
import re
from dataclasses import replace

from markupsafe import escape

from evaluation.comparison import Comparison, Pair, compare
from evaluation.comparison.run_folder import read_run
from evaluation.comparison.run_groups import group_runs
from evaluation.uncertainty.significance import Difference
from reports.comparison import comparison_sections
from reports.figures.gains import GainRow, Gains, cuts_an_interval, draw_gains, extent_of
from reports.figures.rows import SMALL
from reports.figures.slopes import draw_slopes, spread
from reports.svg import text_width
from tests.evaluation.run_folders import CLASSES, make_run


def row(label, value, half, resolved=False):
    return GainRow(label, value, value - half, value + half, resolved, cells=("+1.00",))


def test_one_very_wide_interval_does_not_hide_the_others():
    rows = [row(f"class {number}", 1.0, 2.0) for number in range(5)]
    low, high = extent_of([*rows, row("rare", -3.0, 1e24)])
    assert low <= -3.0 and high >= 3.0
    assert low > -20 and high < 20


def test_every_value_and_zero_are_on_the_axis():
    low, high = extent_of([row("a", 30.0, 1.0), row("b", 40.0, 1.0)])
    assert low <= 0.0 and high >= 40.0
    assert extent_of([row("a", 0.0, 0.0)]) == (-1.0, 1.0)
    missing = GainRow("c", math.nan, math.nan, math.nan, False)
    assert extent_of([missing]) == (-1.0, 1.0)


def test_gains_have_a_wide_and_a_narrow_form_with_whole_names():
    name = "a name of a class that has many words and so needs several lines in the figure <&> b"
    gains = Gains([row(name, 1.0, 2.0, resolved=True)], "gain", ("gain",))
    for svg in draw_gains("g", gains, "gains of classes"):
        assert 'aria-label="gains of classes"' in svg
        for word in name.split():
            assert escape(word) in svg


def test_wide_numbers_at_the_ends_of_the_axis_stay_in_the_picture():
    rows = [row("a", -90.0, 10.0), row("b", 90.0, 10.0)]
    _, narrow = draw_gains("g", Gains(rows, "gain"), "gains")
    width = float(re.search(r'viewBox="0 0 ([\d.]+) ', narrow)[1])
    for text in ("\u2212100", "+100"):
        (tag,) = re.findall(rf"<text [^>]*>{re.escape(text)}</text>", narrow)
        assert "text-anchor: middle" in tag
        x = float(re.search(r' x="([-\d.]+)"', tag)[1])
        half = text_width(text, SMALL) / 2
        assert half - 0.1 <= x <= width - half + 0.1


def test_names_at_the_ends_of_slopes_do_not_overlap():
    middles = spread([10.0, 11.0, 12.0, 98.0], [15.0, 15.0, 30.0, 15.0], 100.0)
    sizes = [15.0, 15.0, 30.0, 15.0]
    edges = [(m - s / 2, m + s / 2) for m, s in zip(middles, sizes, strict=True)]
    assert edges[0][0] >= 0 and edges[-1][1] <= 100
    for before, after in itertools.pairwise(edges):
        assert before[1] <= after[0] + 1e-9


def test_slopes_name_every_line():
    values = {"A": (40.0, 41.0), "B": (40.0, 41.0)}
    svg = draw_slopes("s", values, ("global", "shrunk"), "two rules")
    for text in ("A", "B", "global", "shrunk", "two rules"):
        assert text in svg


def test_an_arrow_is_explained_only_where_one_is_drawn():
    rows = [row(f"class {number}", 1.0, 2.0) for number in range(5)]
    assert cuts_an_interval(Gains(rows, "gain")) == (False, False)
    assert cuts_an_interval(Gains([*rows, row("rare", -3.0, 80.0)], "gain")) == (True, True)
    # The narrow form has fewer ticks, so that its axis may reach further.
    rows = [row(f"class {number}", 0.0, 5.0) for number in range(5)]
    gains = Gains([*rows, row("rare", 15.0, 22.0)], "gain")
    assert cuts_an_interval(gains) == (True, False)
    for svg, cut in zip(draw_gains("g", gains, "gains"), cuts_an_interval(gains), strict=True):
        markers = set(re.findall(r'<use href="#([^"]*)"', svg))
        assert (len(markers) > 1) == cut  # more than the points


def test_captions_explain_the_arrows_of_their_own_figure():
    narrow = Difference(1.0, -1.0, 3.0, 0.5, 0.5, 0.5, "not resolved")
    for last, expected in ((narrow, False), (replace(narrow, low=-83.0, high=77.0), True)):
        metrics = {"mAP": narrow, "mAP_interp": narrow, "macro_f1": narrow, "micro_f1": last}
        pair = Pair("A", "B", metrics, ())
        compared = Comparison("test", ["A", "B"], {}, {"A": {}, "B": {}}, [pair], swaps=100)
        sections = {section.anchor: section for section in comparison_sections(compared, ())}
        figure = sections["differences"].blocks[0]
        assert [bool(note) for note in (figure.wide_note, figure.narrow_note)] == [expected] * 2


def test_too_few_swaps_are_named_in_the_notes_and_beside_the_classes(tmp_path):
    folders = [make_run(tmp_path / name, skill=skill) for name, skill in (("A", 1.0), ("B", 3.0))]
    settings = group_runs([read_run(folder) for folder in folders])
    compared = compare(settings, split="test", swaps=50)
    words = f"no class can be resolved. Give --swaps {20 * len(CLASSES)} or more."
    assert any(words in note for note in compared.notes)
    sections = {section.anchor: section for section in comparison_sections(compared, ())}
    assert words in sections["classes-1-b"].blocks[0].text
    assert sections["differences"].lead == "All settings are compared on the same images."

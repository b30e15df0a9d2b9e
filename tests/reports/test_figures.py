"""Numbers behind the figures, against forms that share no code; and the SVG itself."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_curve

from evaluation.metrics import f1_scores
from reports.figures.forest import Forest, ForestRow, draw_forest
from reports.figures.heatmap import Matrix, draw_heatmaps
from reports.figures.history import draw_history
from reports.figures.precision_recall import curve
from reports.figures.priors import PriorRow, Priors, draw_priors
from reports.figures.reliability import Bins, draw_reliability, equal_width
from reports.figures.slopes import draw_slopes
from reports.figures.sweep import GRID, sweep
from reports.svg import drawing, inline_svg, new_figure, text_width, wrap


def random_split(seed, num_images=40, num_classes=5):
    rng = np.random.default_rng(seed)
    labels = rng.choice([-1, 0, 1], size=(num_images, num_classes), p=[0.1, 0.6, 0.3])
    labels[:, 0] = 0
    scores = rng.integers(0, 101, size=labels.shape) / 100
    return scores, labels


@pytest.mark.parametrize("seed", range(5))
def test_the_sweep_equals_f1_at_each_threshold(seed):
    scores, labels = random_split(seed)
    curves = sweep(scores, labels)
    for i, threshold in enumerate(GRID):
        expected = f1_scores(scores > threshold, labels)
        for name in ("macro", "micro", "samples"):
            assert curves[f"{name}_f1"][i] == pytest.approx(100 * expected[name], abs=1e-9)


def test_the_sweep_of_labels_without_a_positive_has_no_macro_f1():
    curves = sweep(np.full((3, 2), 0.5), np.zeros((3, 2)))
    assert np.isnan(curves["macro_f1"]).all()
    assert (curves["micro_f1"] == 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_the_curve_passes_through_the_points_of_scikit_learn(seed):
    scores, labels = random_split(seed)
    scores, labels = scores[:, 1], labels[:, 1]
    known = labels >= 0
    recall, precision = curve(scores, labels)
    expected = precision_recall_curve(labels[known] > 0, scores[known])
    points = set(zip(expected[1].round(12), expected[0].round(12), strict=True))
    assert set(zip(recall[1:].round(12), precision[1:].round(12), strict=True)) <= points
    area = np.sum(np.diff(recall) * precision[1:])
    assert area == pytest.approx(average_precision_score(labels[known] > 0, scores[known]))


def test_a_long_curve_keeps_its_ends():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 5000)
    recall, _ = curve(rng.random(5000), labels)
    assert len(recall) <= 201
    assert recall[0] == 0
    assert recall[-1] == 1


def test_bins_of_equal_width_take_the_score_one():
    bins = equal_width(np.array([0.0, 0.05, 1.0]), np.array([False, True, True]))
    assert bins.count.tolist() == [2, 1]
    assert bins.share.tolist() == [0.5, 1.0]


@given(st.text(max_size=120), st.floats(40, 400))
def test_wrapped_lines_fit_and_lose_no_letter(text, width):
    lines = wrap(text, width)
    assert all(text_width(line) <= width + 1e-9 for line in lines)
    letters = re.sub(r"\s", "", "".join(lines))
    printable = "".join(c for c in text if c.isprintable() and not c.isspace())
    assert re.sub(r"[^\S]|", "", "".join(c for c in letters if c.isprintable())) == printable


def test_names_that_look_like_formulas_or_tags_are_drawn_as_they_are():
    name = "$x_1$ <b>&amp; {a}"
    wide, narrow = draw_forest("f", Forest([ForestRow(name, 3.0)], "t"), "text")
    for svg in (wide, narrow):
        texts = [e.text for e in ElementTree.fromstring(svg).iter() if e.tag.endswith("text")]
        assert name in texts


def test_every_colour_of_a_figure_is_a_variable_and_every_id_is_its_own():
    row = ForestRow("a", 3.0, 2.0, 4.0, mark=1.0, note="n", cells=["1"])
    forest = Forest([row, ForestRow("b", None, muted=True)], "t", ["n"], reference=2.0)
    first, second = draw_forest("f", forest, "text")
    assert not re.search(r"#[0-9a-f]{6}", first + second)
    ids = re.findall(r' id="([^"]*)"', first + second)
    assert len(ids) == len(set(ids))
    references = re.findall(r'(?:href="#|url\(#)([^")]*)', first + second)
    assert set(references) <= set(ids)


def test_a_figure_has_a_text_alternative_and_no_date():
    with drawing():
        svg = inline_svg(new_figure(100, 50), "f", 'a "quoted" <text>')
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'a "quoted" <text>'
    assert not re.search(r"<metadata|<style|<!--|20\d\d-", svg)


def test_shares_that_hardly_differ_have_an_axis_with_several_ticks():
    rows = [PriorRow(f"c{i}", (40.0 + i, 42.0)) for i in range(3)]
    wide, narrow = draw_priors("p", Priors(rows), "shares")
    for picture in (wide, narrow):
        assert ">10<" in picture and ">20<" in picture


@pytest.mark.parametrize("number", [1, 2])
def test_titles_of_heat_maps_stay_in_the_picture(number):
    title = "Share of the row's images with the column's class"
    matrices = [Matrix(title, np.eye(3))] * number
    for picture in draw_heatmaps("h", matrices, ["a", "b", "c"], [], "shares"):
        root = ElementTree.fromstring(picture)
        width = float(root.get("viewBox").split()[2])
        words = []
        for text in root.iter("{http://www.w3.org/2000/svg}text"):
            if "font-weight: 700" in text.get("style", ""):
                words += text.text.split()
                assert float(text.get("x")) + text_width(text.text) <= width
        assert words == title.split() * number


def test_markers_at_the_edge_of_the_reliability_are_whole_and_named():
    bins = Bins(np.array([0.5, 1.0]), np.array([0.4, 1.0]), np.array([10, 10]))
    for picture in draw_reliability("r", bins, bins, "reliability"):
        assert "bins of equal mass" in picture and "bins of equal width" in picture
        assert not re.search(r'<g clip-path="[^"]*">\s*<use', picture)


def test_axes_have_names():
    for picture in draw_priors("p", Priors([PriorRow("a", (5.0, 50.0))]), "shares"):
        assert "share of positives (%), logarithmic axis" in picture
    assert ">loss<" in draw_history("h", {"a": [(0, 1.0), (1, 2.0)]}, "batch", "a", "loss")
    slopes = draw_slopes("s", {"A": (40.0, 41.0)}, ("global", "shrunk"), "rules", "F1 (%)")
    assert ">F1 (%)<" in slopes and ">decision rule<" in slopes
    name = re.search(r"<text [^>]*>A</text>", slopes)[0]
    assert "--series" not in name  # some colours of the lines are too light for letters

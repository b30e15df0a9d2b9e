"""Sentences and numbers of single sections of a run's report."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation import GlobalThreshold
from evaluation.calibration import calibration_bins
from evaluation.evaluated import EvaluatedRun, RuleResult
from evaluation.rules import PriorCorrection
from reports.labels import metric_in_words
from reports.page import tables_of
from reports.run_report import run_sections, write_report_and_tables
from reports.tables import to_csv
from tests.reports import examples


def section_of(run, anchor):
    return next(section for section in run_sections(run) if section.anchor == anchor)


def scored_run(scores, labels):
    """Return a run of one split with these arrays ``(N, C)`` at the threshold 0.5."""
    names = [f"c{number}" for number in range(scores.shape[1])]
    split = examples.split_of(scores, labels, GlobalThreshold(0.5), names)
    return EvaluatedRun("a run", {"test": split}, names)


def test_a_bin_without_a_positive_has_no_minus():
    _, share, _ = calibration_bins(np.linspace(0, 1, 40), np.arange(40) >= 20)
    assert not np.signbit(share).any()


def test_the_caption_of_the_calibration_counts_high_scores_and_says_nothing_of_single_squares():
    scores = np.full((50, 2), 0.1)
    labels = np.arange(100).reshape(50, 2) % 2
    captions = []
    for num_high in (0, 1, 5):
        scores.ravel()[:num_high] = 0.95
        captions.append(section_of(scored_run(scores, labels), "calibration").blocks[0].caption)
    assert "No entry has a score above 50 %." in captions[0]
    assert "Only 1 of the 100 entries has a score above 50 %." in captions[1]
    assert "Only 5 of the 100 entries have a score above 50 %." in captions[2]


def test_rules_have_their_names_in_words_and_one_key_to_type():
    run = examples.val_run()
    results = [RuleResult(name, run.rule, "val", {}) for name in ("global", "per_class", "top_k")]
    _, table, *_ = section_of(replace(run, rules=results), "rules").blocks
    assert [row.cells[0].value for row in table.body] == ["global", "per class", "top k"]
    assert table.headings[0].hint.endswith("per_class")


def test_the_shifts_of_the_prior_rule_have_minus_signs():
    rule = PriorCorrection(0.5, np.array([-2.1234, -0.001]))
    assert "by \u22122.12 to 0.00 (" in rule.describe()


def test_a_threshold_that_is_given_is_not_called_chosen():
    rng = np.random.default_rng(0)
    labels = examples.draw_labels(rng, 60, np.array([0.5, 0.4]))
    run = scored_run(examples.draw_scores(rng, labels), labels)
    figure = section_of(run, "threshold").blocks[0]
    assert "given: 0.5" in figure.wide and "chosen" not in figure.wide
    assert "the rule global chooses" not in figure.caption
    tuned = section_of(examples.val_run(), "threshold").blocks[0]
    assert "chosen: " in tuned.wide
    assert "among 0.05, 0.10, ..., 0.95." in tuned.caption


def test_a_tile_has_the_digits_of_the_table():
    run = examples.single_run()
    intervals = {"metrics": {"mAP": {"low": 41.237, "high": 52.0}}}
    section = section_of(replace(run, intervals=intervals), "result")
    assert section.blocks[0].tiles[0].interval == "41.24 to 52.00"


def test_a_class_that_draws_leave_out_is_named_in_quotes():
    run = examples.single_run()
    for dropped, words in (
        ({"a, b": 7}, "This happens to one class, 'a, b' (7 of 100 draws)."),
        ({"a": 2, "b": 7}, "This happens to 2 classes, most often to 'b' (7 of 100 draws)."),
    ):
        intervals = {"draws": 100, "dropped": dropped}
        blocks = section_of(replace(run, intervals=intervals), "result").blocks
        assert any(words in getattr(block, "text", "") for block in blocks)


def test_costs_are_plain_numbers_in_the_file_and_readable_on_the_page():
    costs = {
        "total_parameters": 1_240_000,
        "latency_ms": 3.27712,
        "input_size": [96, 64],
        "precision": "float32",
        "peak_memory_mib": 852,
        "peak_memory_of": "the whole process",
    }
    table, text = section_of(replace(examples.single_run(), card={"costs": costs}), "costs").blocks
    assert to_csv(table).splitlines() == [
        "quantity,value",
        "all parameters,1240000",
        "latency of one image (ms),3.27712",
        "input height (pixels),96",
        "input width (pixels),64",
        "peak memory of the whole process (MiB),852",
    ]
    assert table.numeric == [False, True]
    assert [row.cells[1].text for row in table.body][:2] == ["1.24\u00a0M", "3.277"]
    assert text.text == "Measured with: precision float32."


def test_the_table_of_errors_shows_a_nearly_certain_score_as_the_card_does():
    scores, labels = np.array([[0.99996], [0.2]]), np.array([[0], [1]])
    section = section_of(scored_run(scores, labels), "errors")
    card, table = section.blocks[0].shots[0], section.blocks[-1]
    assert table.caption == "The first 100 errors of each kind"
    assert card.score_text == "> 0.999"
    assert table.headings[3].open_ends and table.body[0].cells[3].value == scores[0, 0]


def test_all_metrics_have_words_and_the_key_of_the_file():
    table = section_of(examples.single_run(), "result").blocks[-1]
    cells = {row.cells[1].value: row.cells[0].value for row in table.body}
    assert cells["macro_f1"] == "macro F1"
    assert cells["micro_f1@0.5"] == "micro F1, threshold 0.5"
    assert cells["oracle_macro_f1_at_3"] == "macro F1 of an oracle on the top 3"
    # Numbers of zero-shot data and distributions are not on this page.
    assert table.note == "Values are in percent, except for threshold."


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mAP/super", "mAP, top level"),
        ("macro_f1/object_dependent", "macro F1, object dependent"),
        ("gzsl_recall_top5", "recall of the top 5, all classes"),
        ("recall_at_3", "recall of the top 3 of each image"),
        ("f1_top3", "F1 of the top 3"),
        ("my_own", "my own"),
    ],
)
def test_a_metric_in_words(name, words):
    assert metric_in_words(name) == words


def test_numbers_of_the_classes_are_numbers():
    tables = tables_of(run_sections(examples.val_run()))
    table = next(table for table in tables if table.stem == "class_numbers")
    assert [column.title for column in table.headings] == ["number", "class"]
    assert [row.cells[0].value for row in table.body] == [1, 2, 3]
    assert table.numeric == [True, False]


def test_the_table_of_errors_shows_a_few_labels_and_its_file_has_all():
    labels = np.array([[1, 1, 1, 1, 1, 1, 0]])
    run = scored_run(np.full((1, 7), 0.9), labels)
    cell = section_of(run, "errors").blocks[-1].body[0].cells[-1]
    assert cell.text == "c0; c1; c2; c3; and 2 more"
    assert cell.value == "c0; c1; c2; c3; c4; c5"


def test_the_run_card_names_the_command_once_and_groups_digits():
    card = {
        "kind": "predictions",
        "command": "python -m x --seed 12345",
        "argv": ["python", "-m", "x", "--seed", "12345"],
        "seed": 12345,
        "data": {"test": {"bytes": 126239}},
        "config": {"OPTIM": {"MAX_EPOCH": 10000}},
    }
    section = section_of(replace(examples.single_run(), card=card), "card")
    _, facts, config = section.blocks
    expected = {"kind": "predictions", "seed": "12345", "data.test.bytes": "126,239"}
    assert facts.items == expected
    assert config.items == {"OPTIM.MAX_EPOCH": "10000"}
    assert "keys of network and training have no effect" in config.heading


def test_the_labels_of_an_image_are_in_the_singular_or_the_plural(tmp_path):
    labels = np.array([[1, 0, 0], [1, 1, 0]])
    write_report_and_tables(tmp_path, scored_run(np.full((2, 3), 0.9), labels))
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert ">label: c0<" in html and ">labels: c0 · c1<" in html

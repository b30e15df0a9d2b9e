"""Published rows: the shipped file, its checks, and the warnings beside a run."""

import math

import pytest

from core.errors import UserError
from evaluation.published import (
    PublishedRow,
    RunFacts,
    facts_of,
    published_file,
    published_rows,
    read_published,
    rows_beside,
    warnings,
)

FIGURES = {
    "Visual + localisation loss": (24.37, 32.07, 30.91, None),
    "Query2Label": (32.12, 44.64, 45.15, 34.33),
    "HLEG": (32.77, 44.69, 45.54, 35.93),
    "LabCR": (34.63, 48.51, 48.05, None),
    "IntCLIP": (40.15, 53.54, 51.01, None),
    "IntentMLM": (43.05, 54.77, 56.75, None),
    "PsyIntent": (40.42, 54.17, 54.09, 47.85),
    "zero-shot CLIP, names": (None, None, None, 18.48),
    "zero-shot CLIP, description sentences": (None, None, None, 24.78),
    "frozen CLIP, MLP on the pooled embedding": (46.22, 55.05, 54.51, 50.67),
}


def test_the_shipped_rows_of_intentonomy_have_the_published_figures():
    rows = {row.method: row for row in published_rows("intentonomy")}
    assert list(rows) == list(FIGURES)
    for name, expected in FIGURES.items():
        row = rows[name]
        found = (row.macro_f1, row.micro_f1, row.samples_f1, row.mAP_interp)
        for value, figure in zip(found, expected, strict=True):
            assert value == figure or (figure is None and math.isnan(value)), name
        assert math.isnan(row.mAP), "no published figure here is known to be non-interpolated"


def test_a_data_set_without_a_file_has_no_rows():
    assert published_file("MyData") is None
    assert published_file("") is None
    assert published_rows("MyData") == []


def row_of(**fields):
    return PublishedRow(method="M", source="S", kind="paper", **fields)


def test_a_row_of_the_same_backbone_and_protocol_has_no_warning():
    row = row_of(backbone="ViT-L/14", macro_f1=40.0, tuned_on="val")
    assert warnings(row, RunFacts(backbone="vit_l_14", tuned_on="val")) == []


@pytest.mark.parametrize(
    "fields, facts, expected",
    [
        ({"tuned_on": "test"}, {}, "Threshold tuned on the scored split"),
        ({"epoch_chosen_on": "test"}, {}, "Epoch chosen on test"),
        ({"tuned_on": "none"}, {}, "Threshold not tuned, this run's is tuned on val"),
        ({"tuned_on": "val"}, {"tuned_on": "none"}, "Threshold tuned on val, this run's is not"),
        ({"backbone": "ResNet-50"}, {}, "Other backbone (ResNet-50, this run: RN101)"),
        ({"backbone": ""}, {}, "Backbone not stated"),
        ({}, {"backbone": ""}, "Backbone of this run not known"),
        ({"tuned_on": "", "macro_f1": 30.0}, {}, "Decision rule not stated"),
        (
            {"macro_f1": 30.0, "thresholds": "per class"},
            {"thresholds": "one"},
            "One threshold per class, this run has one for all classes",
        ),
        (
            {"macro_f1": 30.0, "thresholds": "one"},
            {"thresholds": "per class"},
            "One threshold for all classes, this run has one per class",
        ),
        ({"macro_f1": 30.0}, {"thresholds": "one"}, "Not stated whether all classes share one"),
    ],
)
def test_each_difference_of_protocol_or_backbone_is_one_warning(fields, facts, expected):
    row = row_of(**({"backbone": "RN101", "tuned_on": "val"} | fields))
    (found,) = warnings(row, RunFacts(**({"backbone": "RN101", "tuned_on": "val"} | facts)))
    assert expected in found


def test_the_threshold_of_a_run_says_that_all_classes_share_it():
    metrics = {"val": {"macro_f1": 40.0, "threshold": 0.3}, "test": {"macro_f1": 38.0}}
    assert facts_of({}, metrics) == RunFacts(tuned_on="val", thresholds="one")
    assert facts_of({}, {"test": {"macro_f1": 38.0}}) == RunFacts(tuned_on="none")


def test_the_shipped_rows_say_whether_their_classes_share_a_threshold():
    rows = {row.method: row.thresholds for row in published_rows("Intentonomy")}
    assert rows["Query2Label"] == rows["PsyIntent"] == "one"
    assert rows["LabCR"] == ""


def test_rows_beside_a_run_are_plain_dicts_with_warnings():
    (plain,) = rows_beside([row_of(backbone="RN50", mAP_interp=30.0)], RunFacts("RN101", "val"))
    assert plain["method"] == "M"
    assert plain["mAP_interp"] == 30.0
    assert plain["macro_f1"] is None and plain["rule"] is None
    assert len(plain["warnings"]) == 1


def test_a_number_of_0_beside_a_run_is_a_number():
    given = row_of(macro_f1=0.0, seeds=3, notes="without augmentation")
    (plain,) = rows_beside([given], RunFacts())
    assert plain["macro_f1"] == 0.0
    assert (plain["seeds"], plain["notes"]) == (3, "without augmentation")
    (plain,) = rows_beside([row_of()], RunFacts())
    assert (plain["seeds"], plain["notes"]) == (None, None)


VALID = "rows: [{method: M, source: S, kind: paper, macro_f1: 40}]"


@pytest.mark.parametrize(
    "text, fault",
    [
        ("rows: [", "is not valid YAML"),
        ("- 1", "expected a list 'rows'"),
        ("rows: {a: 1}", "expected a list 'rows'"),
        ("rows: [3]", "row 1: 3 is not a mapping"),
        (VALID.replace("macro_f1", "macrof1"), "unknown field 'macrof1'. Did you mean 'macro_f1'"),
        (VALID.replace("source: S, ", ""), "row 1 (M): 'source' is missing"),
        (VALID.replace("40", "'40'"), "macro_f1 is '40'; expected a number"),
        (VALID.replace("40", "400"), "macro_f1 is 400; expected a number from 0 to 100"),
        (VALID.replace("40", ".nan"), "macro_f1 is nan; expected a number"),
        (VALID.replace("paper", "papr"), "kind is 'papr'; accepted: paper"),
        (VALID.replace("macro_f1: 40", "seeds: 0"), "seeds is 0; expected a whole number"),
        (VALID.replace("macro_f1: 40", "rule: 3"), "rule is 3; expected text"),
        (VALID.replace("macro_f1: 40", "tuned_on: tst"), "Did you mean 'test'"),
        (VALID.replace("macro_f1: 40", "thresholds: some"), "accepted: one, per class"),
    ],
)
def test_a_fault_of_the_file_is_one_line(tmp_path, text, fault):
    path = tmp_path / "rows.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_published(path)
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_faults_are_reported_together(tmp_path):
    path = tmp_path / "rows.yaml"
    path.write_text("rows: [{method: M, kind: paper}, {method: N, source: S, kind: x}]")
    with pytest.raises(UserError, match=r"row 1 \(M\).*row 2 \(N\)"):
        read_published(path)
    with pytest.raises(UserError, match="cannot read"):
        read_published(tmp_path / "gone.yaml")

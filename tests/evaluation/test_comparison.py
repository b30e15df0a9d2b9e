"""Comparison of settings: alignment of runs, summaries, tests, the grid of decision rules."""

import json
import math
import shutil

import numpy as np
import pytest

from core.errors import UserError
from evaluation import GlobalThreshold, f1_scores, write_rule
from evaluation.comparison import compare
from evaluation.comparison.compare import notes_on_swaps, run_facts
from evaluation.comparison.paired_runs import align
from evaluation.comparison.run_folder import SavedScores, read_run
from evaluation.comparison.run_groups import group_runs
from evaluation.comparison.summary import summarize_values
from evaluation.rules import PriorCorrection, TopK

from .run_folders import CLASSES, NUM_TEST, make_labels, make_run, make_scores, write_scores

SWAPS = 500


def compare_folders(*folders, **options):
    settings = group_runs([read_run(folder) for folder in folders])
    return compare(settings, **({"split": "test", "swaps": SWAPS} | options))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Three runs of a weak setting A, then three of a strong setting B."""
    out = tmp_path_factory.mktemp("runs")
    result = []
    for name, skill in (("A", 1.0), ("B", 3.0)):
        for seed in (1, 2, 3):
            folder = out / name / f"seed{seed}"
            result.append(make_run(folder, skill=skill, seed=seed, trainer=f"Method{name}"))
    return result


@pytest.fixture(scope="module")
def compared(folders):
    return compare_folders(*folders)


def test_mean_and_deviation_are_over_the_seeds(folders, compared):
    values = [read_run(folder).metrics["test"]["mAP"] for folder in folders[:3]]
    summary = compared.summaries["A"]["mAP"]
    assert summary.mean == pytest.approx(np.mean(values))
    assert summary.std == pytest.approx(np.std(values, ddof=1))
    assert summary.count == 3
    assert compared.num_runs == {"A": 3, "B": 3}


def test_one_run_has_no_deviation():
    summary = summarize_values([3.0])
    assert summary.mean == 3.0 and math.isnan(summary.std)


def test_a_large_difference_is_resolved_and_is_the_difference_of_the_means(compared):
    (pair,) = compared.pairs
    assert (pair.baseline, pair.other) == ("A", "B")
    for name in ("mAP", "macro_f1", "micro_f1", "samples_f1"):
        difference = pair.metrics[name]
        expected = compared.summaries["B"][name].mean - compared.summaries["A"][name].mean
        assert difference.value == pytest.approx(expected)
        assert difference.low < difference.value < difference.high
        assert difference.verdict == "resolved"


def test_gains_of_classes_are_sorted_by_frequency(compared):
    (pair,) = compared.pairs
    counts = [gain.num_pos for gain in pair.classes]
    assert counts == sorted(counts, reverse=True)
    assert {gain.name for gain in pair.classes} == set(CLASSES)
    for gain in pair.classes:
        for metric in ("ap", "f1"):
            expected = gain.other[metric] - gain.baseline[metric]
            assert gain.difference[metric].value == pytest.approx(expected)


def test_mean_of_the_class_gains_is_the_gain_of_the_mean(compared):
    (pair,) = compared.pairs
    for of_class, of_all in (("ap", "mAP"), ("f1", "macro_f1")):
        mean = np.mean([gain.difference[of_class].value for gain in pair.classes])
        assert mean == pytest.approx(pair.metrics[of_all].value)


def test_the_grid_at_the_global_rule_has_the_headline(compared):
    grid = compared.rules
    assert grid.rules == ("global", "shrunk")
    for setting in ("A", "B"):
        for name in ("macro_f1", "micro_f1", "samples_f1"):
            cell = grid.cells[setting]["global"][name]
            assert cell.mean == pytest.approx(compared.summaries[setting][name].mean)
            gain = grid.cells[setting]["shrunk"][name].mean - cell.mean
            assert grid.gains[setting][name].mean == pytest.approx(gain)
    difference = grid.differences["B"]["global"]["macro_f1"]
    assert difference.value == pytest.approx(compared.pairs[0].metrics["macro_f1"].value)
    assert list(grid.differences) == ["B"]


def test_facts_and_data_set_come_from_the_run_card(compared):
    assert compared.dataset == "Intentonomy"
    assert compared.facts["A"].backbone == "RN101"
    assert compared.facts["A"].tuned_on == "val"
    assert compared.num_images == NUM_TEST


def test_a_log_alone_does_not_say_how_its_rule_was_tuned(tmp_path):
    (tmp_path / "log.txt").write_text("=> result\n* mAP: 40.0%\n")
    for path in (tmp_path, tmp_path / "log.txt"):
        assert run_facts(read_run(path)).tuned_on == ""


def test_the_same_runs_in_other_order_of_images_and_classes_change_nothing(folders, tmp_path):
    shuffled = tmp_path / "A"
    shuffled.mkdir()
    # With this seed, another order of val would give another k of the rule `shrunk`.
    source = make_run(tmp_path / "weak", skill=1.0, seed=10, trainer="MethodA")
    for name in ("metrics.json", "run.json"):
        (shuffled / name).write_bytes((source / name).read_bytes())
    random = np.random.default_rng(0)
    for split in ("val", "test"):
        with np.load(source / f"scores_{split}.npz") as file:
            rows = random.permutation(len(file["images"]))
            columns = random.permutation(len(CLASSES))
            np.savez(
                shuffled / f"scores_{split}.npz",
                scores=file["scores"][np.ix_(rows, columns)],
                labels=file["labels"][np.ix_(rows, columns)],
                images=file["images"][rows],
                classes=file["classes"][columns],
            )
    expected = compare_folders(folders[3], source)
    found = compare_folders(folders[3], shuffled)
    assert found.pairs[0].metrics == expected.pairs[0].metrics
    assert found.pairs[0].classes == expected.pairs[0].classes
    cells = [list(compared.rules.cells.values())[-1] for compared in (found, expected)]
    # One run has no standard deviation, and NaN is not equal to NaN.
    np.testing.assert_equal(means(cells[0]), means(cells[1]))


def means(cells):
    """Return the mean of each decision rule and metric."""
    return {
        rule: {metric: summary.mean for metric, summary in row.items()}
        for rule, row in cells.items()
    }


def saved(images=("a", "b"), classes=("x", "y"), labels=((1, 0), (0, 1))):
    labels = np.array(labels)
    return SavedScores(labels * 0.5, labels, images=list(images), classes=list(classes))


@pytest.mark.parametrize(
    "other, fault",
    [
        (saved(images=("a", "c")), "different images: 2 and 2, 1 and 1 of them in one run only"),
        (saved(images=("a", "a")), "different images"),
        (saved(classes=("x", "z")), "different classes"),
        (saved(classes=("x",), labels=((1,), (0,))), "different classes: 1 and 2"),
        (
            saved(labels=((1, 1), (0, 1))),
            "different labels in 1 of 4 entries, the first at image a",
        ),
    ],
)
def test_runs_on_other_images_classes_or_labels_are_not_compared(other, fault):
    with pytest.raises(UserError, match=fault) as caught:
        align(other, saved(), names=("new", "old"))
    assert "new and old" in str(caught.value) and "--numbers-only" in str(caught.value)


def test_numbers_only_compares_runs_on_other_labels(tmp_path):
    folders = [
        make_run(tmp_path / "A"),
        make_run(tmp_path / "B", lr=0.2, labels_seed=5),
    ]
    with pytest.raises(UserError, match="different labels"):
        compare_folders(*folders)
    compared = compare_folders(*folders, numbers_only=True)
    assert list(compared.summaries) == ["A", "B"]
    assert not compared.pairs and compared.rules is None
    assert any("--numbers-only" in note for note in compared.notes)


def test_one_setting_has_a_note_that_nothing_is_tested(folders, compared):
    note = "There is one setting: no difference is tested."
    assert note in compare_folders(folders[0]).notes
    assert note not in compared.notes


def test_scores_of_another_evaluation_are_an_error(tmp_path):
    folder = make_run(tmp_path / "A")
    labels = make_labels(NUM_TEST, seed=10)
    scores = make_scores(labels, skill=0.5, seed=9)
    write_scores(folder / "scores_test.npz", scores, labels, prefix="test")
    with pytest.raises(UserError, match=r"gives mAP .* but metrics\.json has"):
        compare_folders(folder)


@pytest.mark.parametrize("changed", [{"mAP": None}, {"micro_f1": 1.0}])
def test_a_metric_that_is_not_the_one_of_the_scores_is_an_error(tmp_path, changed):
    folder = make_run(tmp_path / "A")
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["test"] |= changed
    (folder / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(UserError, match="files are not of the same evaluation"):
        compare_folders(folder)


def test_the_chosen_rule_is_not_taken_for_that_of_the_headline(tmp_path):
    folder = make_run(tmp_path / "A")
    metrics = json.loads((folder / "metrics.json").read_text())
    threshold = metrics["test"].pop("threshold")
    (folder / "metrics.json").write_text(json.dumps(metrics))
    write_rule(folder / "rule.json", TopK(2), CLASSES)
    compared = compare_folders(folder)
    assert any("has no decision rule" in note for note in compared.notes)
    write_rule(folder / "rule.json", GlobalThreshold(threshold), CLASSES)
    assert compare_folders(folder).num_images == NUM_TEST


def test_a_setting_without_scores_has_its_numbers_and_a_note(tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    (old / "metrics.json").write_text(json.dumps({"val": {"mAP": 3}, "test": {"mAP": 2}}))
    folders = [make_run(tmp_path / "A"), old, make_run(tmp_path / "B", lr=0.2)]
    compared = compare_folders(*folders)
    assert compared.summaries["old"]["mAP"].mean == 2.0
    assert [pair.other for pair in compared.pairs] == ["B"]
    assert any("old: numbers only" in note for note in compared.notes)


def test_a_baseline_without_scores_is_not_replaced_by_another_setting(tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    (old / "metrics.json").write_text(json.dumps({"val": {"mAP": 3}, "test": {"mAP": 2}}))
    folders = [old, make_run(tmp_path / "A"), make_run(tmp_path / "B", lr=0.2)]
    compared = compare_folders(*folders)
    assert not compared.pairs and not compared.rules.differences
    assert list(compared.rules.cells) == ["A", "B"]
    assert compared.num_images == NUM_TEST
    assert any("the baseline old has no scores" in note for note in compared.notes)


def test_a_rule_that_cannot_be_fitted_is_noted_and_read_from_the_runs(tmp_path):
    folders = [make_run(tmp_path / "A"), make_run(tmp_path / "B", lr=0.2)]
    compared = compare_folders(*folders, second_rule="prior")
    assert compared.rules is None and len(compared.pairs) == 1
    assert any(note.startswith("A: rule 'prior' is not fitted: ") for note in compared.notes)
    rule = PriorCorrection(0.4, np.full(len(CLASSES), 0.3))
    for folder in folders:
        write_rule(folder / "rule.json", rule, CLASSES)
    compared = compare_folders(*folders, second_rule="prior")
    saved = read_run(folders[1]).scores("test")
    expected = 100 * f1_scores(rule.decide(saved.scores), saved.labels)["macro"]
    assert compared.rules.cells["B"]["prior"]["macro_f1"].mean == pytest.approx(expected)
    assert "B: rule 'prior' is read from rule.json, not fitted." in compared.notes


def test_predictions_without_val_have_no_fitted_rule_and_a_note(tmp_path):
    folders = [make_run(tmp_path / "A"), make_run(tmp_path / "B", lr=0.2, val=False)]
    compared = compare_folders(*folders)
    assert list(compared.rules.cells) == ["A"]
    assert any(note.startswith("B: no scores of val") for note in compared.notes)
    assert compared.facts["B"].tuned_on == "none"
    assert len(compared.pairs) == 1


def test_one_run_against_one_is_of_these_models_only(tmp_path):
    folders = [make_run(tmp_path / "A"), make_run(tmp_path / "B", skill=3.0, lr=0.2)]
    compared = compare_folders(*folders)
    verdicts = {difference.verdict for difference in compared.pairs[0].metrics.values()}
    assert "these models only" in verdicts and "resolved" not in verdicts
    assert any("'A' and 'B' have only one run each" in note for note in compared.notes)


def test_too_few_swaps_for_the_correction_of_the_classes_are_a_note_with_the_number_needed():
    (note,) = notes_on_swaps(20, 300)
    assert "is at least 0.066" in note and "Give --swaps 400 or more" in note
    assert notes_on_swaps(20, 399)
    assert notes_on_swaps(20, 400) == []


def test_runs_of_val_are_compared_without_rules(tmp_path):
    folders = [make_run(tmp_path / "A"), make_run(tmp_path / "B", lr=0.2)]
    compared = compare_folders(*folders, split="val")
    assert compared.rules is None and len(compared.pairs) == 1


def test_other_commits_and_data_sets_are_noted(folders, tmp_path):
    other = make_run(tmp_path / "A", skill=1.0, seed=7, trainer="MethodA")
    card = json.loads((other / "run.json").read_text())
    card["commit"] = "def"
    (other / "run.json").write_text(json.dumps(card))
    compared = compare_folders(folders[0], other)
    assert any("2 commits" in note for note in compared.notes)
    card["config"]["DATASET"]["NAME"] = "Other"
    (other / "run.json").write_text(json.dumps(card))
    compared = compare_folders(folders[0], other, numbers_only=True)
    assert compared.dataset == ""
    assert any("different data sets: Intentonomy, Other" in note for note in compared.notes)


def test_the_comparison_is_the_same_every_time(folders, compared):
    assert compare_folders(*folders) == compared


def test_the_backbone_of_given_predictions_is_not_known(tmp_path):
    # Their configuration has a backbone, because each has one: it says nothing about the model.
    folder = make_run(tmp_path / "A", trainer="")
    card = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**card, "backbone": {}}))
    assert compare_folders(folder).facts[str(folder)].backbone == ""


def test_runs_with_the_same_scores_have_a_note(folders, tmp_path):
    copies = []
    for seed in (1, 2):
        copy = tmp_path / "C" / f"seed{seed}"
        shutil.copytree(folders[0], copy)
        card = json.loads((copy / "run.json").read_text())
        card["config"] |= {"SEED": seed, "TRAINER": {"NAME": "Copy"}}
        (copy / "run.json").write_text(json.dumps(card))
        copies.append(copy)
    notes = compare_folders(folders[3], *copies).notes
    assert any("seed1 and" in note and "have the same scores" in note for note in notes)
    assert not any("same scores" in note for note in compare_folders(*folders).notes)

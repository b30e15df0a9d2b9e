"""Pages of runs with much, little and no data."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from engine.numbers import remove_earlier_results
from evaluation import GlobalThreshold
from evaluation.evaluated import EvaluatedRun
from evaluation.rule_comparison import compare_rules
from reports.figures import MAX_CLASSES
from reports.page import FOLDER, tables_of
from reports.run_report import run_sections, write_report_and_tables
from reports.sections import classes, confusion
from reports.sections.errors import thumbnail
from reports.tables import to_csv
from reports.view import RunView
from tests.reports import examples

VOID = {"meta", "link", "img", "wbr", "br"}


class Page(HTMLParser):
    """Texts, ids, links and attributes of a page; it checks that tags close in order."""

    def __init__(self, html):
        super().__init__()
        self.stack, self.ids, self.addresses, self.texts = [], [], [], []
        self.labels = []
        self.feed(html)
        assert not self.stack

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.labels.append(attrs.get("aria-label") or "")
        for key in ("href", "src", "xlink:href"):
            self.addresses += [attrs[key]] if key in attrs else []
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.stack.pop()

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.texts))


@pytest.fixture(scope="module")
def long_run(tmp_path_factory):
    return examples.long_run(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def long_page(long_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report_and_tables(folder, long_run, examples.published())
    return folder / "report.html"


def page_of(run, tmp_path):
    write_report_and_tables(tmp_path, run)
    return Page((tmp_path / "report.html").read_text(encoding="utf-8"))


def test_a_page_needs_no_network_and_its_links_lead_somewhere(long_page):
    html = long_page.read_text(encoding="utf-8")
    page = Page(html)
    for address in page.addresses:
        assert address.startswith(("data:", "#")), address[:80]
    targets = {address[1:] for address in page.addresses if address.startswith("#")}
    assert targets <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)


def test_every_class_name_is_whole_and_escaped(long_page, long_run):
    html = long_page.read_text(encoding="utf-8")
    assert "<b>" not in html
    text = Page(html).text
    for name in long_run.names:
        assert name.strip() in text


def test_the_same_run_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_report_and_tables(tmp_path / name, examples.single_run())
    pages = [(tmp_path / name / "report.html").read_bytes() for name in ("a", "b")]
    assert pages[0] == pages[1]


def test_sections_follow_the_order_of_an_argument(long_page):
    anchors = re.findall(r'<section id="([^"]*)"', long_page.read_text(encoding="utf-8"))
    assert anchors == [
        "result", "rules", "published", "classes", "curves", "threshold", "calibration",
        "confusions", "levels", "errors", "training", "costs", "card",
    ]  # fmt: skip


def test_a_whole_run_shows_val_train_the_chosen_rule_and_the_curves(long_page, long_run):
    text = Page(long_page.read_text(encoding="utf-8")).text
    assert "The rule is tuned on val (400 images) and applied to test (1,500 images)." in text
    assert f"rule.json holds: {long_run.rule.describe()}." in text
    assert "The headline rule is not tuned on test." in text
    assert "best one on val" in text
    tables = {table.stem: table for table in tables_of(run_sections(long_run))}
    titles = [column.title for column in tables["classes"].headings]
    for title in ("n train", "prior ratio", "F1, chosen rule", "threshold"):
        assert title in titles
    assert len(tables["thresholds"].headings) == 5  # threshold, three F1 and macro F1 on val
    shown = [row.cells[titles.index("threshold")].value for row in tables["classes"].body]
    expected = long_run.rule.thresholds(80)[RunView(long_run).by_frequency]
    assert shown == expected.tolist()


def test_one_class_without_val_and_train_says_what_is_absent(tmp_path):
    text = page_of(examples.single_run(), tmp_path).text
    assert "The rule is given, not tuned" in text
    assert "There are no intervals" in text
    assert "There are no training labels" in text
    assert "There is one class only" in text
    assert "The split has no votes" in text


def test_scores_that_are_no_probabilities_have_no_sweep_and_no_calibration(tmp_path):
    text = page_of(examples.tiny_run(), tmp_path).text
    assert "there is no sweep of thresholds" in text
    assert "there is no reliability curve" in text
    assert "Classes without a positive on test, left out of mAP and macro F1: b." in text


def test_notes_about_the_data_are_on_the_page(tmp_path):
    run = replace(examples.tiny_run(), notes=["30 of the 81 unseen classes have a twin."])
    assert "30 of the 81 unseen classes have a twin." in page_of(run, tmp_path).text


@pytest.mark.parametrize(
    ("metrics", "label"),
    [({"accuracy": 61.25}, "accuracy"), ({"zsl_mAP": 61.25}, "mAP, unseen classes")],
)
def test_the_first_numbers_are_those_of_the_kind_of_data(metrics, label, tmp_path):
    run = examples.tiny_run()
    result = replace(run.final.result, metrics={**metrics, **run.final.result.metrics})
    last = list(run.splits)[-1]
    run = replace(run, splits={**run.splits, last: replace(run.final, result=result)})
    texts = page_of(run, tmp_path).text
    assert label in texts and "61.25" in texts


def test_labels_without_any_positive_still_make_a_page(tmp_path):
    labels = np.zeros((3, 2), dtype=np.float32)
    split = examples.split_of(np.full((3, 2), 0.2), labels, GlobalThreshold(0.5), ["a", "b"])
    rules = compare_rules(test=(split.result.scores, labels), given=split.result.rule)
    run = EvaluatedRun("nothing", {"test": split}, ["a", "b"], rules=rules)
    page = page_of(run, tmp_path)
    assert "No class has a positive: there is no curve to draw" in page.text
    assert "No class has a positive: there is no macro F1" in page.text
    assert not re.search(r"\bnan\b", " ".join([page.text, *page.labels]), flags=re.I)


def test_an_evaluator_without_rule_and_rows_makes_a_page(tmp_path):
    run = examples.single_run()
    split = run.splits["test"]
    result = type(split.result)(
        {"accuracy": 71.5}, None, [], split.result.scores, split.result.labels
    )
    split = type(split)(result, split.images, split.paths)
    run = EvaluatedRun("other", {"test": split}, ["cat"])
    page = page_of(run, tmp_path)
    assert "accuracy" in page.text
    assert "71.50" in page.text
    assert "There are no intervals." in page.text
    assert "TEST.BOOTSTRAP" not in page.text
    # No decisions: they would make all classes missed, and F1 0.
    assert not {"errors", "confusions"} & set(page.ids)
    table = next(table for table in tables_of(run_sections(run)) if table.stem == "classes")
    assert "F1" not in [column.title for column in table.headings]
    assert np.isnan(RunView(run).f1).all()
    assert "Diamond" not in page.text


def test_a_run_with_val_alone_says_that_its_rules_are_optimistic(tmp_path):
    run = examples.val_run()
    page = page_of(run, tmp_path)
    assert "The rule is tuned on val itself (300 images): these F1 are optimistic." in page.text
    assert "applied to val" not in page.text
    assert "not tuned on val" not in page.text
    rules = next(table for table in tables_of(run_sections(run)) if table.stem == "rules")
    for result, row in zip(run.rules, rules.body, strict=True):
        assert (row.mark == "muted") == (result.tuned_on == "val")
    assert "never a result" in rules.note


def test_figures_with_a_part_per_class_have_a_limit_and_tables_have_none():
    rng = np.random.default_rng(0)
    names = [f"class{number}" for number in range(MAX_CLASSES + 1)]
    labels = examples.draw_labels(rng, 50, np.full(len(names), 0.1))
    scores = examples.draw_scores(rng, labels)
    split = examples.split_of(scores, labels, GlobalThreshold(0.3), names)
    view = RunView(EvaluatedRun("many", {"test": split}, names))
    figure, *_, table = classes.section(view).blocks
    assert len(table.body) == len(names)
    assert names[view.by_frequency[-1]] not in re.findall(r">(class\d+)<", figure.wide)
    assert names[view.by_frequency[-2]] in re.findall(r">(class\d+)<", figure.wide)
    blocks = confusion.section(view).blocks
    assert not [block for block in blocks if block.kind == "figure"]
    stems = {block.stem for block in blocks if block.kind == "table"}
    assert {"confusion_counts", "cooccurrence_counts", "class_numbers"} <= stems


def test_the_lead_of_the_training_says_which_epoch_is_evaluated():
    history = {"val/mAP": [(0, 30.0)]}
    leads = {}
    for choice in ("last_step", "best_val"):
        card = {"config": {"TEST": {"FINAL_MODEL": choice}}}
        run = replace(examples.single_run(), history=history, card=card)
        sections = {section.anchor: section for section in run_sections(run)}
        leads[choice] = sections["training"].lead
    assert "no epoch is chosen" in leads["last_step"]
    assert "best one on val" in leads["best_val"]


def test_the_prior_ratio_is_of_known_labels_and_needs_a_positive_in_train():
    labels = np.array([[1, 1, -1], [0, 1, -1], [-1, 0, -1], [0, 0, -1]])
    names = ["a", "b", "c"]
    split = examples.split_of(np.full((4, 3), 0.2), labels, GlobalThreshold(0.5), names)
    prior = np.array([0.1, 0.0, 0.2])
    run = EvaluatedRun("r", {"test": split}, names, train_prior=prior)
    ratio = RunView(run).prior_ratio
    assert ratio[0] == pytest.approx(1 / 3 / 0.1)
    assert np.isnan(ratio[1:]).all()


def test_images_without_a_readable_file_are_named_only(tmp_path):
    run = examples.single_run()
    split = replace(run.final, paths=[str(tmp_path / "missing.jpg")] * len(run.final.images))
    page = page_of(replace(run, splits={"test": split}), tmp_path)
    assert "No image file is found or readable" in page.text


def test_rules_for_media_stand_apart_in_the_style():
    style = (FOLDER / "templates" / "style.css").read_text(encoding="utf-8")
    depth = 0
    for part in re.findall(r"[{}]|@media", style):
        if part == "@media":
            assert depth == 0
        depth += {"{": 1, "}": -1}.get(part, 0)
    assert depth == 0


def test_a_wrong_class_that_an_annotator_chose_is_apart(long_page):
    text = Page(long_page.read_text(encoding="utf-8")).text
    assert "Wrong, and no annotator chose the class" in text
    disputed = text.split("Disputed: an annotator chose the class")[1].split("Missed")[0]
    assert disputed.count("chosen by 33 % of the annotators") == 12


def test_the_rule_tuned_on_test_is_muted(long_page):
    html = long_page.read_text(encoding="utf-8")
    row = re.search(r'<tr class="muted">.*?</tr>', html, flags=re.S)[0]
    assert "best on test" in row
    assert "never a result" in html


def test_every_table_of_the_page_is_also_written_to_files(tmp_path):
    run = examples.single_run()
    write_report_and_tables(tmp_path, run)
    tables = tables_of(run_sections(run))
    files = {path.name for path in (tmp_path / "tables").iterdir()}
    assert len({table.stem for table in tables}) == len(tables)
    expected = {f"{table.stem}.csv" for table in tables}
    expected |= {f"{table.stem}.tex" for table in tables if table.shown}
    assert files == expected
    assert (tmp_path / "report.html").is_file()


def test_an_evaluation_removes_all_tables_of_an_earlier_report(tmp_path):
    history = {"train/loss": [(0, 2.0)], "val/mAP": [(0, 30.0)]}
    run = replace(examples.single_run(), history=history)
    write_report_and_tables(tmp_path, run)
    assert any(not table.shown for table in tables_of(run_sections(run)))
    (tmp_path / "metrics.json").write_text("{}")
    remove_earlier_results(tmp_path)
    assert not list(tmp_path.glob("**/*.*"))


def test_a_thumbnail_is_small_and_a_broken_file_has_none(tmp_path):
    Image.new("L", (2000, 1000)).save(tmp_path / "a.png")
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    png = (tmp_path / "a.png").read_bytes()
    (tmp_path / "c.png").write_bytes(png.replace(b"IDAT", b"ID\0T", 1))
    assert thumbnail(str(tmp_path / "c.png")) == ""
    assert thumbnail(str(tmp_path / "a.png")).startswith("data:image/jpeg;base64,")
    assert thumbnail(str(tmp_path / "b.jpg")) == ""
    assert thumbnail(str(tmp_path / "missing.jpg")) == ""
    assert thumbnail("") == ""


def test_training_curves_have_a_panel_per_scale_and_epochs_count_from_one(tmp_path):
    history = {"train/loss": [(0, 2.0), (10, 1.0)], "train/lr": [(0, 0.1)], "val/mAP": [(0, 30.0)]}
    run = replace(examples.single_run(), history=history)
    section = next(section for section in run_sections(run) if section.anchor == "training")
    grid, epochs, batches = section.blocks
    assert [heading for heading, _ in grid.items] == [
        "Loss in training",
        "Learning rate",
        "Metrics on val",
    ]
    assert [row.cells[0].value for row in epochs.body] == [1]
    assert [row.cells[0].value for row in batches.body] == [0, 10]
    assert epochs.shown
    assert not batches.shown
    assert to_csv(epochs) == "epoch,val/mAP\n1,30\n"
    assert "Loss in training" in page_of(run, tmp_path).text


@pytest.mark.skipif(not examples.FOLDER, reason="INTENTONOMY_ANNOTATIONS is not set")
def test_real_scores_show_the_published_figures(tmp_path):
    text = page_of(examples.real_run(), tmp_path).text
    for value in ("47.10", "42.48", "53.78", "54.01"):
        assert value in text
    assert "28 classes" in text
    assert "15 groups, middle level" in text

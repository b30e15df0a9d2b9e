"""The command that compares runs: terminal, files, the page, mistakes."""

import csv
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from evaluation import write_rule
from evaluation.rules import PriorCorrection
from tests.evaluation.run_folders import CLASSES, make_run
from tools import compare_runs


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    result = []
    for name, skill in (("A", 1.0), ("B", 3.0)):
        for seed in (1, 2):
            folder = out / name / f"seed{seed}"
            result.append(str(make_run(folder, skill=skill, seed=seed, trainer=f"Method{name}")))
    return result


# These runs have another number of images than the published split.
PUBLISHED = ("--published", "docs/published/intentonomy.yaml")


@pytest.fixture(scope="module")
def written(folders, tmp_path_factory):
    out = tmp_path_factory.mktemp("comparison")
    assert run(*folders, "--output-dir", str(out), *PUBLISHED) == 0
    return out


def run(*args):
    return compare_runs.main([*args, "--swaps", "200"])


def test_the_terminal_shows_results_differences_rules_and_published_rows(folders, capsys):
    assert run(*folders, *PUBLISHED) == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert lines[0].split()[:3] == ["run", "seeds", "mAP"]
    assert [line.split()[0] for line in lines[2:4]] == ["A", "B"]
    assert "±" in lines[2]
    for part in ("Differences to A on test", "Method and decision rule", "Query2Label"):
        assert part in text
    assert "Threshold tuned on the scored split." in text
    assert f"Of {len(CLASSES)} classes, the difference is resolved for" in text


def test_the_terminal_needs_no_figures(folders):
    code = (
        "import sys; from tools import compare_runs; "
        "status = compare_runs.main(sys.argv[1:]); "
        "sys.exit(status or 'matplotlib' in sys.modules)"
    )
    command = [sys.executable, "-c", code, *folders, "--swaps", "200"]
    assert subprocess.run(command, capture_output=True).returncode == 0


def test_published_rows_are_left_out_for_other_data_in_the_same_format(folders, capsys):
    assert run(*folders) == 0
    assert "Query2Label" not in capsys.readouterr().out


def test_the_baseline_can_be_chosen(folders, capsys):
    assert run(*folders, "--baseline", "B") == 0
    assert "Differences to B on test" in capsys.readouterr().out


@pytest.mark.parametrize(
    "form, expected",
    [("markdown", "| run |"), ("latex", r"\begin{tabular}"), ("csv", "run,seeds,")],
)
def test_tables_are_printed_in_the_wanted_form(folders, capsys, form, expected):
    assert run(*folders, "--format", form) == 0
    assert expected in capsys.readouterr().out


def test_all_forms_are_written(written):
    names = {path.name for path in written.iterdir()}
    assert names == {"comparison.html", "comparison.md", "tables"}
    tables = {path.name for path in (written / "tables").iterdir()}
    for stem in ("results", "differences", "rules", "rule_differences", "classes_1_b", "published"):
        assert {f"{stem}.csv", f"{stem}.tex"} <= tables
    with (written / "tables" / "classes_1_b.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["class"] for row in rows} == set(CLASSES)
    for row in rows:
        gain = float(row["AP B"]) - float(row["AP A"])
        assert float(row["AP gain"]) == pytest.approx(gain, abs=1e-6)


def test_the_page_needs_no_other_file(written):
    html = (written / "comparison.html").read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    for address in ("http://", "https://", 'src="/', "@import"):
        assert address not in html.replace("http://www.w3.org/2000/svg", "")
    for part in ("Verdict", "Differences to A", "Decision rules", "Published results"):
        assert part in html
    for name in CLASSES:
        assert name in html


def test_the_page_is_the_same_every_time(folders, written, tmp_path):
    assert run(*folders, "--output-dir", str(tmp_path), *PUBLISHED) == 0
    first = (written / "comparison.html").read_bytes()
    assert (tmp_path / "comparison.html").read_bytes() == first


def test_folders_of_earlier_versions_and_logs_have_numbers_alone(tmp_path, capsys):
    log = tmp_path / "log.txt"
    log.write_text("=> result\n* mAP: 33.3%\n* macro_f1: 30.0%\n")
    assert run("tests/golden/earlier_version/IntCLIP", str(log)) == 0
    text = capsys.readouterr().out
    assert "33.30" in text and "numbers only" in text
    assert "Differences" not in text


def test_names_with_signs_of_html_latex_and_markdown_are_text(folders, tmp_path, capsys):
    for number, source in enumerate(folders[:2], start=1):
        shutil.copytree(source, tmp_path / "a_<b>|&$" / f"seed{number}")
    mine = [str(path) for path in sorted(tmp_path.glob("*/seed*"))]
    out = tmp_path / "out"
    assert run(*mine, *folders[2:], "--output-dir", str(out)) == 0
    assert "a_&lt;b&gt;|&amp;$" in (out / "comparison.html").read_text(encoding="utf-8")
    assert "a\\_\\<b>\\|&$" in (out / "comparison.md").read_text(encoding="utf-8")
    tex = (out / "tables" / "results.tex").read_text(encoding="utf-8")
    assert r"a\_\textless{}b\textgreater{}|\&\$" in tex


def test_settings_whose_names_differ_in_signs_alone_have_files_of_their_own(folders, tmp_path):
    names = ("base", "a+b", "a-b")
    for name, skill in zip(names, (1.0, 2.0, 3.0), strict=True):
        make_run(tmp_path / name / "seed1", skill=skill, trainer=f"Method{skill}")
    out = tmp_path / "out"
    mine = [str(tmp_path / name / "seed1") for name in names]
    assert run(*mine, "--output-dir", str(out)) == 0
    files = sorted(path.name for path in (out / "tables").glob("classes_*.csv"))
    assert files == ["classes_1_a_b.csv", "classes_2_a_b.csv"]
    html = (out / "comparison.html").read_text(encoding="utf-8")
    assert "for these trained models only (one run)" in html
    assert "macro F1" in html


@pytest.mark.parametrize(
    "flags, fault",
    [
        (["--baseline", "C"], "--baseline is 'C'; accepted: A, B"),
        (["--rule", "shrnk"], "--rule is 'shrnk'; accepted: "),
        (["--rule", "global"], "--rule is 'global', the rule of the headline"),
        (["--rule", "prior"], "--rule is 'prior', which needs the labels of train"),
        (["--swaps", "3"], "--swaps is 3; expected at least 100"),
        (["--seed", "-1"], "--seed is -1; expected at least 0"),
        (["--published", "gone.yaml"], "cannot read gone.yaml"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(folders, capsys, flags, fault):
    assert compare_runs.main([*folders, "--swaps", "200", *flags]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert fault in line


def test_a_rule_that_a_run_has_in_its_file_needs_no_train(folders, tmp_path, capsys):
    folder = tmp_path / "A" / "seed1"
    shutil.copytree(folders[0], folder)
    rule = PriorCorrection(0.4, np.zeros(len(CLASSES)))
    write_rule(folder / "rule.json", rule, CLASSES)
    assert run(str(folder), "--rule", "prior") == 0
    assert "Method and decision rule" in capsys.readouterr().out


def test_the_folder_of_a_run_is_not_written_to(folders, tmp_path, capsys):
    folder = tmp_path / "seed1"
    shutil.copytree(folders[0], folder)
    before = sorted(folder.rglob("*"))
    assert run(*folders, "--output-dir", str(folder)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"--output-dir {folder} has the results of a run" in line
    assert sorted(folder.rglob("*")) == before


def test_runs_on_other_labels_are_one_line(folders, tmp_path, capsys):
    other = make_run(tmp_path / "C", labels_seed=5, lr=0.3)
    assert run(*folders, str(other)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "different labels" in line and "--numbers-only" in line
    assert run(*folders, str(other), "--numbers-only") == 0


def test_paths_and_speed_do_not_tell_settings_apart(folders, tmp_path, capsys):
    copied = []
    for number, source in enumerate(folders[:2], start=1):
        folder = tmp_path / f"x{number}"
        shutil.copytree(source, folder)
        card = json.loads((folder / "run.json").read_text())
        card["config"]["DATALOADER"] = {"NUM_WORKERS": number}
        (folder / "run.json").write_text(json.dumps(card))
        copied.append(str(folder))
    assert run(*copied) == 0
    assert capsys.readouterr().out.splitlines()[2].split()[1] == "2"

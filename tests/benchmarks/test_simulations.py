"""The simulations at a smaller size: intervals cover, and tests keep their level.

The bounds leave three standard errors of the share for the small number of samples.
"""

import numpy as np
import pytest

from benchmarks.simulations import coverage, rules, seeds
from benchmarks.simulations.coverage import AGGREGATES, simulate
from benchmarks.simulations.population import COUNTS, NUM_IMAGES, intent_population, scored
from benchmarks.simulations.seeds import TRAININGS
from benchmarks.simulations.seeds import simulate as compare
from evaluation import Groups, metric_names
from evaluation.table import METRICS
from evaluation.uncertainty.bootstrap import DEFAULT_METHOD, METHOD, bootstrap_intervals


def test_the_population_has_the_frequencies_of_intentonomy():
    labels = intent_population().labels(100_000, np.random.default_rng(0))
    expected = np.array(COUNTS) / NUM_IMAGES
    np.testing.assert_allclose(labels.mean(axis=0), expected, atol=0.006)


def test_every_metric_with_an_interval_of_its_own_is_simulated():
    population = intent_population()
    split = scored(*population.sample(60, np.random.default_rng(0)))
    names = [f"class {c}" for c in range(len(COUNTS))]
    found = bootstrap_intervals(split, Groups(), names, draws=2)["metrics"]
    weighted = {name for name in metric_names(Groups()) if name in found and "@" not in name}
    assert set(AGGREGATES) == weighted
    assert all(name in METRICS for name in AGGREGATES)


@pytest.fixture
def files(tmp_path):
    """Return scores and labels of 40 images on disk."""
    rng = np.random.default_rng(0)
    labels = (rng.random((40, 3)) < 0.4).astype(int)
    np.savez(tmp_path / "scores.npz", scores=0.5 * labels + 0.5 * rng.random(labels.shape))
    np.save(tmp_path / "labels.npy", labels)
    return tmp_path


def test_rules_are_measured_on_files(files, capsys):
    arguments = [str(files / "scores.npz"), str(files / "labels.npy")]
    train = ["--train-labels", str(files / "labels.npy")]
    assert rules.main([*arguments, *train, "--num-fit", "20", "--splits", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} >= {"rule", "global", "fixed", "prior"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope.npz", "labels.npy"], "cannot read nope.npz: No such file"),
        (["scores.npz", "nope.npy"], "cannot read nope.npy: No such file"),
        (["scores.npz", "text.npy"], "text.npy is no array of numbers"),
        (["scores.npz", "scores.npz"], "scores.npz is an archive; expected one array"),
        (["scores.npz", "wide.npy"], "wide.npy is float64 (40, 5); expected numbers (images, 3)"),
        (["scores.npz", "short.npy"], "short.npy has 2 images, but scores.npz has 40"),
        (["scores.npz", "labels.npy"], "--num-fit is 498; expected fewer than the 40 images"),
    ],
)
def test_a_mistake_in_a_file_is_one_line(files, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(files)
    (files / "text.npy").write_text("text")
    np.save("wide.npy", np.zeros((40, 5)))
    np.save("short.npy", np.zeros((2, 3)))
    assert rules.main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.parametrize(
    ("main", "arguments", "message"),
    [
        (coverage.main, ["--draws", "1"], "expected a whole number, at least 2, not '1'"),
        (seeds.main, ["--seeds", "0"], "expected a whole number, at least 1, not '0'"),
        (seeds.main, ["--metrics", "mAB"], "invalid choice: 'mAB'"),
        (rules.main, ["a.npz", "b.npy", "--splits", "x"], "at least 2, not 'x'"),
    ],
)
def test_a_mistake_on_a_command_line_is_one_line(capsys, main, arguments, message):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_seeds_print_each_metric_and_the_classes(monkeypatch, capsys):
    monkeypatch.setattr(seeds, "NUM_IMAGES", 60)
    monkeypatch.setattr(seeds, "SWAPS", 4)
    assert seeds.main(["--comparisons", "1", "--seeds", "2", "--metrics", "mAP", "--classes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" not")[0].strip() for line in lines[1:]] == ["mAP", "any class"]


@pytest.mark.slow
def test_intervals_of_aggregates_cover_the_population():
    covered = simulate(intent_population(), 20, draws=150, seed=1)
    assert set(AGGREGATES) <= set(covered)
    for name in AGGREGATES:
        share = np.mean(covered[name][METHOD.get(name, DEFAULT_METHOD)])
        assert share >= 0.95 - 0.02 - 0.146, name


@pytest.mark.slow
def test_seeds_of_one_method_are_not_resolved():
    metrics = ["macro_f1", "micro_f1"]
    found = compare(40, 3, TRAININGS["usual seeds"], metrics=metrics)
    for name, (resolved, _) in found.items():
        assert resolved <= 0.05 + 0.103, name


@pytest.mark.slow
def test_a_planted_gain_is_found():
    found = compare(6, 3, TRAININGS["usual seeds"], metrics=["mAP"], gain=0.6)
    assert found["mAP"][0] >= 0.8

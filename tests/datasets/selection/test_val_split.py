"""A drawn val split: shares of the classes, groups, and the same draw for the same seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UserError
from datasets import IntentDataset, Record, multi_hot
from datasets.selection.val_split import draw_val, val_groups

NAMES = ["a", "b", "c"]


def records(count: int, *, per_file: int = 1) -> list[Record]:
    made = []
    for i in range(count):
        made.append(Record(f"{i // per_file}.jpg", multi_hot([NAMES[i % 3]], NAMES)))
    return made


@settings(max_examples=60, deadline=None)
@given(
    labels=st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=2, max_size=80),
    share=st.floats(0.05, 0.6),
    seed=st.integers(0, 1000),
)
def test_val_and_train_have_images_and_the_draw_repeats(labels, share, seed) -> None:
    matrix = np.array(labels, dtype=np.float32)
    groups = [str(i) for i in range(len(matrix))]
    val = draw_val(groups, matrix, share=share, seed=seed)
    assert val.dtype == bool and val.shape == (len(matrix),)
    assert val.any()
    np.testing.assert_array_equal(val, draw_val(groups, matrix, share=share, seed=seed))


def test_each_class_of_single_labels_keeps_its_share() -> None:
    labels = np.repeat(np.eye(3, dtype=np.float32), [100, 40, 10], axis=0)
    val = draw_val([str(i) for i in range(150)], labels, share=0.2, seed=3)
    assert labels[val].sum(axis=0).tolist() == [20, 8, 2]


def test_two_images_of_a_class_are_one_in_val_and_one_in_train() -> None:
    labels = np.repeat(np.eye(2, dtype=np.float32), [2, 50], axis=0)
    val = draw_val([str(i) for i in range(52)], labels, share=0.1, seed=0)
    assert labels[val].sum(axis=0).tolist() == [1, 5]


def test_crops_of_one_file_stay_together() -> None:
    many = records(60, per_file=4)
    labels = np.stack([record.label for record in many])
    files = [record.impath for record in many]
    val = draw_val(files, labels, share=0.3, seed=1)
    inside = {file for file, chosen in zip(files, val, strict=True) if chosen}
    outside = {file for file, chosen in zip(files, val, strict=True) if not chosen}
    assert inside and outside and not inside & outside


def test_a_data_set_without_val_draws_it_and_says_so(cfg, tmp_path) -> None:
    cfg.DATASET.HIERARCHY, cfg.DATASET.NAME = "", "Photos"
    dataset = IntentDataset(cfg, classnames=NAMES, train_x=records(60), val=None, test=records(3))
    assert (len(dataset.train_x), len(dataset.val)) == (54, 6)
    assert not {r.impath for r in dataset.train_x} & {r.impath for r in dataset.val}
    (drawn,) = dataset.drawn
    assert "6 of 60" in drawn.message and "VAL_PERCENT 0.1" in drawn.message
    drawn.write(tmp_path / drawn.file)
    kept = (tmp_path / "val_images.txt").read_text().split()
    assert len(kept) == 6


def test_val_is_the_same_for_every_seed_of_the_run(cfg) -> None:
    cfg.DATASET.HIERARCHY, cfg.DATASET.NAME = "", "Photos"
    drawn = []
    for cfg.SEED in (1, 2):
        dataset = IntentDataset(cfg, classnames=NAMES, train_x=records(60), test=records(3))
        drawn.append([record.impath for record in dataset.val])
    assert drawn[0] == drawn[1]


def named(places: list[str]) -> list[Record]:
    """Return 60 records with names of their own; their files are in ``places`` in turn."""
    made = []
    for i in range(60):
        place = places[i % len(places)]
        made.append(Record(f"{place}/{i}.jpg", multi_hot([NAMES[i % 3]], NAMES), name=f"{i}.jpg"))
    return made


def build_named(cfg, places: list[str]) -> IntentDataset:
    cfg.DATASET.HIERARCHY, cfg.DATASET.NAME = "", "Photos"
    return IntentDataset(cfg, classnames=NAMES, train_x=named(places), test=records(3))


def test_val_does_not_depend_on_where_the_files_lie(cfg) -> None:
    expected = [record.name for record in build_named(cfg, ["/photos"]).val]
    for places in (["/a", "/b/prepared-32", "/c"], ["/z", "/y"]):
        assert [record.name for record in build_named(cfg, places).val] == expected


def test_records_of_one_file_have_the_key_of_the_first() -> None:
    label = multi_hot(["a"], NAMES)
    crops = [Record(f"/x/{i // 2}.jpg", label, name=f"{i // 2}.jpg#{i % 2}") for i in range(4)]
    assert val_groups(crops, "/x") == ["0.jpg#0", "0.jpg#0", "1.jpg#0", "1.jpg#0"]


def test_a_run_that_resumes_keeps_its_val(cfg, tmp_path) -> None:
    drawn = build_named(cfg, ["/photos"])
    others = [record.name for record in drawn.train_x[:6]]
    cfg.OUTPUT_DIR = str(tmp_path)
    (tmp_path / "val_images.txt").write_text("".join(f"{name}\n" for name in others))

    def val_names() -> list[str]:
        return [record.name for record in build_named(cfg, ["/photos"]).val]

    expected = [record.name for record in drawn.val]
    assert val_names() == expected  # there is no run to resume
    (tmp_path / "prompt_learner").mkdir()
    (tmp_path / "prompt_learner" / "checkpoint").write_text("model.pth.tar-1\n")
    assert val_names() == others
    (tmp_path / "val_images.txt").write_text("elsewhere.jpg\n")  # of another data set
    assert val_names() == expected


def test_too_few_images_to_draw_from_are_an_error(cfg) -> None:
    cfg.DATASET.HIERARCHY, cfg.DATASET.NAME = "", "Photos"
    with pytest.raises(UserError, match="too few to draw val from"):
        IntentDataset(cfg, classnames=NAMES, train_x=records(1), test=records(3))


def test_a_data_set_without_test_warns_that_val_is_reported(cfg, caplog) -> None:
    cfg.DATASET.HIERARCHY, cfg.DATASET.NAME = "", "Photos"
    dataset = IntentDataset(cfg, classnames=NAMES, train_x=records(60))
    assert not dataset.has_test and dataset.test == []
    assert "no test split" in caplog.text


def test_another_number_of_images_than_published_is_a_warning(cfg, caplog) -> None:
    cfg.DATASET.HIERARCHY, cfg.DATASET.NAME = "", "Photos"
    counts = {"train": 61, "test": 3}
    IntentDataset(cfg, classnames=NAMES, train_x=records(60), test=records(3), counts=counts)
    assert "60 images in split train; the published one has 61" in caplog.text
    assert "split test" not in caplog.text


def test_counts_of_a_configuration_are_compared(cfg, caplog) -> None:
    cfg.DATASET.HIERARCHY, cfg.DATASET.NAME = "", "Photos"
    cfg.DATASET.COUNTS = ("test=3", "all=64")
    IntentDataset(cfg, classnames=NAMES, train_x=records(60), test=records(3))
    assert "Photos has 63 images; the published one has 64" in caplog.text
    assert "split test" not in caplog.text
    for entry in ("tests=3", "train", "train=many"):
        cfg.DATASET.COUNTS = (entry,)
        with pytest.raises(UserError, match=f"DATASET.COUNTS has '{entry}'; expected train, val"):
            IntentDataset(cfg, classnames=NAMES, train_x=records(60), test=records(3))


@pytest.mark.parametrize(
    ("kind", "soft", "hard"),
    [
        ("single_label", [0.2, 0.5, 0.3], [0, 1, 0]),
        ("multi_label", [0.4, 0.6, 1.0], [0, 1, 1]),
        ("multi_label", [-1, 0.6, 0.2], [-1, 1, 0]),
    ],
)
def test_soft_targets_of_train_are_decisions_in_val(cfg, kind, soft, hard) -> None:
    cfg.DATASET.HIERARCHY, cfg.DATASET.NAME = "", "Photos"
    label = np.array(soft, dtype=np.float32)
    train = [Record(f"{i}.jpg", label, votes=label) for i in range(20)]
    dataset = IntentDataset(cfg, classnames=NAMES, train_x=train, test=records(3), kind=kind)
    for record in dataset.val:
        assert record.label.tolist() == hard
        np.testing.assert_array_equal(record.votes, label)
    np.testing.assert_array_equal(dataset.train_x[0].label, label)

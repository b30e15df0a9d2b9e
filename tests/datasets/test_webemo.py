"""WEBEmo: lists of addresses, file names, missing images, levels, faults."""

from pathlib import Path

import pytest

from datasets import build_annotations
from datasets.download.addresses import url_file_name
from tests.datasets.emotion_files import build, by_name, classes, fault, touch

HOST = "https://as2.ftcdn.net/jpg/00/42"


def write(root: Path, folder: str = "WEBEmo") -> dict[str, int]:
    """Write lists with every label; return the label of each address."""
    train = {f"{HOST}/{i}_F.jpg": i % 25 for i in range(75)}
    test = {f"{HOST}/test {i}.jpg": 24 - i for i in range(25)}
    for name, rows in (("train25.txt", train), ("test25.txt", test)):
        path = root / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes("".join(f"{url} {label}\r\n" for url, label in rows.items()).encode())
    touch(root, [url_file_name(url) for url in train | test])
    return train | test


@pytest.mark.parametrize("folder", ["WEBEmo", "."])
def test_the_number_is_the_position_in_the_list_of_the_release(
    cfg, tmp_path: Path, folder: str
) -> None:
    labels = write(tmp_path, folder)
    dataset = build(cfg, tmp_path, "WEBEmo")
    expected = {url_file_name(url): dataset.classnames[c] for url, c in labels.items()}
    assert classes(dataset) == expected
    assert dataset.classnames[0] == "affection" and dataset.classnames[11] == "irritabilty"
    assert len(dataset.test) == 25 and len(dataset.val) == 25
    sizes = {level: len(groups) for level, groups in dataset.hierarchy.levels.items()}
    assert sizes == {"mid": 6, "super": 2}
    assert dataset.hierarchy.names[11] == "irritability"


def test_missing_images_are_an_error_or_are_left_out(cfg, tmp_path: Path, caplog) -> None:
    labels = write(tmp_path)
    gone = [url_file_name(url) for url in list(labels)[:2]]
    for name in gone:
        (tmp_path / name).unlink()
    message = fault(cfg, tmp_path, "WEBEmo")
    assert "2 images are missing" in message and "python -m tools.download webemo" in message
    dataset = build(cfg, tmp_path, "WEBEmo", WEBEMO_MISSING="skip")
    assert "2 of 75 images of split train are missing and are left out" in caplog.text
    assert len(by_name(dataset)) == 98 and not set(gone) & set(by_name(dataset))
    assert by_name(build_annotations(cfg)).keys() == by_name(dataset).keys()
    cfg.DATASET.WEBEMO_MISSING = "error"
    assert "DATASET.MISSING_IMAGES skip" in message
    dataset = build(cfg, tmp_path, "WEBEmo", MISSING_IMAGES="skip")
    assert len(by_name(dataset)) == 98


def test_an_address_in_train_and_test_is_logged(cfg, tmp_path: Path, caplog) -> None:
    write(tmp_path)
    (tmp_path / "WEBEmo/test25.txt").write_text(f"{HOST}/3_F.jpg 3\n" * 2)
    build(cfg, tmp_path, "WEBEmo")
    assert "1 addresses are listed again in the same list; 1 are in train and in test" in (
        caplog.text
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is empty"),
        ("http://h/a.jpg", "line 1 is 'http://h/a.jpg'; expected an address and a number"),
        ("a.jpg 3", "expected an address and a number"),
        ("http://h/a.jpg 3\n\nhttp://h/b.jpg 25", "line 3: the label is '25'; expected 0 to 24"),
        ("http://h/a.jpg joy", "the label is 'joy'; expected 0 to 24"),
    ],
)
def test_faults(cfg, tmp_path: Path, text, expected) -> None:
    write(tmp_path)
    (tmp_path / "WEBEmo/train25.txt").write_text(text)
    assert expected in fault(cfg, tmp_path, "WEBEmo")


def test_a_missing_list_is_named(cfg, tmp_path: Path) -> None:
    assert "train25.txt" in fault(cfg, tmp_path, "WEBEmo")

"""What a published card keeps of places and private words."""

import pytest

from inference.export.card import public_card, without_places

CONFIG = {
    "OUTPUT_DIR": "output/client_x",
    "DATASET": {
        "ROOT": "photos_of_client_x",
        "NAME": "Csv",
        "FILE": "client_x/labels.csv",
        "CLASSES": ["client_x/classes.txt", "a/b"],
        "FOLD": 1,
    },
    "MODEL": {"BACKBONE": {"NAME": "ViT-B/16", "PATH": "/home/client_x/clip.pt"}},
    "TRAINER": {"MINE": {"TABLE": "C:\\client_x\\table.csv", "TEMPLATES": ["a {} and/or b"]}},
}
CARD = {
    "command": "python train.py --root client_x",
    "argv": ["client_x"],
    "folder": "../client_x",
    "variables": {"INTCLIP_BASE": "client_x"},
    "code": {"version": "1", "digest": "d", "changed": ["client_x.py"], "imports": {"client_x": 1}},
    "versions": {"torch": "2"},
    "hardware": {"device": "cpu", "cpu": "client_x"},
    "data": {"train": {"images": 3}, "selection": ["mask client_x/mask.json"]},
    "start": "2026-01-01",
    "backbone": {"frozen": "f", "path": {"file": "client_x/clip.pt", "sha256": "s"}},
    "trained_by": {"command": "client_x", "commit": "c"},
    "config": CONFIG,
}


@pytest.fixture
def public():
    return public_card(CARD, {"MODEL.BACKBONE.PATH": "backbone.pt"})


def test_nothing_private_remains(public):
    assert "client_x" in str(CARD) and "client_x" not in str(public)


def test_what_prediction_and_readers_need_remains(public):
    assert public["config"]["MODEL"]["BACKBONE"] == {"NAME": "ViT-B/16", "PATH": "backbone.pt"}
    assert public["config"]["DATASET"]["FILE"] == "labels.csv"
    assert public["config"]["DATASET"]["CLASSES"] == ["classes.txt", "a/b"]
    assert public["config"]["DATASET"]["FOLD"] == 1
    assert public["config"]["TRAINER"]["MINE"] == {
        "TABLE": "table.csv",
        "TEMPLATES": ["a {} and/or b"],
    }
    assert public["backbone"] == {"frozen": "f", "path": {"file": "clip.pt", "sha256": "s"}}
    assert public["data"] == {"train": {"images": 3}}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/me/clip.pt", "clip.pt"),
        ("~/clip.pt", "clip.pt"),
        ("C:\\me\\clip.pt", "clip.pt"),
        ("\\\\server\\me\\clip.pt", "clip.pt"),
        ("file:///me/clip.pt", "clip.pt"),
        ("/home/me/", "me"),
        ("ViT-B/16", "ViT-B/16"),
        ("a photo of {}.", "a photo of {}."),
    ],
)
def test_absolute_paths_lose_their_folders(text, shown):
    assert without_places({"a": [text]}) == {"a": [shown]}

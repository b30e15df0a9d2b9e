"""A download of weights ends in CLIP or in one line, however many warnings its client has."""

import logging
import time

import open_clip
import pytest

from core.errors import UserError
from models.clip import download
from models.clip.download import download_openai


@pytest.fixture
def noisy(monkeypatch):
    """Let open_clip's client warn, then return or raise what the test sets."""
    outcome = {"seconds": 0.0, "result": "the model"}

    def create_model(key, **settings):
        logging.getLogger("huggingface_hub.utils").warning("Retrying in 1s")
        logging.error("no connection")
        time.sleep(outcome["seconds"])
        if isinstance(outcome["result"], Exception):
            raise outcome["result"]
        return outcome["result"], key, settings["pretrained"]

    monkeypatch.setattr(open_clip, "create_model", create_model)
    return outcome


def test_openais_weights_are_asked_for(noisy):
    assert download_openai("ViT-B/16", "ViT-B-16") == ("the model", "ViT-B-16", "openai")


def test_without_a_connection_one_line_says_what_to_give(noisy, capfd, caplog):
    noisy["result"] = OSError("many\nlines")
    with pytest.raises(
        UserError, match=r"'ViT-B/16' could not be downloaded \(OSError\)"
    ) as caught:
        download_openai("ViT-B/16", "ViT-B-16")
    assert "--set MODEL.BACKBONE.PATH FILE" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caplog.records == [] and capfd.readouterr() == ("", "")


def test_whoever_waits_is_told_why(noisy, monkeypatch, capfd):
    monkeypatch.setattr(download, "PATIENCE", 0.01)
    noisy["seconds"] = 1.0
    download_openai("ViT-B/16", "ViT-B-16")
    assert "waiting for the weights of ViT-B/16" in capfd.readouterr().err


def test_the_log_is_as_before_afterwards(noisy, caplog):
    download_openai("ViT-B/16", "ViT-B-16")
    logging.getLogger("anything").warning("seen")
    assert [record.message for record in caplog.records] == ["seen"]

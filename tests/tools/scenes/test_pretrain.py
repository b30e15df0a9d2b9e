"""Pre-training the small CLIP: reproducible, resumable to the bit, read by the usual loader."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from models.clip.load import load_clip
from models.clip.tokens import CompactTokenizer
from tools.scenes import pretrain
from tools.scenes.pretrain import MAX_FILLER, Run, encode_captions, intent_texts, main

TINY = [
    "--steps", "4", "--batch-size", "8", "--pool", "16", "--held-out", "60",
    "--device", "cpu", "--no-bf16",
]  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "tiny.safetensors"
    assert main(["--output", str(path), *TINY]) == 0
    return path


def test_file_is_small_and_loads_by_shapes_alone(finished):
    assert finished.stat().st_size < 4e6
    clip = load_clip("", path=str(finished))
    assert clip.token_embedding.num_embeddings == 49408
    assert clip.visual.image_size == 96
    figures = json.loads(finished.with_name(finished.name + ".json").read_text())["figures"]
    assert 0 <= figures["object accuracy, dense"] <= 1
    assert not finished.with_name(finished.name + ".state").exists()


def test_an_interrupted_run_continues_to_the_same_weights(finished, tmp_path, monkeypatch, capsys):
    path = tmp_path / "tiny.safetensors"
    save = Run.save

    def save_and_stop(self):
        save(self)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pretrain, "STATE_EVERY", 2)
        patch.setattr(Run, "save", save_and_stop)
        assert main(["--output", str(path), *TINY]) == 130
    assert [file.name for file in tmp_path.iterdir()] == [f"{path.name}.state"]
    assert main(["--output", str(path), *TINY, "--lr", "1"]) == 2
    assert "other settings (lr)" in capsys.readouterr().err
    assert main(["--output", str(path), *TINY]) == 0
    assert "continue from step 2" in capsys.readouterr().out
    whole, resumed = load_file(finished), load_file(path)
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name


def test_captions_are_encoded_between_start_and_end():
    tokenizer = CompactTokenizer(["red ball ."])
    tokens, eos, noise = encode_captions(["red ball."] * 40, tokenizer, np.random.default_rng(0))
    assert (tokens[:, 0] == tokenizer.start).all()
    assert (tokens[torch.arange(40), eos] == tokenizer.end).all()
    num_fillers = eos - 4  # start, red, ball, full stop
    assert int(num_fillers.min()) == 0
    assert 10 < int(num_fillers.max()) <= MAX_FILLER
    is_caption = torch.arange(noise.shape[1]) >= (eos - 3).unsqueeze(1)
    assert not noise[is_caption].any()
    assert noise.any()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--steps 0", "--steps is 0; expected at least 1"),
        ("--pool 7", "--pool is 7; expected at least the --batch-size, 8"),
        ("--intent-rate 2", "--intent-rate is 2.0; expected 0 to 1"),
    ],
)
def test_mistakes_of_the_command_line_are_one_line(tmp_path, capsys, flags, message):
    assert main(["--output", str(tmp_path / "x"), *TINY, *flags.split()]) == 2
    assert capsys.readouterr().err == f"error: {message}\n"


def test_intent_words_come_as_name_path_and_sentence():
    texts = intent_texts()
    assert texts.shape == (3, 20)
    assert texts[0, 0] == "find peace"
    assert texts[1, 0].endswith("find peace")
    assert "," in texts[1, 0]

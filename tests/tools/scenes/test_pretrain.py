"""Pre-training the small CLIP: reproducible, resumable to the bit, read by the usual loader."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from models.clip.load import load_clip
from models.clip.tokens import CompactTokenizer
from tools.scenes import get_world
from tools.scenes.pretrain import main
from tools.scenes.pretraining import run as training
from tools.scenes.pretraining.recipes import RECIPES
from tools.scenes.pretraining.run import Run
from tools.scenes.pretraining.texts import MAX_FILLER, encode_captions, intent_texts, word_targets

TINY = [
    "--steps", "4", "--batch-size", "8", "--pool", "16", "--held-out", "60",
    "--device", "cpu", "--no-bf16",
]  # fmt: skip
RICH = ["scenes_rn", *TINY, "--word-steps", "1"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "tiny.safetensors"
    assert main([*RICH, "--output", str(path)]) == 0
    return path


def test_file_is_small_and_loads_by_shapes_alone(finished):
    assert finished.stat().st_size < 4e6
    clip = load_clip("", path=str(finished))
    assert clip.token_embedding.num_embeddings == 49408
    assert clip.visual.image_size == 96
    figures = json.loads(finished.with_name(finished.name + ".json").read_text())["zero-shot"]
    assert 0 <= figures["object accuracy, dense"] <= 1
    assert not finished.with_name(finished.name + ".state").exists()


def test_an_interrupted_run_continues_to_the_same_weights(finished, tmp_path, monkeypatch, capsys):
    path = tmp_path / "tiny.safetensors"
    save = Run.save

    def save_and_stop(self):
        save(self)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "STATE_EVERY", 2)
        patch.setattr(Run, "save", save_and_stop)
        assert main([*RICH, "--output", str(path)]) == 130
    assert [file.name for file in tmp_path.iterdir()] == [f"{path.name}.state"]
    assert main([*RICH, "--output", str(path), "--lr", "1"]) == 2
    assert "other settings (lr)" in capsys.readouterr().err
    assert main([*RICH, "--output", str(path)]) == 0
    assert "continue from step 2" in capsys.readouterr().out
    whole, resumed = load_file(finished), load_file(path)
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name


def test_captions_are_encoded_between_start_and_end():
    tokenizer = CompactTokenizer(["red ball ."])
    tokens, eos, noise = encode_captions(
        [tokenizer.encode("red ball.")] * 40, tokenizer, np.random.default_rng(0)
    )
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
    assert main([*RICH, "--output", str(tmp_path / "x"), *flags.split()]) == 2
    assert capsys.readouterr().err == f"error: {message}\n"


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name != "scenes_rn"])
def test_every_recipe_trains_and_loads(tmp_path, recipe):
    path = tmp_path / "tiny.safetensors"
    words = [] if RECIPES[recipe].word_steps == 0 else ["--word-steps", "1"]
    assert main([recipe, *TINY, *words, "--steps", "2", "--output", str(path)]) == 0
    assert path.stat().st_size < 4e6
    assert load_clip("", path=str(path)).visual.image_size in (96, (96, 96))


def test_unknown_recipes_are_one_line(capsys):
    with pytest.raises(SystemExit):
        main(["scenes_nr"])
    assert "scenes_rn" in capsys.readouterr().err


def test_intent_words_come_as_name_path_and_sentence():
    texts = intent_texts(get_world("plain"))
    assert texts.shape == (3, 20)
    assert texts[0, 0] == "find peace"
    assert texts[1, 0].endswith("find peace")
    assert "," in texts[1, 0]


def test_word_targets_are_the_known_tokens_of_each_caption():
    tokenizer = CompactTokenizer(["red ball ."])
    texts = ["red ball.", "red zebra red", "zebra"]
    targets = word_targets([tokenizer.encode(text) for text in texts], tokenizer)
    words = {word: tokenizer.encode(word)[0] for word in ("red", "ball", ".")}
    expected = torch.zeros(3, tokenizer.unknown)
    expected[0, list(words.values())] = 1
    expected[1, words["red"]] = 1
    assert torch.equal(targets, expected)


def test_the_image_encoder_learns_more_slowly_in_the_second_phase(tmp_path):
    recipe = replace(RECIPES["scenes_rn"], word_steps=1, steps=100, image_lr=0.5)
    run = Run(recipe, 1, tmp_path / "x", torch.device("cpu"))
    rates = []
    for step in (0, 50):
        run.step = step
        run._set_rates()
        by_part = {group["is_image"]: group["lr"] for group in run.optim.param_groups}
        rates.append(by_part[True] / by_part[False])
    assert rates == [1.0, 0.5]

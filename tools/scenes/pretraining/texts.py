"""The texts of a pre-training: captions, words of intents, fillers, token numbers.

Between the start token and the caption stand 0 to 18 fillers, half of them random vectors and half
random words, because prompts move the class text to late positions.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from datasets.hierarchy import load_hierarchy
from models.clip.tokens import CompactTokenizer
from models.text.class_text import STRATEGIES, class_texts
from tools.scenes import Scene, World
from tools.scenes.annotators import NUM_ANNOTATORS

MAX_FILLER = 18
FILLER_SHARE = 0.75  # of captions that have fillers
UNKNOWN_RATE = 0.01  # of caption tokens that are hidden, so that the unknown token has a meaning


class CaptionWriter:
    """Writes captions of a world; a share of them ends with the words of an intent.

    Attributes:
        intents: the words of every intent, (3, C): its name, its path, its sentence.
        tokenizer: for every word that a caption can hold.
    """

    def __init__(self, world: World, intent_rate: float) -> None:
        self.world, self.intent_rate = world, intent_rate
        self.intents = intent_texts(world)
        self.tokenizer = CompactTokenizer(
            [*world.vocabulary(), *self.intents.reshape(-1), ".", ","]
        )

    def write(self, scene: Scene, rng: np.random.Generator) -> str:
        """Return a caption; some add an intent that one annotator sees, drawn with its wording."""
        text = self.world.caption(scene, rng)
        if rng.random() >= self.intent_rate:
            return text
        votes = self.world.annotators.annotate(scene, rng)
        seen = votes[rng.integers(NUM_ANNOTATORS)].nonzero()[0]
        strategy = rng.integers(len(STRATEGIES))
        return f"{text} {self.intents[strategy, rng.choice(seen)]}."


def intent_texts(world: World) -> np.ndarray:
    """Return the words of every intent, (3, C): its name, its path, its sentence."""
    tree = load_hierarchy(world.hierarchy, list(world.annotators.keys))
    words = {"names": tree.names, "paths": tree.paths, "sentences": tree.sentences}
    rows = []
    for strategy in STRATEGIES:
        rows.append([text.rstrip(".") for text in class_texts(strategy, **words)])
    return np.array(rows)


def encode_captions(
    captions: list[list[int]], tokenizer: CompactTokenizer, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return token ids ``(B, L)``, positions of the end token ``(B,)`` and noise, bool ``(B, L)``.

    Noise is True at fillers that a random vector replaces.

    Args:
        captions: token numbers of B captions.
        tokenizer: that gave the numbers.
        rng: draws the fillers.
    """
    rows, noises = [], []
    for caption in captions:
        words = np.array(caption)
        words[rng.random(len(words)) < UNKNOWN_RATE] = tokenizer.unknown
        num = 0
        if rng.random() < FILLER_SHARE:
            num = int(rng.integers(MAX_FILLER + 1))
        filler = rng.integers(tokenizer.unknown, size=num)
        rows.append([tokenizer.start, *filler, *words, tokenizer.end])
        noises.append([False, *(rng.random(num) < 0.5), *[False] * (len(words) + 1)])
    tokens = pad_sequence(list(map(torch.tensor, rows)), batch_first=True)
    noise = pad_sequence(list(map(torch.tensor, noises)), batch_first=True)
    return tokens, torch.tensor(list(map(len, rows))) - 1, noise


def word_targets(captions: list[list[int]], tokenizer: CompactTokenizer) -> Tensor:
    """Return which of the K known tokens each caption holds, float32 ``(B, K)``.

    Args:
        captions: token numbers of B captions.
        tokenizer: that gave the numbers.
    """
    targets = torch.zeros(len(captions), tokenizer.unknown)
    for row, caption in zip(targets, captions, strict=True):
        row[[number for number in caption if number != tokenizer.unknown]] = 1
    return targets

"""One training of a CLIP on drawn scenes: model, optimiser and step count, saved and resumed."""

import json
import math
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import open_clip
import torch
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from core.errors import UserError
from core.files import PROJECT, write_atomically
from core.seed import random_state, set_random_state, set_seed
from models.clip.configs import read_arch
from models.clip.tokens import CompactTokenizer, pack_tokens
from tools.scenes import Scene, get_world
from tools.scenes.pretraining.contrastive import ContrastiveCLIP
from tools.scenes.pretraining.pool import Pool, normalise
from tools.scenes.pretraining.recipes import Recipe
from tools.scenes.pretraining.texts import CaptionWriter, encode_captions, word_targets

STATE_EVERY = 200  # steps between two saved states
WEIGHT_DECAY = 0.05  # of matrices
MAX_GRAD_NORM = 1.0
WARMUP = 0.04  # share of the steps
NUM_COUNTED = 20000  # captions that give the frequencies of words


class Run:
    """A training that can be saved and resumed.

    Args:
        recipe: its settings.
        seed: of all random numbers.
        output: the weights to write; the state is kept beside it.
        device: where to train.
    """

    def __init__(self, recipe: Recipe, seed: int, output: Path, device: torch.device) -> None:
        set_seed(seed)
        self.recipe, self.seed, self.device, self.step, self.seconds = recipe, seed, device, 0, 0.0
        self.world = get_world(recipe.world)
        self.writer = CaptionWriter(self.world, recipe.intent_rate)
        self.tokenizer = self.writer.tokenizer
        uses_words = recipe.word_steps > 0 or recipe.word_weight > 0
        num_words = self.tokenizer.unknown if uses_words else 0
        model = ContrastiveCLIP(_build_clip(recipe.arch, self.tokenizer), num_words)
        self.model = model.to(device, memory_format=torch.channels_last)
        self.optim = torch.optim.AdamW(_decay_groups(self.model), lr=recipe.lr, betas=(0.9, 0.98))
        self.state_path = Path(f"{output}.state")
        self.settings = {**asdict(recipe), "seed": seed}

    def train(self, pool: Pool) -> None:
        """Train until the recipe's last step.

        Raises:
            UserError: the loss is not finite.
        """
        started, earlier = time.time(), self.seconds
        num_steps = self.recipe.steps
        self.word_weights = self._word_weights(pool).to(self.device)
        self.model.train()
        bar = tqdm(total=num_steps, initial=self.step, desc="train", disable=None)
        while self.step < num_steps:
            loss = self._train_step(pool)
            if not math.isfinite(loss):
                raise UserError(
                    f"the loss is {loss} at step {self.step}; lower --lr (now {self.recipe.lr})"
                )
            self.step += 1
            self.seconds = earlier + time.time() - started
            bar.update()
            bar.set_postfix(loss=f"{loss:.3f}", lr=f"{self.optim.param_groups[0]['lr']:.1e}")
            if self.step % STATE_EVERY == 0:
                self.save()
                minutes = self.seconds / 60
                bar.write(f"step {self.step}/{num_steps} loss {loss:.4f} minutes {minutes:.1f}")
        bar.close()
        self.model.eval()

    def _train_step(self, pool: Pool) -> float:
        """Train one step; return its loss."""
        recipe = self.recipe
        rng = np.random.default_rng((self.seed, 1, self.step))
        picked = rng.choice(len(pool.scenes), recipe.batch_size, replace=False)
        captions = [self._caption(pool.scenes[i], rng) for i in picked]
        self._set_rates()
        images = normalise(pool.images[torch.from_numpy(picked)], self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=recipe.bf16):
            loss = self._loss(images, captions, rng)
        self.optim.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), MAX_GRAD_NORM)
        self.optim.step()
        return loss.item()

    def _set_rates(self) -> None:
        rate = self.recipe.lr * _schedule(self.step, self.recipe.steps)
        is_word_phase = self.step < self.recipe.word_steps
        for group in self.optim.param_groups:
            is_slow = group["is_image"] and not is_word_phase
            group["lr"] = rate * (self.recipe.image_lr if is_slow else 1.0)

    def _loss(self, images: Tensor, captions: list[list[int]], rng: np.random.Generator) -> Tensor:
        """Return the loss of the phase: words first, then contrast and weighted words."""
        embedded = self.model.embed_images(images)
        is_word_phase = self.step < self.recipe.word_steps
        losses = []
        if is_word_phase or self.recipe.word_weight > 0:
            targets = word_targets(captions, self.tokenizer).to(self.device)
            words = self.model.predict_words(embedded, targets, self.word_weights)
            losses.append(words if is_word_phase else self.recipe.word_weight * words)
        if not is_word_phase:
            inputs = encode_captions(captions, self.tokenizer, rng)
            text = self.model.embed_texts(*(x.to(self.device) for x in inputs))
            losses.append(self.model.contrast(embedded, text))
        return sum(losses)

    def _caption(self, scene: Scene, rng: np.random.Generator) -> list[int]:
        """Return the token numbers of a new caption."""
        return self.tokenizer.encode(self.writer.write(scene, rng))

    def _word_weights(self, pool: Pool) -> Tensor:
        """Return the weight of every known word, ``(K,)``: its inverse document frequency."""
        rng = np.random.default_rng((self.seed, 2))
        num = min(NUM_COUNTED, len(pool.scenes))
        captions = [self._caption(scene, rng) for scene in pool.scenes[:num]]
        count = word_targets(captions, self.tokenizer).sum(dim=0)  # (K,)
        return ((1 + num) / (1 + count)).log()

    def save(self) -> None:
        """Write the state from which :meth:`resume` continues."""
        state = {
            "model": self.model.state_dict(),
            "optim": self.optim.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "random": random_state(),
            "settings": self.settings,
        }
        write_atomically(self.state_path, lambda temporary: torch.save(state, temporary))

    def resume(self) -> None:
        """Continue from the saved state, if there is one.

        Raises:
            UserError: the state is of a run with other settings.
        """
        if not self.state_path.exists():
            return
        state = torch.load(self.state_path, map_location="cpu", weights_only=True)
        changed = [k for k, v in self.settings.items() if state["settings"].get(k) != v]
        if changed:
            raise UserError(
                f"{self.state_path} is of a run with other settings ({', '.join(changed)}); "
                "delete it or repeat its settings"
            )
        self.model.load_state_dict(state["model"])
        self.optim.load_state_dict(state["optim"])
        self.step, self.seconds = state["step"], state["seconds"]
        set_random_state(state["random"])
        print(f"continue from step {self.step} ({self.state_path})")

    def export(self, path: Path) -> None:
        """Write the weights, matrices in fp16 and vectors in fp32, with the compact vocabulary."""
        clip = self.model.clip.cpu()
        with torch.no_grad():
            clip.logit_scale.copy_(self.model.log_scale["pooled"])
        state = dict(clip.state_dict())
        for name in list(state):
            if name.endswith("num_batches_tracked"):
                del state[name]
        state = pack_tokens(state, self.tokenizer.ids)
        for name, value in state.items():
            if value.is_floating_point() and value.ndim > 1:
                value = value.half()
            state[name] = value.contiguous()
        settings = {"settings": json.dumps(self.settings)}
        write_atomically(path, lambda temporary: save_file(state, str(temporary), settings))


def arch_file(arch: str) -> str:
    """Return the path of an architecture of configs/backbones."""
    return str(PROJECT / f"configs/backbones/{arch}.json")


def _build_clip(arch: str, tokenizer: CompactTokenizer) -> open_clip.CLIP:
    config = read_arch(arch_file(arch))
    config["text_cfg"] = config["text_cfg"] | {"vocab_size": tokenizer.unknown + 1}
    return open_clip.CLIP(**config)


def _decay_groups(model: torch.nn.Module) -> list[dict]:
    """Return the optimiser's groups: image encoder or not; only matrices have weight decay."""
    groups: dict[tuple[bool, bool], list] = {}
    for name, parameter in model.named_parameters():
        key = (name.startswith("clip.visual."), parameter.ndim > 1)
        groups.setdefault(key, []).append(parameter)
    return [
        {"params": group, "is_image": is_image, "weight_decay": WEIGHT_DECAY * is_matrix}
        for (is_image, is_matrix), group in groups.items()
    ]


def _schedule(step: int, steps: int) -> float:
    """Return the factor of the learning rate: linear warm-up, then a half cosine to zero."""
    progress = (step + 1) / steps
    if progress < WARMUP:
        return progress / WARMUP
    return 0.5 * (1 + math.cos(math.pi * (progress - WARMUP) / (1 - WARMUP)))

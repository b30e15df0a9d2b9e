"""Train the small CLIP of the scenes benchmark from random weights, on drawn scenes and captions.

    python -m tools.scenes.pretrain --output assets/scenes_clip.safetensors

Pictures are drawn once; every step writes new captions. Between the start token and the caption
stand 0 to 18 fillers, half of them random vectors and half random words, because prompts move the
class text to late positions. A share of the captions (--intent-rate) ends with an intent that one
simulated annotator sees, in the words of its name, path or sentence. The state is saved beside the
output; after an interruption, the same command continues from it.
"""

import argparse
import json
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import open_clip
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

from core.errors import UserError
from core.files import PROJECT, write_atomically, write_text
from core.seed import random_state, set_random_state, set_seed
from datasets.hierarchy import load_hierarchy
from models.clip.configs import read_arch
from models.clip.load import CLIP_MEAN, CLIP_STD
from models.clip.tokens import CompactTokenizer, pack_tokens
from models.text.class_text import STRATEGIES, class_texts
from tools import command
from tools.scenes import Scene, draw_scene, sample_scene
from tools.scenes.captions import caption, vocabulary
from tools.scenes.contrastive import ContrastiveCLIP
from tools.scenes.intents import INTENT_KEYS, NUM_ANNOTATORS, annotate
from tools.scenes.report import zero_shot_report

ARCH = str(PROJECT / "configs/backbones/scenes_rn.json")
MAX_FILLER = 18
FILLER_SHARE = 0.75  # of captions that have fillers
UNKNOWN_RATE = 0.01  # of caption tokens that are hidden, so that the unknown token has a meaning
STATE_EVERY = 200  # steps between two saved states
HELD_OUT_SEED = 1_000_003  # added to the seed for pictures that training never sees
# Settings that a continued run may change: none of them has an influence on the weights.
FREE_SETTINGS = ("output", "device", "threads", "held_out")


@dataclass(frozen=True)
class Pool:
    """Drawn pictures, uint8 ``(N, 3, H, W)``, and the N scenes that they show."""

    images: Tensor
    scenes: list[Scene]


def draw_pool(num: int, size: int, seed: int, desc: str) -> Pool:
    """Draw ``num`` scenes of ``size`` pixels; each depends on (seed, its number) only."""
    images = torch.empty(num, 3, size, size, dtype=torch.uint8)
    scenes = []
    for i in tqdm(range(num), desc=desc, disable=None):
        scene = sample_scene(np.random.default_rng((seed, i)))
        images[i] = torch.from_numpy(draw_scene(scene, size).transpose(2, 0, 1).copy())
        scenes.append(scene)
    return Pool(images, scenes)


def intent_texts() -> np.ndarray:
    """Return the words of every intent, (3, C): its name, its path, its sentence."""
    tree = load_hierarchy("scenes", list(INTENT_KEYS))
    words = {"names": tree.names, "paths": tree.paths, "sentences": tree.sentences}
    rows = []
    for strategy in STRATEGIES:
        rows.append([text.rstrip(".") for text in class_texts(strategy, **words)])
    return np.array(rows)


def normalise(images: Tensor, device: torch.device) -> Tensor:
    """Return uint8 images ``(B, 3, H, W)`` normalised for CLIP: float32, channels last."""
    mean = torch.tensor(CLIP_MEAN, device=device).view(1, 3, 1, 1)
    std = torch.tensor(CLIP_STD, device=device).view(1, 3, 1, 1)
    x = images.to(device).float().div(255)
    return ((x - mean) / std).contiguous(memory_format=torch.channels_last)


def encode_captions(
    captions: list[str], tokenizer: CompactTokenizer, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return token ids ``(B, L)``, positions of the end token ``(B,)`` and noise, bool ``(B, L)``.

    Noise is True at fillers that a random vector replaces.
    """
    rows, noises = [], []
    for text in captions:
        words = np.array(tokenizer.encode(text))
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


class Run:
    """Model, optimiser and step count of one training, which can be saved and resumed."""

    def __init__(self, args: argparse.Namespace, device: torch.device) -> None:
        set_seed(args.seed)
        self.args, self.device, self.step = args, device, 0
        self.intent_texts = intent_texts()
        self.tokenizer = CompactTokenizer([*vocabulary(), *self.intent_texts.reshape(-1), ".", ","])
        model = ContrastiveCLIP(_build_clip(self.tokenizer))
        self.model = model.to(device, memory_format=torch.channels_last)
        groups = _decay_groups(self.model, args.weight_decay)
        self.optim = torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.98))
        self.state_path = Path(f"{args.output}.state")
        self.settings = {k: v for k, v in vars(args).items() if k not in FREE_SETTINGS}

    def train(self, pool: Pool) -> None:
        """Train until ``args.steps``.

        Raises:
            UserError: the loss is not finite.
        """
        started = time.time()
        num_steps = self.args.steps
        self.model.train()
        bar = tqdm(total=num_steps, initial=self.step, desc="train", disable=None)
        while self.step < num_steps:
            loss = self._train_step(pool)
            if not math.isfinite(loss):
                raise UserError(
                    f"the loss is {loss} at step {self.step}; lower --lr (now {self.args.lr})"
                )
            self.step += 1
            bar.update()
            bar.set_postfix(loss=f"{loss:.3f}", lr=f"{self.optim.param_groups[0]['lr']:.1e}")
            if self.step % STATE_EVERY == 0:
                self.save()
                minutes = (time.time() - started) / 60
                bar.write(f"step {self.step}/{num_steps} loss {loss:.4f} minutes {minutes:.1f}")
        bar.close()
        self.model.eval()

    def _train_step(self, pool: Pool) -> float:
        """Train one step; return its loss."""
        args = self.args
        rng = np.random.default_rng((args.seed, 1, self.step))
        picked = rng.choice(len(pool.scenes), args.batch_size, replace=False)
        texts = [self._text(pool.scenes[i], rng) for i in picked]
        tokens = [x.to(self.device) for x in encode_captions(texts, self.tokenizer, rng)]
        for group in self.optim.param_groups:
            group["lr"] = args.lr * _schedule(self.step, args.steps)
        images = normalise(pool.images[torch.from_numpy(picked)], self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=args.bf16):
            loss = self.model(images, *tokens)
        self.optim.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optim.step()
        return loss.item()

    def _text(self, scene: Scene, rng: np.random.Generator) -> str:
        """Return a caption; a share ``args.intent_rate`` adds an intent that one annotator sees."""
        text = caption(scene, rng)
        if rng.random() >= self.args.intent_rate:
            return text
        seen = annotate(scene, rng)[rng.integers(NUM_ANNOTATORS)].nonzero()[0]
        strategy = rng.integers(len(STRATEGIES))
        return f"{text} {self.intent_texts[strategy, rng.choice(seen)]}."

    def save(self) -> None:
        """Write the state from which :meth:`resume` continues."""
        state = {
            "model": self.model.state_dict(),
            "optim": self.optim.state_dict(),
            "step": self.step,
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
        self.step = state["step"]
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


def _build_clip(tokenizer: CompactTokenizer) -> open_clip.CLIP:
    config = read_arch(ARCH)
    config["text_cfg"] = config["text_cfg"] | {"vocab_size": tokenizer.unknown + 1}
    return open_clip.CLIP(**config)


def _decay_groups(model: torch.nn.Module, weight_decay: float) -> list[dict]:
    """Return the optimiser's groups: weight decay for matrices, none for vectors and scalars."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def _schedule(step: int, steps: int, warmup: float = 0.04) -> float:
    """Return the factor of the learning rate: linear warm-up, then a half cosine to zero."""
    progress = (step + 1) / steps
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the settings of the command line."""
    parser = command.make_parser("tools.scenes.pretrain", __doc__)
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("assets/scenes_clip.safetensors"),
        help="checkpoint to write (assets/scenes_clip.safetensors)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of all random numbers (1)")
    parser.add_argument("--steps", type=int, default=4000, help="optimiser steps (4000)")
    parser.add_argument("--batch-size", type=int, default=256, help="pictures per step (256)")
    parser.add_argument(
        "--pool", type=int, default=40000, help="pictures to draw, 28 kB of memory each (40000)"
    )
    parser.add_argument(
        "--held-out", type=int, default=1500, help="pictures for the figures at the end (1500)"
    )
    parser.add_argument("--lr", type=float, default=2e-3, help="learning rate (0.002)")
    parser.add_argument("--weight-decay", type=float, default=0.05, help="of matrices (0.05)")
    parser.add_argument(
        "--intent-rate", type=float, default=0.15, help="share of captions with an intent (0.15)"
    )
    parser.add_argument(
        "--bf16", action=argparse.BooleanOptionalAction, default=True, help="autocast to bfloat16"
    )
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="cuda where there is one",
    )
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: torch decides (0)")
    return parser.parse_args(argv)


def check_args(args: argparse.Namespace) -> None:
    """Raise :class:`UserError` for the first number that makes no sense."""
    for name in ("steps", "batch_size", "held_out"):
        command.check_least(getattr(args, name), f"--{name.replace('_', '-')}", 1)
    command.check_least(args.seed, "--seed", 0)
    command.check_least(args.threads, "--threads", 0)
    if args.pool < args.batch_size:
        raise UserError(
            f"--pool is {args.pool}; expected at least the --batch-size, {args.batch_size}"
        )
    if not 0 <= args.intent_rate <= 1:
        raise UserError(f"--intent-rate is {args.intent_rate}; expected 0 to 1")


def pretrain(args: argparse.Namespace) -> int:
    """Draw, train, export and report; return the exit status."""
    check_args(args)
    if args.threads:
        torch.set_num_threads(args.threads)
    started = time.time()
    run = Run(args, torch.device(args.device))
    size = read_arch(ARCH)["vision_cfg"]["image_size"]
    run.resume()
    run.train(draw_pool(args.pool, size, args.seed, "draw"))
    run.export(args.output)
    held_out = draw_pool(args.held_out, size, args.seed + HELD_OUT_SEED, "held out")
    report = zero_shot_report(args.output, held_out.images, held_out.scenes)
    report["minutes of this call"] = (time.time() - started) / 60
    figures = json.dumps({"settings": run.settings, "figures": report}, indent=2)
    write_text(f"{args.output}.json", figures + "\n")
    run.state_path.unlink(missing_ok=True)
    print(f"{args.output}: {args.output.stat().st_size / 1e6:.2f} MB", *report.items(), sep="\n")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    args = parse_args(argv)
    return command.run(lambda: pretrain(args))


if __name__ == "__main__":
    sys.exit(main())

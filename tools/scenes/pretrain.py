"""Train the small CLIP of the scenes benchmark from nothing: contrastively, on drawn scenes and their captions.

    python -m tools.scenes.pretrain --output assets/scenes_clip.safetensors

Pictures are drawn once, captions anew at every step. Between the start token and the caption come 0 to 18 fillers,
half of them random vectors and half random words, because prompts push the class text to late positions. A share of
the captions (--intent-rate) ends with an intent that one simulated annotator sees, in the words of its name, path or
sentence. The run goes on where it was stopped: its state lies beside the output until it is done.
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
from tqdm import tqdm

from core.errors import UserError
from core.seed import random_state, set_random_state, set_seed
from datasets.hierarchy import load_hierarchy
from models.clip.configs import read_arch
from models.clip.load import CLIP_MEAN, CLIP_STD
from models.clip.tokens import CompactTokenizer, pack_tokens
from models.text.class_text import STRATEGIES, class_texts
from tools.scenes import Scene, draw_scene, sample_scene
from tools.scenes.captions import caption, vocabulary
from tools.scenes.contrastive import ContrastiveCLIP
from tools.scenes.intents import INTENT_KEYS, annotate
from tools.scenes.report import zero_shot_report

ARCH = "configs/backbones/scenes_rn.json"
MAX_FILLER = 18
UNKNOWN_RATE = 0.01  # of caption tokens that are hidden, so that the unknown token has a meaning
STATE_EVERY = 200  # steps between two saved states


@dataclass(frozen=True)
class Pool:
    """Drawn pictures, uint8 ``(N, 3, H, W)``, and the scenes they show."""

    images: Tensor
    scenes: list[Scene]


def draw_pool(num: int, size: int, seed: int, desc: str) -> Pool:
    """Draw ``num`` scenes; each depends on (seed, its number) alone."""
    images, scenes = torch.empty(num, 3, size, size, dtype=torch.uint8), []
    for i in tqdm(range(num), desc=desc, disable=None):
        scenes.append(sample_scene(np.random.default_rng((seed, i))))
        images[i] = torch.from_numpy(draw_scene(scenes[-1], size).transpose(2, 0, 1).copy())
    return Pool(images, scenes)


def intent_texts() -> np.ndarray:
    """Return the words of every intent, (3, C): its name, its path, its sentence."""
    tree = load_hierarchy("scenes", list(INTENT_KEYS))
    words = {"names": tree.names, "paths": tree.paths, "sentences": tree.sentences}
    return np.array(
        [[text.rstrip(".") for text in class_texts(strategy, **words)] for strategy in STRATEGIES]
    )


def normalise(images: Tensor, device: torch.device) -> Tensor:
    """Return uint8 images ``(B, 3, H, W)`` as CLIP's normalised float32 on ``device``, channels last."""
    mean, std = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (CLIP_MEAN, CLIP_STD))
    x = images.to(device).float().div(255)
    return ((x - mean) / std).contiguous(memory_format=torch.channels_last)


def encode_captions(
    captions: list[str], tokenizer: CompactTokenizer, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return token numbers ``(B, L)``, the end's position ``(B,)`` and which tokens are noise ``(B, L)``."""
    rows, noises = [], []
    for text in captions:
        words = np.array(tokenizer.encode(text))
        words[rng.random(len(words)) < UNKNOWN_RATE] = tokenizer.unknown
        num = int(rng.integers(MAX_FILLER + 1)) if rng.random() < 0.75 else 0
        filler = rng.integers(tokenizer.unknown, size=num)
        rows.append([tokenizer.start, *filler, *words, tokenizer.end])
        noises.append([False, *(rng.random(num) < 0.5), *[False] * (len(words) + 1)])
    tokens = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    noise = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in noises], batch_first=True)
    return tokens, torch.tensor([len(row) - 1 for row in rows]), noise


class Run:
    """Model, optimiser and step count of one training, with everything that resuming needs."""

    def __init__(self, args: argparse.Namespace, device: torch.device) -> None:
        set_seed(args.seed)
        self.args, self.device, self.step = args, device, 0
        self.intent_texts = intent_texts()
        self.tokenizer = CompactTokenizer([*vocabulary(), *self.intent_texts.reshape(-1), ".", ","])
        self.model = ContrastiveCLIP(_build_clip(self.tokenizer)).to(
            device, memory_format=torch.channels_last
        )
        decay, plain = _decay_groups(self.model)
        groups = [
            {"params": decay, "weight_decay": args.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        self.optim = torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.98))
        self.state_path = Path(f"{args.output}.state")
        self.settings = {
            k: v
            for k, v in vars(args).items()
            if k not in ("output", "device", "threads", "held_out")
        }

    def train(self, pool: Pool) -> None:
        """Train until ``args.steps``."""
        started = time.time()
        model, bar = (
            self.model.train(),
            tqdm(total=self.args.steps, initial=self.step, desc="train", disable=None),
        )
        while self.step < self.args.steps:
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
                bar.write(
                    f"step {self.step}/{self.args.steps} loss {loss:.4f} minutes {(time.time() - started) / 60:.1f}"
                )
        bar.close()
        model.eval()

    def _train_step(self, pool: Pool) -> float:
        args, rng = self.args, np.random.default_rng((self.args.seed, 1, self.step))
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
        """Return a caption, now and then followed by an intent that one annotator sees."""
        text = caption(scene, rng)
        if rng.random() >= self.args.intent_rate:
            return text
        seen = annotate(scene, rng)[rng.integers(3)].nonzero()[0]
        return f"{text} {self.intent_texts[rng.integers(len(STRATEGIES)), rng.choice(seen)]}."

    def save(self) -> None:
        """Write the state to go on from, in one piece."""
        state = {
            "model": self.model.state_dict(),
            "optim": self.optim.state_dict(),
            "step": self.step,
            "random": random_state(),
            "settings": self.settings,
        }
        self.state_path.parent.mkdir(parents=True, exist_ok=True)
        part = self.state_path.with_suffix(".part")
        torch.save(state, part)
        part.replace(self.state_path)

    def resume(self) -> None:
        """Go on from the state, if there is one of the same settings."""
        if not self.state_path.exists():
            return
        state = torch.load(self.state_path, map_location="cpu", weights_only=True)
        changed = [k for k, v in self.settings.items() if state["settings"].get(k) != v]
        if changed:
            raise UserError(
                f"{self.state_path} is a run with other settings ({', '.join(changed)}); delete it or repeat them"
            )
        self.model.load_state_dict(state["model"])
        self.optim.load_state_dict(state["optim"])
        self.step = state["step"]
        set_random_state(state["random"])
        print(f"goes on from step {self.step} ({self.state_path})")

    def export(self, path: Path) -> None:
        """Write the weights, matrices in fp16 and vectors in fp32, with the compact vocabulary."""
        clip = self.model.clip.cpu()
        with torch.no_grad():
            clip.logit_scale.copy_(self.model.log_scale["pooled"])
        state = {
            k: v for k, v in clip.state_dict().items() if not k.endswith("num_batches_tracked")
        }
        state = pack_tokens(state, self.tokenizer.ids)
        state = {
            k: v.half() if v.is_floating_point() and v.ndim > 1 else v for k, v in state.items()
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(
            {k: v.contiguous() for k, v in state.items()},
            str(path),
            {"settings": json.dumps(self.settings)},
        )


def _build_clip(tokenizer: CompactTokenizer) -> open_clip.CLIP:
    config = read_arch(ARCH)
    config["text_cfg"] = config["text_cfg"] | {"vocab_size": tokenizer.unknown + 1}
    return open_clip.CLIP(**config)


def _decay_groups(model: torch.nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    decay = [p for p in model.parameters() if p.ndim > 1]
    return decay, [p for p in model.parameters() if p.ndim <= 1]


def _schedule(step: int, steps: int, warmup: float = 0.04) -> float:
    """Return the factor of the learning rate: linear warm-up, then a half cosine to zero."""
    progress = (step + 1) / steps
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's settings."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("assets/scenes_clip.safetensors"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument(
        "--pool", type=int, default=40000, help="pictures that are drawn (28 kB of memory each)"
    )
    parser.add_argument(
        "--held-out", type=int, default=1500, help="pictures for the figures at the end"
    )
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument(
        "--intent-rate", type=float, default=0.15, help="share of captions with an intent's words"
    )
    parser.add_argument(
        "--bf16", action=argparse.BooleanOptionalAction, default=True, help="autocast to bfloat16"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--threads", type=int, default=0, help="CPU threads; 0: as many as there are"
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Draw, train, export, report."""
    args = parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    started = time.time()
    run = Run(args, torch.device(args.device))
    size = run.model.clip.visual.image_size
    size = size if isinstance(size, int) else size[0]
    run.resume()
    run.train(draw_pool(args.pool, size, args.seed, "draw"))
    run.export(args.output)
    held_out = draw_pool(args.held_out, size, args.seed + 1_000_003, "held out")
    report = zero_shot_report(args.output, held_out.images, held_out.scenes)
    report["minutes of this call"] = (time.time() - started) / 60
    Path(f"{args.output}.json").write_text(
        json.dumps({"settings": run.settings, "figures": report}, indent=2) + "\n"
    )
    run.state_path.unlink(missing_ok=True)
    print(f"{args.output}: {args.output.stat().st_size / 1e6:.2f} MB", *report.items(), sep="\n")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")

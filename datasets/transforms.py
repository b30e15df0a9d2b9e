"""Image transforms, from torchvision v2: PIL image in, normalised float32 tensor (3, H, W) out.

All randomness is torch's default generator, so that one seed fixes an image's augmentation.
"""

from collections.abc import Callable, Sequence

import torch
from torchvision.transforms import InterpolationMode, v2
from yacs.config import CfgNode

from core.errors import UserError, not_accepted

INTERPOLATIONS = {
    "bilinear": InterpolationMode.BILINEAR,
    "bicubic": InterpolationMode.BICUBIC,
    "nearest": InterpolationMode.NEAREST,
}
GEOMETRY = ("random_resized_crop", "center_crop", "normalize")  # handled apart from the list's order


class Cutout(torch.nn.Module):
    """Fill ``count`` square holes at random places with the mean colour (3,), zero after normalisation.

    A hole's side is ``length`` pixels, or ``ratio`` of the image's shorter side when ``ratio`` is positive. Holes are
    centred anywhere, so that they may reach over the border (DeVries and Taylor, 2017). The published Cutout(0.5) of
    the method fills with a random colour or grey; the mean grey is used here because it carries no signal.
    """

    def __init__(self, count: int, length: int, *, ratio: float, fill: Sequence[float]) -> None:
        super().__init__()
        self.count, self.length, self.ratio = count, length, ratio
        self.fill = torch.tensor(fill).mul(255).round().to(torch.uint8).view(3, 1, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return a copy of the uint8 image (3, H, W) with holes."""
        height, width = image.shape[-2:]
        side = round(self.ratio * min(height, width)) if self.ratio > 0 else self.length
        image = image.clone()
        for _ in range(self.count):
            top = int(torch.randint(height, ())) - side // 2
            left = int(torch.randint(width, ())) - side // 2
            image[..., max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = self.fill
        return image


def build_train_transform(cfg: CfgNode, mean: Sequence[float], std: Sequence[float]) -> Callable:
    """Resize to ``INPUT.SIZE`` (or crop at random), apply ``INPUT.TRANSFORMS`` in their order, normalise.

    The backbone's normalisation always applies, whether or not ``normalize`` is listed. ``center_crop`` concerns
    evaluation only. ``INPUT.NO_TRANSFORM`` leaves the evaluation transform.
    """
    _check_names(cfg)
    if cfg.INPUT.NO_TRANSFORM:
        return build_test_transform(cfg, mean, std)
    random_crop = "random_resized_crop" in cfg.INPUT.TRANSFORMS
    geometry = _random_resized_crop(cfg) if random_crop else _resize(cfg, tuple(cfg.INPUT.SIZE))
    makers = _augmentations(cfg, mean)
    augmentations = [makers[name]() for name in cfg.INPUT.TRANSFORMS if name not in GEOMETRY]
    return v2.Compose([geometry, v2.ToImage(), *augmentations, *_to_normalised(mean, std)])


def build_test_transform(cfg: CfgNode, mean: Sequence[float], std: Sequence[float]) -> Callable:
    """Resize to ``INPUT.SIZE`` (with ``center_crop``: the image is scaled to cover it and cropped), normalise."""
    _check_names(cfg)
    if "center_crop" in cfg.INPUT.TRANSFORMS:
        geometry = [_resize(cfg, [max(cfg.INPUT.SIZE)]), v2.CenterCrop(tuple(cfg.INPUT.SIZE))]
    else:
        geometry = [_resize(cfg, tuple(cfg.INPUT.SIZE))]
    return v2.Compose([*geometry, v2.ToImage(), *_to_normalised(mean, std)])


def _to_normalised(mean: Sequence[float], std: Sequence[float]) -> list[Callable]:
    to_float = v2.ToDtype(torch.float32, scale=True)
    return [to_float, v2.Normalize(mean=list(mean), std=list(std)), v2.ToPureTensor()]


def _interpolation(cfg: CfgNode) -> InterpolationMode:
    name = cfg.INPUT.INTERPOLATION
    if name not in INTERPOLATIONS:
        raise UserError(not_accepted("INPUT.INTERPOLATION", name, INTERPOLATIONS))
    return INTERPOLATIONS[name]


def _resize(cfg: CfgNode, size: Sequence[int]) -> Callable:
    return v2.Resize(size, interpolation=_interpolation(cfg), antialias=True)


def _random_resized_crop(cfg: CfgNode) -> Callable:
    scale = tuple(cfg.INPUT.RRCROP_SCALE)
    return v2.RandomResizedCrop(tuple(cfg.INPUT.SIZE), scale=scale, interpolation=_interpolation(cfg), antialias=True)


def _augmentations(cfg: CfgNode, mean: Sequence[float]) -> dict[str, Callable[[], Callable]]:
    """Return a maker for each augmentation that keeps the size."""
    inp = cfg.INPUT
    return {
        "random_flip": v2.RandomHorizontalFlip,
        "randaugment": lambda: v2.RandAugment(num_ops=inp.RANDAUGMENT_N, magnitude=int(inp.RANDAUGMENT_M)),
        "cutout": lambda: Cutout(inp.CUTOUT_N, inp.CUTOUT_LEN, ratio=inp.get("CUTOUT_RATIO", 0.0), fill=mean),
        "colorjitter": lambda: v2.ColorJitter(
            brightness=inp.COLORJITTER_B,
            contrast=inp.COLORJITTER_C,
            saturation=inp.COLORJITTER_S,
            hue=inp.COLORJITTER_H,
        ),
    }


def _check_names(cfg: CfgNode) -> None:
    accepted = [*_augmentations(cfg, (0.5, 0.5, 0.5)), *GEOMETRY]
    for name in cfg.INPUT.TRANSFORMS:
        if name not in accepted:
            raise UserError(not_accepted("INPUT.TRANSFORMS entry", name, accepted))

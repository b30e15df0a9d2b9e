"""CLIP as it is (Radford et al., ICML 2021): class texts in templates, nothing learnt."""

import datetime
import time
from pathlib import Path

from torch import nn
from yacs.config import CfgNode

from core.errors import UserError
from core.logging import get_logger
from engine.base_choice import TRAINER_REGISTRY
from engine.precision import Precision
from engine.speed import apply_speed
from models import ZeroshotCLIPNetwork
from trainers.base import ClipTrainer

log = get_logger()


@TRAINER_REGISTRY.register()
class ZeroshotCLIP(ClipTrainer):
    """Evaluate CLIP without training; settings are ``TRAINER.ZEROSHOTCLIP.*``.

    The files and log lines are those of a trained model, but for checkpoints: there is nothing to keep in one.
    """

    model_name = "zeroshotclip"
    section = "ZEROSHOTCLIP"

    def check_cfg(self, cfg: CfgNode) -> None:
        """Check the templates, and that there is something to do."""
        super().check_cfg(cfg)
        templates = tuple(self.method(cfg).TEMPLATES)
        if not templates or any("{}" not in template for template in templates):
            raise UserError(
                f"TRAINER.ZEROSHOTCLIP.TEMPLATES is {templates}; expected one or more texts, each with {{}} in the "
                "place of the class, such as 'a photo of {}.'"
            )
        if cfg.TEST.NO_TEST:
            raise UserError("TEST.NO_TEST True leaves ZeroshotCLIP nothing to do; accepted: False")

    def build_network(self) -> nn.Module:
        """Load CLIP and encode the class texts."""
        method = self.method()
        return ZeroshotCLIPNetwork(
            self.load_clip(),
            self.class_texts(),
            templates=tuple(method.TEMPLATES),
            features=method.FEATURES,
            logit_scale=method.LOGIT_SCALE,
            region_scale=method.REGION_SCALE,
        )

    def build_model(self) -> None:
        """Build the network; there is no loss, no optimiser and no schedule."""
        self.model = self.build_network().to(self.device)
        apply_speed(self.model, self.cfg, self.device)
        self.precision = Precision(self.precision_name, self.device)
        self.register_model(self.model_name, self.model)
        self.loaded_from = "CLIP without training"
        self.cache_features()

    def train(self) -> None:
        """Go straight to the evaluation on val, which tunes the threshold, and test."""
        start = time.time()
        log.info("ZeroshotCLIP learns nothing: CLIP is evaluated as it is")
        log.info("Finish training")  # what result parsers wait for
        log.info("Finished training")
        self.init_writer(str(Path(self.output_dir, "tensorboard")))
        self.test()
        log.info("Elapsed: %s", datetime.timedelta(seconds=round(time.time() - start)))
        self.close_writer()

    def load_model(self, directory: str, epoch: int | None = None) -> None:
        """Say that there is nothing to load: the evaluation alone is all that ``train`` does."""
        log.info("ZeroshotCLIP has no checkpoints: nothing is loaded from '%s'", directory)

"""A trainer written against Dassl's public names alone runs on the base in use."""

import torch

from core.config_merge import setup_cfg
from engine.base_choice import TRAINER_REGISTRY, build_trainer
from tests.engine.mean_colour import MeanColour


@TRAINER_REGISTRY.register()
class ContractTrainer(MeanColour):
    """Overrides what a Dassl trainer overrides and nothing else."""

    calls = []

    def check_cfg(self, cfg):
        self.calls.append("check_cfg")

    def build_data_loader(self):
        from datasets import DataManager

        self.calls.append("build_data_loader")
        self.dm = DataManager(self.cfg, mean=(0.5,) * 3, std=(0.5,) * 3)
        self.train_loader_x, self.train_loader_u = self.dm.train_loader_x, self.dm.train_loader_u
        self.val_loader, self.test_loader = self.dm.val_loader, self.dm.test_loader
        self.num_classes, self.lab2cname = self.dm.num_classes, self.dm.lab2cname

    def build_model(self):
        self.calls.append("build_model")
        super().build_model()

    def model_inference(self, input):
        return self.model(input).sigmoid()


def test_life_cycle_files_and_resume(scenes_root, tmp_path):
    opts = ["DATASET.NAME", "Intentonomy", "DATASET.HIERARCHY", "scenes"]
    opts += ["DATASET.ROOT", str(scenes_root), "OUTPUT_DIR", str(tmp_path), "SEED", "0"]
    opts += ["TRAINER.NAME", "ContractTrainer", "OPTIM.MAX_EPOCH", "2"]
    opts += ["DATALOADER.NUM_WORKERS", "0", "INPUT.SIZE", "(32, 32)"]
    torch.manual_seed(0)
    trainer = build_trainer(setup_cfg([], opts=opts))
    assert trainer.calls == ["check_cfg", "build_data_loader", "build_model"]
    trainer.train()
    assert trainer.get_current_lr() < 0.1
    files = {path.name for path in (tmp_path / "linear").iterdir()}
    assert files == {"checkpoint", "model.pth.tar-2"}
    state = torch.load(tmp_path / "linear" / "model.pth.tar-2", weights_only=True)
    assert {"state_dict", "epoch", "optimizer", "scheduler", "val_result"} <= state.keys()
    assert trainer.test(split="val") > 0
    resumed = build_trainer(setup_cfg([], opts=opts))
    assert resumed.resume_model_if_exist(str(tmp_path)) == 2
    assert torch.equal(resumed.model[2].weight, trainer.model[2].weight)

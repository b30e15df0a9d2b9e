"""The straightforward form inside our trainer: its own network and its own loaders.

Loss, optimiser, schedule, evaluation and checkpoints are inherited from the trainer IntCLIP.
"""

from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.utils.data import DataLoader, Dataset
from yacs.config import CfgNode

from benchmarks._plain_images import PlainDataset, plain_transform
from benchmarks.straightforward import Straightforward
from datasets import Record
from datasets.loading import Collate
from trainers.intclip import IntCLIP


class PlainIntCLIP(IntCLIP):
    """IntCLIP with the straightforward form of network and loaders.

    Args:
        cfg: the configuration.
        gradients: see :class:`Straightforward`.
        annotation_file: JSON file that is parsed for every image; empty: none.
    """

    def __init__(self, cfg: CfgNode, *, gradients: str = "text", annotation_file: str = "") -> None:
        self.gradients = gradients
        self.annotation_file = annotation_file
        super().__init__(cfg)

    def build_network(self) -> nn.Module:
        """Return the straightforward form of the configured backbone and class texts."""
        network = Straightforward(self.load_clip(), self.class_texts(), gradients=self.gradients)
        network.requires_grad_(False)
        for group in network.parameter_groups().values():
            for parameter in group:
                parameter.requires_grad_(True)
        return network

    def build_model(self) -> None:
        """Build as IntCLIP does; then let frozen weights get gradients that no optimiser uses."""
        super().build_model()
        self.model.set_gradients()

    def build_data_loader(self) -> None:
        """Create loaders of float images that are normalised already."""
        super().build_data_loader()
        sizes, dataset = self.cfg.DATALOADER, self.dm.dataset
        self.dm.normalizer = nn.Identity()
        self.train_loader_x = self._loader(dataset.train_x, sizes.TRAIN_X.BATCH_SIZE, train=True)
        self.val_loader = self._loader(dataset.val, sizes.TEST.BATCH_SIZE, train=False)

    def _loader(self, records: Sequence[Record], batch_size: int, *, train: bool) -> DataLoader:
        inputs = self.cfg.INPUT
        augment = train and not inputs.NO_TRANSFORM
        transform = plain_transform(inputs.SIZE[0], inputs.INTERPOLATION, augment=augment)
        return DataLoader(
            PlainSplit(records, transform, self.annotation_file),
            batch_size,
            shuffle=train,
            drop_last=train,
            collate_fn=Collate(),
            num_workers=self.cfg.DATALOADER.NUM_WORKERS,
        )


class PlainSplit(Dataset):
    """A split whose items have the keys of our own data sets."""

    def __init__(self, records: Sequence[Record], transform: Any, annotation_file: str) -> None:
        self.records = records
        paths = [record.impath for record in records]
        self.images = PlainDataset(paths, transform, annotation_file)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> dict[str, Any]:
        record = self.records[index]
        return {
            "img": self.images[index],  # (3, H, W)
            "label": record.label,  # (C,)
            "index": index,
            "domain": record.domain,
            "impath": record.impath,
        }

"""A trainer of Dassl's kind, written against Dassl's public names alone."""

import torch
from torch import nn

from engine.base_choice import TrainerX


class MeanColour(TrainerX):
    """Mean colour to classes."""

    def build_model(self):
        self.model = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, self.num_classes)
        )
        self.model.to(self.device)
        self.optim = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.sched = torch.optim.lr_scheduler.StepLR(self.optim, 1)
        self.register_model("linear", self.model, self.optim, self.sched)

    def forward_backward(self, batch):
        image, label = self.parse_batch_test(batch)
        loss = nn.functional.binary_cross_entropy_with_logits(self.model(image), label)
        self.model_backward_and_update(loss)
        if self.batch_idx + 1 == self.num_batches:
            self.update_lr()
        return {"loss": loss.item()}

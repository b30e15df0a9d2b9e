"""Averages of an epoch, its progress bar and its log lines in Dassl's format."""

import datetime
import time
from collections.abc import Mapping

import torch
from tqdm import tqdm

from core.distributed import is_main
from core.logging import get_logger

log = get_logger()


class ProgressMeter:
    """Collect what training steps return; show a progress bar and log every ``print_freq`` batches (main process)."""

    def __init__(self, num_batches: int, epoch: int, max_epoch: int, print_freq: int) -> None:
        self.num_batches, self.epoch, self.max_epoch = num_batches, epoch, max_epoch
        self.print_freq = min(print_freq, num_batches)
        self.sums: dict[str, float] = {}
        self.values: dict[str, float] = {}
        self.unread: list[tuple[int, Mapping[str, float | torch.Tensor]]] = []
        self.num_steps = 0
        self.data_time = self.batch_time = self.data_sum = self.batch_sum = 0.0

    def start(self) -> None:
        """Start the clock and the bar (no bar where stderr is not a terminal)."""
        hidden = None if is_main() else True
        self.bar = tqdm(
            total=self.num_batches,
            desc=f"epoch {self.epoch + 1}/{self.max_epoch}",
            leave=False,
            disable=hidden,
        )
        self.clock = time.perf_counter()

    def data_ready(self) -> None:
        """Say that a batch has been loaded."""
        self.data_time = time.perf_counter() - self.clock
        self.data_sum += self.data_time

    def update(
        self, values: Mapping[str, float | torch.Tensor], *, lr: float
    ) -> list[tuple[int, dict[str, float]]]:
        """Take one step's values; return number and values of the steps that are read now.

        Reading a value on another device waits for it, so those are read together when a log line is due.
        """
        self.unread.append((self.num_steps, values))
        self.num_steps += 1
        due = self.num_steps % self.print_freq == 0 or self.num_steps == self.num_batches
        read = self._read() if due or not self.must_wait(values) else []
        self.batch_time = time.perf_counter() - self.clock
        self.batch_sum += self.batch_time
        self.clock = time.perf_counter()
        self.bar.update()
        self.bar.set_postfix_str(
            f"loss {self.values.get('loss', float('nan')):.4f} lr {lr:.2e} eta {self.eta()}"
        )
        if self.num_steps % self.print_freq == 0:
            log.info(self.line(lr))
        return read

    @staticmethod
    def must_wait(values: Mapping[str, float | torch.Tensor]) -> bool:
        """Return whether reading ``values`` waits for a device."""
        return any(
            isinstance(value, torch.Tensor) and value.device.type != "cpu"
            for value in values.values()
        )

    def _read(self) -> list[tuple[int, dict[str, float]]]:
        read = [
            (step, {name: float(value) for name, value in values.items()})
            for step, values in self.unread
        ]
        self.unread.clear()
        for _, values in read:
            for name, value in values.items():
                self.sums[name] = self.sums.get(name, 0.0) + value
        self.values = read[-1][1]
        return read

    def averages(self) -> dict[str, float]:
        """Return the means of the steps that are read."""
        num_read = self.num_steps - len(self.unread)
        return {name: total / num_read for name, total in self.sums.items()}

    def eta(self) -> str:
        """Return the time that is left, to the last epoch."""
        batches = (
            self.num_batches - self.num_steps + (self.max_epoch - self.epoch - 1) * self.num_batches
        )
        return str(
            datetime.timedelta(seconds=int(batches * self.batch_sum / max(self.num_steps, 1)))
        )

    def line(self, lr: float) -> str:
        """Return Dassl's log line."""
        steps, averages = self.num_steps, self.averages()
        return " ".join(
            [
                f"epoch [{self.epoch + 1}/{self.max_epoch}] batch [{steps}/{self.num_batches}]",
                f"time {self.batch_time:.3f} ({self.batch_sum / steps:.3f})",
                f"data {self.data_time:.3f} ({self.data_sum / steps:.3f})",
                *(
                    f"{name} {value:.4f} ({averages[name]:.4f})"
                    for name, value in self.values.items()
                ),
                f"lr {lr:.4e} eta {self.eta()}",
            ]
        )

    def close(self) -> None:
        """Close the bar."""
        self.bar.close()

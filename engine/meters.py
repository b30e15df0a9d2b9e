"""Show the progress of an epoch: a bar, and log lines in Dassl's format."""

import datetime
import time
from collections.abc import Mapping, Sequence

from tqdm import tqdm

from core.config import Key, declare
from core.distributed import is_main
from core.logging import get_logger

log = get_logger()

declare("TRAIN", Key("PRINT_FREQ", 10, "batches between two log lines", low=1, may_change=True))

Values = Mapping[str, float]


class ProgressMeter:
    """Show a progress bar and log a line every ``print_freq`` batches, on the main process.

    Args:
        num_batches: batches of an epoch.
        epoch: number of the epoch, from 0.
        max_epoch: epochs of the run.
        print_freq: batches between two log lines.
    """

    def __init__(self, num_batches: int, epoch: int, max_epoch: int, print_freq: int) -> None:
        self.num_batches = num_batches
        self.epoch = epoch
        self.max_epoch = max_epoch
        self.print_freq = min(print_freq, num_batches)
        self.sums: dict[str, float] = {}
        self.last: Values = {}
        self.num_read = 0
        self.num_steps = 0
        self.data_time = self.data_sum = 0.0
        self.batch_time = self.batch_sum = 0.0

    def start(self) -> None:
        """Start the clock and the bar (no bar where stderr is not a terminal)."""
        self.bar = tqdm(
            total=self.num_batches,
            desc=f"epoch {self.epoch + 1}/{self.max_epoch}",
            leave=False,
            disable=None if is_main() else True,
        )
        self.clock = time.perf_counter()

    def data_ready(self) -> None:
        """Note that a batch has been loaded."""
        self.data_time = time.perf_counter() - self.clock
        self.data_sum += self.data_time

    def update(self, read: Sequence[Values], *, lr: float) -> None:
        """Count one step and show the values that were read since the last one.

        Args:
            read: values by name, for each step that was read since the last call. This may be no
                step or several, because reading each step at once would wait for the device.
            lr: learning rate of the step.
        """
        self.num_steps += 1
        for values in read:
            self._add(values)
        self.batch_time = time.perf_counter() - self.clock
        self.batch_sum += self.batch_time
        self.clock = time.perf_counter()
        loss = self.last.get("loss", float("nan"))
        self.bar.update()
        self.bar.set_postfix_str(f"loss {loss:.4f} lr {lr:.2e} eta {self.eta()}")
        if self.num_steps % self.print_freq == 0:
            log.info(self.line(lr))

    def _add(self, values: Values) -> None:
        self.num_read += 1
        self.last = values
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def averages(self) -> dict[str, float]:
        """Return the mean of each value over the steps that were read."""
        return {name: total / self.num_read for name, total in self.sums.items()}

    def eta(self) -> str:
        """Return the estimated time until the end of the last epoch, as ``H:MM:SS``."""
        rest_of_epoch = self.num_batches - self.num_steps
        later_epochs = (self.max_epoch - self.epoch - 1) * self.num_batches
        per_batch = self.batch_sum / max(self.num_steps, 1)
        return str(datetime.timedelta(seconds=int((rest_of_epoch + later_epochs) * per_batch)))

    def line(self, lr: float) -> str:
        """Return the log line of the present step, in the format that Dassl's parsers read."""
        steps, averages = self.num_steps, self.averages()
        parts = [
            f"epoch [{self.epoch + 1}/{self.max_epoch}] batch [{steps}/{self.num_batches}]",
            f"time {self.batch_time:.3f} ({self.batch_sum / steps:.3f})",
            f"data {self.data_time:.3f} ({self.data_sum / steps:.3f})",
        ]
        for name, value in self.last.items():
            parts.append(f"{name} {value:.4f} ({averages[name]:.4f})")
        parts.append(f"lr {lr:.4e} eta {self.eta()}")
        return " ".join(parts)

    def close(self) -> None:
        """Close the bar."""
        self.bar.close()

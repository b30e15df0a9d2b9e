"""Count the processor cores that this process may use."""

import os


def usable_cores() -> int:
    """Return the number of cores that the scheduler grants this process, at least one.

    It is smaller than the number of cores of the machine under taskset, batch systems and cpusets.
    """
    count = getattr(os, "process_cpu_count", None)  # from Python 3.13
    if count is not None:
        return count() or 1
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1

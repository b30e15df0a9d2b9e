"""How many cores this process may use."""

import os


def usable_cores() -> int:
    """Return the cores that the scheduler grants this process (taskset, batch systems, cpusets), at
    least one.
    """
    count = getattr(os, "process_cpu_count", None)  # Python 3.13; the affinity mask before that
    if count is not None:
        return count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1

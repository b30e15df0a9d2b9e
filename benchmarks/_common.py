"""Measure cases in processes of their own; print JSON lines and a table.

A script has ``prepare(settings) -> Callable[[], None]``: it builds what is measured and returns a
function that runs one repeat. Each form of a case ("ours", "straightforward") runs in a fresh
process, so the peak memory belongs to that form alone. The forms of a case take turns, repeat by
repeat, so that other load on the machine affects all of them.
"""

import argparse
import functools
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
Settings = dict[str, Any]
Result = dict[str, Any]
COLUMNS = ("form", "median ms", "CPU ms", "images/s", "peak MB", "speed-up", "share of memory")

# Run ----------------------------------------------------------------------------------------------


def run(script: str, args: argparse.Namespace, cases: Sequence[Settings]) -> list[Result]:
    """Measure ``cases`` of ``benchmarks.<script>``; print a JSON line per form, then a table.

    Returns:
        One result per case and form.
    """
    results = []
    for case in cases:
        for result in measure(script, forms(args, case), args.repeats, args.warm_up):
            results.append(result)
            emit(result, args.output)
    print("\n" + table(results))
    return results


def emit(result: Result, output: str) -> None:
    """Print a result as a JSON line; also append it to the file ``output`` unless that is empty."""
    line = json.dumps(result)
    print(line, flush=True)
    if output:
        with open(output, "a", encoding="utf-8") as file:
            file.write(line + "\n")


def forms(args: argparse.Namespace, case: Settings) -> list[Settings]:
    """Return the settings of each form of ``case``."""
    common = {"device": args.device, "threads": args.threads or os.cpu_count(), **case}
    settings = [{**common, "form": "ours"}]
    if args.baseline:
        settings.append({**common, "form": "straightforward"})
    return settings


def measure(script: str, forms: Sequence[Settings], repeats: int, warm_up: int = 1) -> list[Result]:
    """Return the result of each form of one case.

    The processes of all forms exist at the same time and take turns.

    Args:
        script: name of the module in ``benchmarks``.
        forms: settings of each form.
        repeats: timed repeats.
        warm_up: repeats before those, not counted: allocation, caches, compilation.
    """
    workers = [Worker(script, settings) for settings in forms]
    times: list[list[dict]] = [[] for _ in workers]
    try:
        for number in range(warm_up + repeats):
            for worker, taken in zip(workers, times, strict=True):
                turn = worker.turn()
                if number >= warm_up:
                    taken.append(turn)
        ends = [worker.finish() for worker in workers]
    finally:
        for worker in workers:
            worker.process.kill()
    results = []
    for settings, taken, end in zip(forms, times, ends, strict=True):
        results.append(_result(script, settings, taken, end))
    return results


def _result(script: str, settings: Settings, times: list[dict], end: dict) -> Result:
    seconds = [turn["seconds"] for turn in times]
    cpu_seconds = [turn["cpu_seconds"] for turn in times]
    median = statistics.median(seconds)
    result = {
        "name": script,
        "settings": settings,
        "median": round(1000 * median, 2),
        "unit": "ms",
        "repeats": [round(1000 * value, 2) for value in seconds],
        "cpu_ms": round(1000 * statistics.median(cpu_seconds), 2),
    }
    if settings.get("num_images"):
        result["images_per_s"] = round(settings["num_images"] / median, 3)
    return {**result, **end, **machine()}


# Processes ----------------------------------------------------------------------------------------


class Worker:
    """One form of a case in its own process, which answers each line of text with JSON."""

    def __init__(self, script: str, settings: Settings) -> None:
        command = [sys.executable, "-m", f"benchmarks.{script}", "--worker", json.dumps(settings)]
        threads = str(settings["threads"])
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
        )

    def turn(self) -> dict[str, float]:
        """Run one repeat; return its ``seconds`` and ``cpu_seconds``."""
        return self._ask("turn")

    def finish(self) -> dict[str, float]:
        """End the process; return its peak memory in MiB."""
        return self._ask("finish")

    def _ask(self, word: str) -> dict[str, float]:
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        status = self.process.wait()
        if status == 2:  # a user's mistake, which the process has already printed
            raise SystemExit(2)
        raise SystemExit(f"a benchmark process ended with status {status}; its error is above")


def is_worker(args: argparse.Namespace, prepare: Callable[[Settings], Callable[[], None]]) -> bool:
    """Serve and return True where the flags are those of a measuring process."""
    if not args.worker:
        return False
    serve(prepare, json.loads(args.worker))
    return True


def serve(prepare: Callable[[Settings], Callable[[], None]], settings: Settings) -> None:
    """Run as a worker: build, then answer each line on stdin with a time or the peak memory."""
    import torch

    before = _peak_rss()
    repeat = prepare(settings)
    on_cuda = settings["device"] == "cuda"
    if on_cuda:
        torch.cuda.reset_peak_memory_stats()
    for line in sys.stdin:
        if line.strip() == "finish":
            answer = _peak_memory(before, on_cuda)
        else:
            answer = _timed(repeat, on_cuda)
        print(json.dumps(answer), flush=True)


def _timed(repeat: Callable[[], None], on_cuda: bool) -> dict[str, float]:
    import torch

    wall, cpu = time.perf_counter(), time.process_time()
    repeat()
    if on_cuda:
        torch.cuda.synchronize()
    return {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}


def _peak_memory(before: float, on_cuda: bool) -> dict[str, int]:
    import torch

    peak = _peak_rss()
    if on_cuda:
        used = torch.cuda.max_memory_allocated() / 2**20
    else:
        used = peak - before
    return {"peak_memory_mb": round(used), "peak_rss_mb": round(peak)}


def _peak_rss() -> float:
    """Return the peak resident memory of this process so far in MiB."""
    unit = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


# Machine ------------------------------------------------------------------------------------------


@functools.cache
def machine() -> dict[str, Any]:
    """Return processor, GPU, versions, commit and load: what the numbers depend on beside code."""
    import torch

    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "commit": _commit(),
        "load": round(os.getloadavg()[0], 2),  # over one minute, at the first result
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    for line in lines:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return result.stdout.strip() or "unknown"


# Table --------------------------------------------------------------------------------------------


def table(results: Sequence[Result]) -> str:
    """Return a Markdown table with a row per result.

    "speed-up" is the straightforward form's median time over ours, "share of memory" is our peak
    memory over the straightforward form's. Both need a result of each form of the same case.
    """
    varying = _varying_settings(results)
    rows = [[*varying, *COLUMNS]]
    for result in results:
        case = [str(result["settings"].get(name)) for name in varying]
        rows.append([*case, *_cells(result, _plain_of(result, results))])
    return markdown(rows)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; the first row is its header."""
    header, *others = rows
    lines = []
    for row in [header, ["---"] * len(header), *others]:
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def _varying_settings(results: Sequence[Result]) -> list[str]:
    """Return the settings, except the form, in which the results differ."""
    varying = []
    for name in results[0]["settings"]:
        values = {str(result["settings"].get(name)) for result in results}
        if len(values) > 1 and name != "form":
            varying.append(name)
    return varying


def _cells(result: Result, plain: Result | None) -> list[str]:
    """Return a row of :data:`COLUMNS`; ``plain`` is the straightforward form's result."""
    form, rate = result["settings"]["form"], result.get("images_per_s")
    cells = [form, f"{result['median']:.1f}", f"{result['cpu_ms']:.1f}"]
    cells.append("" if rate is None else f"{rate:.2f}")
    cells.append(str(result["peak_memory_mb"]))
    if plain is None or form != "ours":
        return [*cells, "", ""]
    speed_up = plain["median"] / result["median"]
    share = result["peak_memory_mb"] / max(plain["peak_memory_mb"], 1)
    return [*cells, f"{speed_up:.2f}x", f"{share:.2f}"]


def _plain_of(result: Result, results: Sequence[Result]) -> Result | None:
    """Return the straightforward form's result of the same case, or None."""
    wanted = {**result["settings"], "form": "straightforward"}
    for other in results:
        if other["settings"] == wanted:
            return other
    return None

"""Facts about a run that is not in its configuration: command, source code, versions, hardware."""

import hashlib
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from core.cpu import usable_cores
from core.distributed import read_launch, world_size
from core.files import PROJECT
from engine.base_choice import BASE
from engine.own_code import digest_modules

# Code that the numbers of a run can depend on; tests, documents and tools are not part of it.
SOURCES = ("core", "datasets", "models", "losses", "evaluation", "engine", "trainers", "train.py")
SOURCE_SUFFIXES = (".py", ".yaml", ".json")

PACKAGES = {
    "torch": "torch",
    "torchvision": "torchvision",
    "open_clip": "open_clip_torch",
    "numpy": "numpy",
    "pillow": "Pillow",
    "yacs": "yacs",
}

# Variables that change the numbers or the devices of a run.
VARIABLES = (
    "INTCLIP_BASE",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
    "CUBLAS_WORKSPACE_CONFIG",
    "NVIDIA_TF32_OVERRIDE",
    "ATEN_CPU_CAPABILITY",
)

GIT_SECONDS = 10  # a repository on a slow disk must not delay a run for longer
MAX_CHANGED = 20  # changed files that a card names


# Command ------------------------------------------------------------------------------------------


def describe_command(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the command of this run, and where it was given.

    Args:
        argv: arguments of ``train.py``, for a caller that passes them to ``train.main``; None: the
            command line of this process, whatever its program is.

    Returns:
        ``command``, one line for a shell; ``argv``, its words without launcher and variables;
        ``folder``, the working folder relative to the project; ``variables``, those of
        :data:`VARIABLES` that are set.
    """
    words = process_command() if argv is None else ["python", "train.py", *argv]
    variables = {name: os.environ[name] for name in VARIABLES if os.environ.get(name)}
    return {
        "command": command_line(words, variables, os.environ),
        "argv": words,
        "folder": relative_folder(Path.cwd()),
        "variables": variables,
    }


def process_command() -> list[str]:
    """Return the command line of this process, with ``python`` for the path of the interpreter."""
    words = list(sys.orig_argv[1:])
    if words[:1] == ["-u"]:  # torchrun starts its processes so
        del words[0]
    return ["python", *words]


def command_line(
    words: Sequence[str], variables: Mapping[str, str], environ: Mapping[str, str]
) -> str:
    """Return the line that starts a run again in a POSIX shell.

    Args:
        words: command of one process, ``python`` first.
        variables: environment variables to set in front of it.
        environ: environment of the process; it says how many processes the run has.
    """
    place = read_launch(environ)
    if place is not None:
        local = place["LOCAL_WORLD_SIZE"]
        launcher = ["torchrun", "--nproc-per-node", str(local)]
        if place["WORLD_SIZE"] > local:
            launcher += ["--nnodes", str(place["WORLD_SIZE"] // local)]
        words = [*launcher, *words[1:]]
    settings = [f"{name}={quote(value)}" for name, value in variables.items()]
    return " ".join([*settings, *map(quote, words)])


def quote(word: str) -> str:
    """Return a word as a POSIX shell takes it; double quotes where they read better."""
    if "'" in word and not set(word) & set('"$`!\\'):
        return f'"{word}"'
    return shlex.quote(word)


def relative_folder(folder: Path) -> str:
    """Return ``folder`` relative to the project's folder, with ``/``; the project itself is ``.``

    A folder on another drive has no relative path and is returned as it is.
    """
    try:
        return Path(os.path.relpath(folder, PROJECT)).as_posix()
    except ValueError:  # Windows
        return folder.as_posix()


# Source code --------------------------------------------------------------------------------------


def describe_code(modules: Iterable[str] = ()) -> dict[str, Any]:
    """Return version, commit and digest of the source code.

    Args:
        modules: the user's own modules, ``IMPORTS`` of the configuration; imported before.

    Returns:
        ``version``; ``commit``, None without git; ``dirty``, whether tracked files differ from the
        commit or new files lie beside them; ``changed``, the first of these files; ``digest`` over
        the files of :data:`SOURCES`; ``imports``, digest of the file of each own module.
    """
    commit = changed = None
    # A copy of the project inside another repository is not part of that one's history.
    if _git("ls-files", "--error-unmatch", "core/files.py"):
        commit = _git("rev-parse", "HEAD").strip() or None
        changed = [line[3:] for line in _git("status", "--porcelain", "--", ".").splitlines()]
    return {
        "version": project_version(),
        "commit": commit,
        "dirty": None if changed is None else bool(changed),
        "changed": (changed or [])[:MAX_CHANGED],
        "digest": digest_sources(PROJECT),
        "imports": digest_modules(modules),
    }


def project_version() -> str:
    """Return the version in ``pyproject.toml``."""
    text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "([^"]+)"', text, flags=re.MULTILINE)
    return found[1] if found else ""


def digest_sources(root: Path) -> str:
    """Return a digest over names and content of all files of :data:`SOURCES` below ``root``."""
    digest = hashlib.sha256()
    for name in SOURCES:
        place = root / name
        files = [place] if place.is_file() else sorted(place.rglob("*"))
        for file in files:
            if file.suffix in SOURCE_SUFFIXES and file.is_file():
                # Line ends differ between checkouts on Windows and elsewhere.
                content = file.read_bytes().replace(b"\r\n", b"\n")
                digest.update(f"{file.relative_to(root).as_posix()}\0{len(content)}\0".encode())
                digest.update(content)
    return digest.hexdigest()


def _git(*arguments: str) -> str:
    """Return what git prints in the project's folder; empty where git or the history is missing."""
    command = ["git", "-C", str(PROJECT), *arguments]
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=GIT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout if result.returncode == 0 else ""


# Versions and hardware ----------------------------------------------------------------------------


def describe_versions() -> dict[str, str]:
    """Return the versions of Python, of the packages that numbers depend on, and of CUDA."""
    versions = {"python": platform.python_version()}
    for name, package in PACKAGES.items():
        try:
            versions[name] = version(package)
        except PackageNotFoundError:
            continue
    # The package's version leaves out the build, such as +cu130.
    versions["torch"] = str(torch.__version__)
    versions["base"] = BASE
    if BASE == "dassl":
        import dassl

        versions["dassl"] = dassl.__version__
    if torch.cuda.is_available():
        versions["cuda"] = str(torch.version.cuda or torch.version.hip)
        versions["cudnn"] = str(torch.backends.cudnn.version())
    return versions


def describe_hardware(device: torch.device) -> dict[str, Any]:
    """Return processor, cores, threads and device of this process.

    Args:
        device: device of the network.
    """
    hardware = {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu_name(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cores": usable_cores(),
        "threads": torch.get_num_threads(),
        "device": device.type,
        "processes": world_size(),
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        hardware["device"] = properties.name
        hardware["device_memory_gib"] = round(properties.total_memory / 2**30, 1)
    return hardware


def cpu_name() -> str:
    """Return the name of the processor's model."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", text, flags=re.MULTILINE)
    return found[1].strip() if found else platform.machine()

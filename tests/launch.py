"""Start a script on two processes with torchrun."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def torchrun(*arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    """Run ``torchrun --nproc-per-node 2 ARGUMENTS`` in ``cwd``; return the result, output as text.

    The launcher leaves log folders in the temporary folder. It gets a temporary folder of its own,
    which is deleted afterwards.
    """
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", *arguments]
    with tempfile.TemporaryDirectory(prefix="launch_") as folder:
        own = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TMPDIR": folder}
        return subprocess.run(
            command,
            cwd=cwd,
            capture_output=True,
            text=True,
            # A rank that hangs waits for TRAIN.TIMEOUT, which must end first.
            timeout=1200,
            env={**os.environ, **own},
        )

#!/usr/bin/env bash
# Train IntCLIP for three seeds on the GPUs of one machine; arguments and environment as for train.sh:
#   DATA=/path/to/datasets bash scripts/intclip/train_multi_gpu.sh [DATASET] [CFG] [KEY VALUE ...]
# NPROC is the number of processes (default: one for each visible GPU). The batch of the configuration is shared among
# them, so it must be a multiple of NPROC, and the learning rate stays as it is.
set -euo pipefail
cd "$(dirname "$0")/../.."
source scripts/intclip/run_seeds.sh
NPROC="${NPROC:-$("$PYTHON" -c 'import torch; print(torch.cuda.device_count())')}"
if [ "$NPROC" = 0 ]; then
  echo "error: no GPU is visible; set NPROC to the number of processes to train on the CPU" >&2
  exit 2
fi
LAUNCH=("$PYTHON" -m torch.distributed.run --standalone --nproc-per-node "$NPROC")
run_seeds "$@"

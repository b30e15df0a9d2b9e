#!/usr/bin/env bash
#SBATCH --job-name=intclip
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --time=24:00:00
#SBATCH --output=slurm-%j.log
# Train IntCLIP for three seeds on the GPUs of several machines; arguments and environment as for train.sh. Submit it in
# the project's folder, on a file system that all machines see; options of sbatch override those above:
#   DATA=/path/to/datasets sbatch --nodes 2 --gpus-per-node 8 scripts/intclip/slurm.sh [DATASET] [CFG] [KEY VALUE ...]
# NPROC is the number of processes of each machine (default: its GPUs). Submit the same job again to resume after the
# last finished epoch, on any number of machines that divides the batch.
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-$(dirname "$0")/../..}" # sbatch runs a copy that lies elsewhere
if [ ! -f scripts/intclip/run_seeds.sh ]; then
  echo "error: $PWD is not the project's folder; submit the job from there" >&2
  exit 2
fi
source scripts/intclip/run_seeds.sh
NODES="${SLURM_NNODES:-1}"
NPROC="${NPROC:-${SLURM_GPUS_ON_NODE:-0}}"
JOB="${SLURM_JOB_ID:-0}"
if [ "$NPROC" = 0 ]; then
  echo "error: the job has no GPU; give sbatch --gpus-per-node, or set NPROC to train on the CPU" >&2
  exit 2
fi
HEAD=localhost
if [ -n "${SLURM_JOB_NODELIST:-}" ]; then
  HEAD="$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)"
fi
LAUNCH=(srun --nodes "$NODES" --ntasks "$NODES" --ntasks-per-node 1 --kill-on-bad-exit=1)
if [ -n "${SLURM_CPUS_PER_TASK:-}" ]; then
  LAUNCH+=(--cpus-per-task "$SLURM_CPUS_PER_TASK") # srun does not take it over from sbatch
fi
LAUNCH+=("$PYTHON" -m torch.distributed.run --nnodes "$NODES" --nproc-per-node "$NPROC"
  --rdzv-backend c10d --rdzv-id "$JOB" --rdzv-endpoint "$HEAD:$((20000 + JOB % 20000))")
run_seeds "$@"

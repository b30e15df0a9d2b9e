#!/usr/bin/env bash
# Train IntCLIP for three seeds on one GPU: bash scripts/intclip/train.sh [DATASET] [CFG] [KEY VALUE ...]
# DATA is the folder that holds the data sets: DATA=/path/to/datasets bash scripts/intclip/train.sh intentonomy rn101
# DRY_RUN=1 only prints the commands.
set -euo pipefail
cd "$(dirname "$0")/../.."
source scripts/intclip/run_seeds.sh
LAUNCH=("$PYTHON")
run_seeds "$@"

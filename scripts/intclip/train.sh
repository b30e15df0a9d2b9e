#!/usr/bin/env bash
# Train IntCLIP for three seeds: bash scripts/intclip/train.sh [DATASET] [CFG] [KEY VALUE ...]
# DATA is the folder that holds the data sets: DATA=/path/to/datasets bash scripts/intclip/train.sh intentonomy rn101
set -euo pipefail
cd "$(dirname "$0")/../.."
DATA="${DATA:?set DATA to the folder that holds the data sets}"
DATASET="${1:-intentonomy}"
CFG="${2:-rn101}"
shift $(($# < 2 ? $# : 2))
for SEED in 1 2 3; do
  DIR="output/${DATASET}/IntCLIP/${CFG}/seed${SEED}"
  if [ -f "${DIR}/metrics.json" ]; then
    echo "Oops! The results exist at ${DIR} (so skip this job)"
    continue
  fi
  .venv/bin/python train.py --root "${DATA}/${DATASET}" --seed "${SEED}" --trainer IntCLIP \
    --dataset-config-file "configs/datasets/${DATASET}.yaml" --config-file "configs/trainers/IntCLIP/${CFG}.yaml" \
    --output-dir "${DIR}" "$@"
done

#!/usr/bin/env bash
# Train on the first half of the classes (base), with prompts that all classes share:
#   DATA=/path/to/datasets bash scripts/coop/base2new_train.sh DATASET CFG [SHOTS] [KEY VALUE ...]
# TRAINER=DualCoOp chooses another method; DRY_RUN=1 only prints. base2new_test.sh evaluates on the new classes.
set -euo pipefail
cd "$(dirname "$0")/../.."
source scripts/coop/common.sh
base2new_arguments "$@"
for SEED in $SEEDS; do
  launch "output/base2new/train_base/${COMMON}/seed${SEED}" \
    "$DATASET" "$CFG" "$SEED" DATASET.NUM_SHOTS "$SHOTS" DATASET.SUBSAMPLE_CLASSES base "${SECTION}.CSC" False ${REST[@]+"${REST[@]}"}
done

#!/usr/bin/env bash
# Evaluate runs of base2new_train.sh on the other half of the classes (new):
#   DATA=/path/to/datasets bash scripts/coop/base2new_test.sh DATASET CFG [SHOTS] [KEY VALUE ...]
set -euo pipefail
cd "$(dirname "$0")/../.."
source scripts/coop/common.sh
base2new_arguments "$@"
for SEED in $SEEDS; do
  launch "output/base2new/test_new/${COMMON}/seed${SEED}" "$DATASET" "$CFG" "$SEED" \
    --eval-only --model-dir "output/base2new/train_base/${COMMON}/seed${SEED}" \
    DATASET.SUBSAMPLE_CLASSES new "${SECTION}.CSC" False ${REST[@]+"${REST[@]}"}
done

#!/usr/bin/env bash
# Evaluate runs of base2new_train.sh on the other half of the classes (new):
#   DATA=/path/to/datasets bash scripts/coop/base2new_test.sh DATASET CFG [SHOTS] [KEY VALUE ...]
set -euo pipefail
cd "$(dirname "$0")/../.."
source scripts/coop/common.sh
if [ $# -lt 2 ]; then
  echo "error: expected DATASET CFG [SHOTS], such as: emoset rn101 16" >&2
  exit 2
fi
DATASET="$1" CFG="$2" SHOTS="${3:-16}"
shift $(($# < 3 ? $# : 3))
check_data "$DATASET" "$CFG"
COMMON="${DATASET}/shots_${SHOTS}/${TRAINER}/${CFG}"
for SEED in $SEEDS; do
  launch "output/base2new/test_new/${COMMON}/seed${SEED}" "$DATASET" "$CFG" "$SEED" \
    --eval-only --model-dir "output/base2new/train_base/${COMMON}/seed${SEED}" \
    DATASET.SUBSAMPLE_CLASSES new "${SECTION}.CSC" False "$@"
done

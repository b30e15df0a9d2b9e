#!/usr/bin/env bash
# Evaluate few-shot runs of main.sh (CSC False) on another data set:
#   DATA=/path/to/datasets bash scripts/coop/xd_test.sh SOURCE TARGET CFG NCTX SHOTS [KEY VALUE ...]
#   DATA=/path/to/datasets bash scripts/coop/xd_test.sh emoset artphoto rn101 16 4
set -euo pipefail
cd "$(dirname "$0")/../.."
source scripts/coop/common.sh
need 5 "SOURCE TARGET CFG NCTX SHOTS, such as: emoset artphoto rn101 16 4" "$@"
SOURCE="$1" TARGET="$2" CFG="$3" NCTX="$4" SHOTS="$5"
shift 5
check_data "$TARGET" "$CFG"
COMMON="${TRAINER}/${CFG}_${SHOTS}shots/nctx${NCTX}_cscFalse_ctpend"
for SEED in $SEEDS; do
  launch "output/evaluation/${SOURCE}/${TARGET}/${COMMON}/seed${SEED}" "$TARGET" "$CFG" "$SEED" \
    --eval-only --model-dir "output/${SOURCE}/${COMMON}/seed${SEED}" \
    "${SECTION}.N_CTX_POS" "$NCTX" "${SECTION}.N_CTX_NEG" "$NCTX" "${SECTION}.CSC" False "$@"
done

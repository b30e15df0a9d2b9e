#!/usr/bin/env bash
# Few-shot training with CoOp's arguments and folder names:
#   DATA=/path/to/datasets bash scripts/coop/main.sh DATASET CFG CTP NCTX SHOTS CSC [KEY VALUE ...]
#   DATA=/path/to/datasets bash scripts/coop/main.sh emoset rn101 end 16 4 False
# CTP, the place of the class name, can only be end. TRAINER=DualCoOp chooses another method; DRY_RUN=1 only prints.
set -euo pipefail
cd "$(dirname "$0")/../.."
source scripts/coop/common.sh
need 6 "DATASET CFG CTP NCTX SHOTS CSC, such as: emoset rn101 end 16 4 False" "$@"
DATASET="$1" CFG="$2" CTP="$3" NCTX="$4" SHOTS="$5" CSC="$6"
shift 6
if [ "$CTP" != end ]; then
  echo "error: CTP is '$CTP'; accepted: end" >&2
  exit 2
fi
check_data "$DATASET" "$CFG"
for SEED in $SEEDS; do
  launch "output/${DATASET}/${TRAINER}/${CFG}_${SHOTS}shots/nctx${NCTX}_csc${CSC}_ctp${CTP}/seed${SEED}" \
    "$DATASET" "$CFG" "$SEED" DATASET.NUM_SHOTS "$SHOTS" \
    "${SECTION}.N_CTX_POS" "$NCTX" "${SECTION}.N_CTX_NEG" "$NCTX" "${SECTION}.CSC" "$CSC" "$@"
done

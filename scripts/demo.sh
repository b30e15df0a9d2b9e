#!/usr/bin/env bash
# Draw scenes, compare zero-shot CLIP, DualCoOp and IntCLIP on them (one seed), show what IntCLIP predicts.
# Further arguments override keys of all three: bash scripts/demo.sh OPTIM.MAX_EPOCH 4 (with another OUT_DIR)
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup_env.sh
setup_env requirements.txt
root="data/scenes/demo"
out="${OUT_DIR:-output/demo}"
.venv/bin/python -m tools.scenes.make --root "$root" --seed 21
exec 3< <(.venv/bin/python -m tools.scenes.ceiling --root "$root") # computed meanwhile, read below
for trainer in ZeroshotCLIP DualCoOp IntCLIP; do
  .venv/bin/python train.py --root "$root" --seed 1 --trainer "$trainer" \
    --dataset-config-file configs/datasets/scenes.yaml --config-file "configs/trainers/$trainer/scenes.yaml" \
    --output-dir "$out/$trainer/seed1" TEST.PREDICTIONS True TEST.BOOTSTRAP 200 \
    TRAIN.FEATURE_CACHE "$out/features" "$@"
done
.venv/bin/python -m tools.compare_runs "$out"/{ZeroshotCLIP,DualCoOp,IntCLIP}/seed1 --swaps 500 \
  --output-dir "$out/comparison"
read -r ceiling <&3
.venv/bin/python -m tools.contact_sheet "$out/IntCLIP/seed1/predictions.csv" --output "$out/contact_sheet.png" \
  --title "IntCLIP on drawn pictures that it has not seen, chosen at random" \
  --ceiling "$ceiling"
echo "Report: $out/IntCLIP/seed1/report.html; comparison: $out/comparison/comparison.html"
echo "Predictions: $out/IntCLIP/seed1/predictions.csv; pictures: $out/contact_sheet.png"

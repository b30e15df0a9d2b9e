#!/usr/bin/env bash
# Generate the demo data, train IntCLIP on it and evaluate. Further arguments override keys: bash scripts/demo.sh SEED 2
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup_env.sh
setup_env requirements.txt
root="data/demo"
out="${OUT_DIR:-output/demo/IntCLIP/demo/seed1}"
.venv/bin/python tools/make_demo_data.py --root "$root"
.venv/bin/python train.py --root "$root" --seed 1 --trainer IntCLIP \
  --dataset-config-file configs/datasets/demo.yaml --config-file configs/trainers/IntCLIP/demo.yaml \
  --output-dir "$out" "$@"
echo "Output folder: $out"

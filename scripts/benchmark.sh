#!/usr/bin/env bash
# Compare all methods on drawn scenes.
#   bash scripts/benchmark.sh [--seeds N] [--splits N] [--only METHOD ...] [--help]
# Finished runs are kept in output/benchmark. After an interrupt, the same command runs the rest.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup_env.sh
setup_env requirements.txt
exec .venv/bin/python -m benchmarks.methods "$@"

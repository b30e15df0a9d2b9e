#!/usr/bin/env bash
# Compare all methods on drawn scenes: bash scripts/benchmark.sh [--seeds N] [--splits N] [--only METHOD ...] [--help]
# Finished runs are kept in output/benchmark and never run again: interrupt it and start it again at will.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup_env.sh
setup_env requirements.txt
exec .venv/bin/python -m benchmarks.methods "$@"

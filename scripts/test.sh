#!/usr/bin/env bash
# Format check, lint and tests. The tests marked slow run only with --all.
#   bash scripts/test.sh                  all packages
#   bash scripts/test.sh losses models    only tests/losses and tests/models
#   bash scripts/test.sh --all            the slow tests too
# Further arguments go to pytest: bash scripts/test.sh evaluation -k threshold
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup_env.sh
setup_env requirements-test.txt
selection=(-m "not slow")
if [ "${1:-}" = --all ]; then
  selection=()
  setup_env requirements-export.txt # for the tests of the ONNX export, which are skipped without
  shift
fi
while [ $# -gt 0 ] && [ -d "tests/$1" ]; do
  selection+=("tests/$1")
  shift
done
.venv/bin/ruff check .
.venv/bin/ruff format --check .
exec .venv/bin/python -m pytest "${selection[@]}" "$@"

#!/usr/bin/env bash
# Format check, lint and tests. The tests marked slow run only with --all.
#   bash scripts/test.sh                  all packages
#   bash scripts/test.sh losses models    only tests/losses and tests/models
#   bash scripts/test.sh --all            the slow tests too, and those of the browser app in .venv-app
# Further arguments go to pytest: bash scripts/test.sh evaluation -k threshold
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup_env.sh
setup_env requirements-test.txt
selection=(-m "not slow")
app=""
if [ "${1:-}" = --all ]; then
  selection=()
  setup_env requirements-export.txt # for the tests of the ONNX export, which are skipped without
  shift
  if [ $# -eq 0 ] || [[ " $* " == *" app "* ]]; then app=yes; fi
fi
while [ $# -gt 0 ] && [ -d "tests/$1" ]; do
  selection+=("tests/$1")
  shift
done
.venv/bin/ruff check .
.venv/bin/ruff format --check .
# Processes of one thread each share the test files. For a debugger, add: -n 0
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
processes="$(.venv/bin/python -c 'from core.cpu import usable_cores; print(min(usable_cores(), 8))')"
.venv/bin/python -m pytest -n "$processes" --dist loadfile "${selection[@]}" "$@"
if [ -n "$app" ]; then
  setup_app_env
  .venv-app/bin/python -m pytest tests/app "$@"
fi

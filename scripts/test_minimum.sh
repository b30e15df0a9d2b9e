#!/usr/bin/env bash
# Run the tests with the lowest versions that the requirements files admit, in an environment of their own.
# Python 3.10 is the default because all of these versions have wheels for it. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup_env.sh
PYTHON="${PYTHON:-python3.10}"
make_env .venv-minimum
lowest_versions > .venv-minimum/lowest.txt
install .venv-minimum .venv-minimum/lowest.txt
exec .venv-minimum/bin/python -m pytest "$@"

# Make or reuse .venv and install a requirements file into it. Sourced: setup_env <requirements file>
setup_env() {
  local requirements="$1" python="" candidate stamp
  if [ ! -x .venv/bin/python ]; then
    for candidate in "${PYTHON:-}" python3 python3.12 python3.11 python3.10; do
      if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2])' 2>/dev/null; then
        python="$candidate"
        break
      fi
    done
    if [ -z "$python" ]; then
      echo "error: no Python 3.10 or newer was found; install one or set PYTHON=/path/to/python3" >&2
      return 2
    fi
    echo "Creating .venv with $("$python" --version)"
    "$python" -m venv .venv || { echo "error: '$python -m venv' failed; install the venv package of your system" >&2; return 2; }
  fi
  stamp=".venv/.installed-$(basename "$requirements")"
  if ! cat requirements*.txt | cmp -s - "$stamp"; then
    echo "Installing $requirements into .venv (about 5 GB with CUDA libraries the first time)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$requirements" || return 2
    cat requirements*.txt > "$stamp"
  fi
}

# Create or reuse a virtual environment and install requirements into it. To be sourced: setup_env REQUIREMENTS_FILE
# PYTHON selects the interpreter of a new environment: PYTHON=/path/to/python3.12 bash scripts/test.sh
OLDEST=10 # Python 3.10
NEWEST=13 # Python 3.13

# Print the version of an interpreter, such as 3.11, or nothing when it does not run.
python_version() {
  "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true
}

is_supported() {
  local minor="${1#3.}"
  [ "$1" = "3.$minor" ] && [ "$minor" -ge "$OLDEST" ] 2>/dev/null && [ "$minor" -le "$NEWEST" ]
}

# Print the interpreter for a new environment; without a suitable one, say what was found instead.
find_python() {
  local candidate version found=""
  local candidates=(python3 python3.13 python3.12 python3.11 python3.10)
  if [ -n "${PYTHON:-}" ]; then candidates=("$PYTHON"); fi
  for candidate in "${candidates[@]}"; do
    version="$(python_version "$candidate")"
    if is_supported "$version"; then
      echo "$candidate"
      return
    fi
    found+=", $candidate is ${version:-missing}"
  done
  echo "error: IntCLIP needs Python 3.$OLDEST to 3.$NEWEST$found; set PYTHON=/path/to/python3" >&2
  return 2
}

# make_env FOLDER: create the environment FOLDER, or check the one that is there.
make_env() {
  local folder="$1" python version
  if [ ! -x "$folder/bin/python" ]; then
    python="$(find_python)" || return 2
    echo "Creating $folder with $("$python" --version)"
    if ! "$python" -m venv "$folder"; then
      echo "error: '$python -m venv' failed; install the venv package of your system" >&2
      return 2
    fi
  fi
  version="$(python_version "$folder/bin/python")"
  if ! is_supported "$version"; then
    echo "error: IntCLIP needs Python 3.$OLDEST to 3.$NEWEST, $folder has ${version:-none}; delete $folder" >&2
    return 2
  fi
  if [ -n "${PYTHON:-}" ] && [ "$(python_version "$PYTHON")" != "$version" ]; then
    echo "note: PYTHON is ignored, $folder exists and has Python $version" >&2
  fi
}

# install FOLDER FILE: install the requirements FILE into the environment FOLDER, again when requirements changed.
install() {
  local folder="$1" file="$2" stamp
  stamp="$folder/.installed-$(basename "$file")"
  if cat requirements*.txt | cmp -s - "$stamp"; then return; fi
  echo "Installing $file into $folder (up to 5 GB with CUDA libraries the first time)"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$file" || return 2
  cat requirements*.txt > "$stamp"
}

setup_env() {
  make_env .venv || return 2
  install .venv "$1"
}

# Create or reuse .venv-app for the tests of the browser app: the packages of .venv, which must be there, and gradio. It
# is an environment of its own, because gradio admits only older versions of some packages.
setup_app_env() {
  local folder='import sysconfig; print(sysconfig.get_path("purelib"))'
  PYTHON="$PWD/.venv/bin/python" make_env .venv-app || return 2
  .venv/bin/python -c "$folder" > "$(.venv-app/bin/python -c "$folder")/venv.pth"
  install .venv-app requirements-app-test.txt
}

# Print the lowest admitted version of every requirement: "numpy>=1.26" becomes "numpy==1.26". The app's are left
# out: gradio needs newer versions of some packages.
lowest_versions() {
  sed -e '/^-r/d' -e 's/>=\([^,]*\).*/==\1/' requirements.txt requirements-test.txt requirements-export.txt
}

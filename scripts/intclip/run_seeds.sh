# Train IntCLIP for three seeds, each with the command in the array LAUNCH. Sourced by the launchers beside this file:
# run_seeds [DATASET] [CFG] [KEY VALUE ...], with DATA, the folder that holds the data sets; DRY_RUN=1 only prints.
# PYTHON is the interpreter (default: that of .venv, else python).
if [ -z "${PYTHON:-}" ]; then
  PYTHON=python
  if [ -x .venv/bin/python ]; then PYTHON=.venv/bin/python; fi
fi

known_file() {
  if [ ! -f "$1" ]; then
    echo "error: there is no $1; beside it are: $(cd "$(dirname "$1")" && printf '%s ' *.yaml)" >&2
    return 2
  fi
}

# run_once DIR COMMAND...: run a command unless DIR has results; DRY_RUN=1 only prints it
run_once() {
  local dir="$1"
  shift
  if [ -f "${dir}/metrics.json" ]; then
    echo "Oops! The results exist at ${dir} (so skip this job)"
  elif [ "${DRY_RUN:-0}" = 1 ]; then
    printf '%q ' "$@"
    echo
  else
    "$@"
  fi
}

run_seeds() {
  local data="${DATA:-}"
  if [ -z "$data" ]; then
    echo "error: set DATA to the folder that holds the data sets: DATA=/path/to/datasets bash scripts/intclip/..." >&2
    return 2
  fi
  local dataset="${1:-intentonomy}" cfg="${2:-rn101}" seed dir
  shift $(($# < 2 ? $# : 2))
  known_file "configs/datasets/${dataset}.yaml" && known_file "configs/trainers/IntCLIP/${cfg}.yaml" || return 2
  for seed in 1 2 3; do
    dir="output/${dataset}/IntCLIP/${cfg}/seed${seed}"
    run_once "$dir" "${LAUNCH[@]}" train.py --root "${data}/${dataset}" --seed "${seed}" --trainer IntCLIP \
      --dataset-config-file "configs/datasets/${dataset}.yaml" --config-file "configs/trainers/IntCLIP/${cfg}.yaml" \
      --output-dir "${dir}" "$@"
  done
}

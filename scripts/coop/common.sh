# Functions of the launchers beside this file, which source it. They read the variables DATA, the folder that holds the
# data sets, TRAINER (default IntCLIP), SEEDS (default "1 2 3"), PYTHON, and DRY_RUN=1, which only prints the commands.
source scripts/intclip/run_seeds.sh
TRAINER="${TRAINER:-IntCLIP}"
SECTION="TRAINER.${TRAINER^^}"
SEEDS="${SEEDS:-1 2 3}"

check_data() {
  if [ -z "${DATA:-}" ]; then
    echo "error: set DATA to the folder that holds the data sets: DATA=/path/to/datasets bash scripts/coop/..." >&2
    return 2
  fi
  known_file "configs/datasets/$1.yaml" && known_file "configs/trainers/${TRAINER}/$2.yaml"
}

# launch DIR DATASET CFG SEED [further arguments of train.py]
launch() {
  local dir="$1" dataset="$2" cfg="$3" seed="$4" command
  shift 4
  if [ -f "${dir}/metrics.json" ]; then
    echo "Oops! The results exist at ${dir} (so skip this job)"
    return 0
  fi
  command=("$PYTHON" train.py --root "${DATA}/${dataset}" --seed "${seed}" --trainer "${TRAINER}"
    --dataset-config-file "configs/datasets/${dataset}.yaml" --config-file "configs/trainers/${TRAINER}/${cfg}.yaml"
    --output-dir "${dir}" "$@")
  if [ "${DRY_RUN:-0}" = 1 ]; then
    printf '%q ' "${command[@]}"
    echo
  else
    "${command[@]}"
  fi
}

# Functions of the launchers beside this file, which source it. They read the variables DATA, the folder that holds the
# data sets, TRAINER (default IntCLIP), SEEDS (default "1 2 3"), PYTHON, and DRY_RUN=1, which only prints the commands.
source scripts/intclip/run_seeds.sh
TRAINER="${TRAINER:-IntCLIP}"
SECTION="TRAINER.${TRAINER^^}"
SEEDS="${SEEDS:-1 2 3}"

# need NUMBER USAGE "$@": end with a line unless there are NUMBER arguments
need() {
  if [ $(($# - 2)) -lt "$1" ]; then
    echo "error: expected $2" >&2
    exit 2
  fi
}

check_data() {
  if [ -z "${DATA:-}" ]; then
    echo "error: set DATA to the folder that holds the data sets: DATA=/path/to/datasets bash scripts/coop/..." >&2
    return 2
  fi
  known_file "configs/datasets/$1.yaml" && known_file "configs/trainers/${TRAINER}/$2.yaml"
}

# base2new_arguments DATASET CFG [SHOTS] [...]: set DATASET, CFG, SHOTS and REST, the further arguments
base2new_arguments() {
  need 2 "DATASET CFG [SHOTS], such as: emoset rn101 16" "$@"
  DATASET="$1" CFG="$2" SHOTS="${3:-16}"
  REST=("${@:4}")
  check_data "$DATASET" "$CFG"
  COMMON="${DATASET}/shots_${SHOTS}/${TRAINER}/${CFG}"
}

# launch DIR DATASET CFG SEED [further arguments of train.py]
launch() {
  local dir="$1" dataset="$2" cfg="$3" seed="$4"
  shift 4
  run_once "$dir" "$PYTHON" train.py --root "${DATA}/${dataset}" --seed "${seed}" --trainer "${TRAINER}" \
    --dataset-config-file "configs/datasets/${dataset}.yaml" --config-file "configs/trainers/${TRAINER}/${cfg}.yaml" \
    --output-dir "${dir}" "$@"
}

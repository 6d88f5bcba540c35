# shellcheck shell=bash
# What the scripts share. Sourced, never run: `. "$(dirname "$0")/lib.sh"`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*"; }
warn() { printf '%s: warning: %s\n' "${0##*/}" "$*" >&2; }
die() {
  printf '%s: error: %s\n' "${0##*/}" "$*" >&2
  exit 1
}
# Wrong usage: exit status 2, as thinnet itself has it.
die_usage() {
  printf '%s: error: %s (try --help)\n' "${0##*/}" "$*" >&2
  exit 2
}
heading() { printf '\n== %s\n' "$*"; }

have() { command -v "$1" >/dev/null 2>&1; }

# The value of an option: option_value "$@" where $1 is the option. As `x=$(option_value "$@")` it ends the script where
# there is no value; behind && it would not.
option_value() {
  if [ $# -lt 2 ] || [ -z "$2" ]; then
    die_usage "$1 needs a value"
  fi
  printf '%s\n' "$2"
}

cores() { nproc 2>/dev/null || getconf _NPROCESSORS_ONLN; }

# Open MPI refuses root, more ranks than cores, and in containers the kernel's cross-memory copy. The scripts start small
# jobs on one machine, where all of this is harmless; other MPI libraries ignore these variables.
mpi_environment() {
  local ranks=$1
  if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
  export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_hwloc_base_binding_policy=none
  if [ "$ranks" -gt "$(cores)" ]; then
    # Ranks that spin while they wait would take the core from the rank they wait for.
    export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1
  fi
}

# run_ranks N COMMAND...: the command on N ranks, with nothing on its standard input.
run_ranks() {
  local ranks=$1
  shift
  have mpirun || die "mpirun is not in PATH: run scripts/setup, or load your site's MPI module"
  (mpi_environment "$ranks" && exec mpirun -n "$ranks" "$@" </dev/null)
}

# configure_build DIR [CMake arguments...]: Ninja where it is there, except in a folder that was configured otherwise.
configure_build() {
  local dir=$1 generator=()
  shift
  if [ ! -f "$dir/CMakeCache.txt" ] && have ninja; then
    generator=(-G Ninja)
  fi
  cmake -S "$root" -B "$dir" "${generator[@]}" "$@"
}

build() {
  local dir=$1
  shift
  cmake --build "$dir" --parallel "$(cores)" "$@"
}

# The first argument's first value in a JSON object on standard input: inner objects that have the name, too, come behind.
json_number() { sed -n "s/\"$1\": */\n/; s/.*\n\([-+0-9.eE]*\).*/\1/p" | head -n 1; }

# The thinnet command that the scripts use: $THINNET, or the one in the build folder, or the one in PATH.
find_thinnet() {
  if [ -n "${THINNET:-}" ]; then
    have "$THINNET" || die "THINNET is '$THINNET', which is no command"
    printf '%s\n' "$THINNET"
  elif [ -x "$root/build/thinnet" ]; then
    printf '%s\n' "$root/build/thinnet"
  else
    command -v thinnet || die "there is no build/thinnet yet: run scripts/quickstart, or cmake -B build && cmake --build build"
  fi
}

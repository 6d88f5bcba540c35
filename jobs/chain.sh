#!/usr/bin/env bash
# For clusters on which a job may not queue itself again: several jobs, each of which waits for the one before it.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: jobs/chain.sh COUNT SCRIPT.sbatch [SBATCH-ARGUMENT...]

Submits SCRIPT COUNT times. A job of the chain starts when the one before it ended before the run was done, that is with any
status but 0: stopped in time (75), out of time, or its node failed. When the run is done, Slurm drops the jobs that are left.
The script has to go on where the run was: those of jobs/ that train one network do, since they say --resume, and stop in time. Those
that submit themselves check their inputs before the first job is submitted. Arrays (a sweep, an ensemble) are refused.

  jobs/chain.sh 5 jobs/multi_node.sbatch --time=4:00:00
TEXT
}

case ${1:-} in
-h | --help) usage && exit 0 ;;
esac
if [ $# -lt 2 ] || ! [[ $1 =~ ^[1-9][0-9]?$ ]] || [ ! -r "$2" ]; then
  printf 'chain.sh: error: a number from 1 to 99 and a job script are expected (try --help)\n' >&2
  exit 2
fi
count=$1
script=$2
shift 2

if grep -q SLURM_ARRAY_TASK_ID "$script"; then
  printf 'chain.sh: error: %s is for an array of jobs, which submits itself: bash %s\n' "$script" "$script" >&2
  exit 2
fi

# Whether the script submits itself when it is run: then it checks its inputs before.
# shellcheck disable=SC2016 # the words as they stand in a script
checks() { grep -qF 'exec sbatch "$@" "$0"' "$script"; }

# submit SBATCH-ARGUMENT...: the number of the job. The first time by the script itself, if it can: then it checks its inputs.
submit() {
  local output
  if [ ${#before[@]} -eq 0 ] && checks; then
    output=$(bash "$script" --parsable "$@") || return
  else
    output=$(sbatch --parsable "$@" "$script") || return
  fi
  output=${output##*$'\n'}
  printf '%s\n' "${output%%;*}"
}

# afternotok: after all of these have ended, none of them well. kill-on-invalid-dep: a job that can never start goes away. Each
# waits for all before it, since Slurm counts a job that has gone away as one that did not end well.
before=()
depend=()
for ((i = 1; i <= count; i++)); do
  job=$(submit "${depend[@]}" "$@")
  printf 'job %s: %d of %d\n' "$job" "$i" "$count"
  before+=("$job")
  depend=(--dependency="afternotok$(printf ':%s' "${before[@]}")" --kill-on-invalid-dep=yes)
done

#!/usr/bin/env bash
# Breaks the code on purpose, one patch of tests/sim/faults at a time, and says how many seeds the
# simulator needs to notice. Ends with 1 if one goes unnoticed. The working tree must be clean.
#
#     tests/sim/faults.sh [PATCH...]
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -z "$(git status --porcelain -- src tests)" ] || { echo 'commit or stash your changes first' >&2; exit 2; }
[ $# -gt 0 ] || set -- tests/sim/faults/*.patch

restore() { git checkout --quiet -- src tests; }
trap restore EXIT

unnoticed=0
for patch in "$@"; do
  git apply "$patch"
  said=$(RUNGS_SIM_SEEDS="${RUNGS_SIM_SEEDS:-20000}" cargo test --locked --all-features --test sim -- \
    --nocapture every_seed_keeps_every_guarantee 2>&1) && found='' || found=$(grep -oE 'seed [0-9]+: .*' <<<"$said" | head -1 || true)
  restore
  if [ -n "$found" ]; then
    seed=$(grep -oE '[0-9]+' <<<"$found" | head -1)
    printf '%-36s found after %5d seeds: %s\n' "$(basename "$patch" .patch)" $((seed + 1)) "${found#*: }"
  else
    printf '%-36s NOT FOUND\n%s\n' "$(basename "$patch" .patch)" "$(tail -5 <<<"$said")"
    unnoticed=1
  fi
done
exit "$unnoticed"

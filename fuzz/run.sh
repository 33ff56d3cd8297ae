#!/usr/bin/env bash
# Fuzzes each target in turn, one job at a time: fuzz/run.sh SECONDS [TARGET...]
# What is found lies in fuzz/artifacts/TARGET. Needs `cargo install cargo-fuzz --locked`; the stable toolchain will do, because
# nothing here needs a sanitizer: the library forbids unsafe code.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:?how many seconds for each target?}
shift
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
  targets=(step store verdict decode extract convert schema readers states response request webhook guard)
fi

export RUSTC_BOOTSTRAP=1
cargo fuzz build --sanitizer none
host=$(rustc -vV | sed -n 's/^host: //p')
# The store on disk is looked at for what it keeps and not for how it is flushed: memory is fast enough to look often.
if [ -d /dev/shm ]; then export TMPDIR=/dev/shm; fi
for target in "${targets[@]}"; do
  corpus=fuzz/corpus/$target
  artifacts=fuzz/artifacts/$target
  mkdir -p "$corpus" "$artifacts"
  options=(-max_total_time="$seconds" -rss_limit_mb=2048 -timeout=20 -report_slow_units=1 -print_final_stats=1 -artifact_prefix="$artifacts/")
  dictionary=fuzz/dict/$target.dict
  if [ -e "$dictionary" ]; then options+=(-dict="$dictionary"); fi
  printf '\n== %s\n' "$target"
  nice -n 19 "fuzz/target/$host/release/$target" "${options[@]}" "$corpus" "fuzz/seeds/$target"
done

#!/usr/bin/env bash
# Mutation testing of the core: changes one thing at a time in src/core and sees whether a test fails.
# `cargo install cargo-mutants --locked` first. Arguments go to cargo-mutants, such as
# `--file src/core/step.rs`; without any it takes the whole core, which is about an hour.
#
# The package's dev-dependency on itself turns `testkit` on in every test build, and with it tokio and
# hyper. A copy without it is what is tested, so that a mutant costs a second or two.
set -euo pipefail
cd "$(dirname "$0")/.."

out="$PWD/target/mutants"
tree="$out/tree"
mkdir -p "$tree"
git archive HEAD | tar -x -C "$tree"
sed -i '/^rungs = { path = "."/d' "$tree/Cargo.toml"
[ $# -gt 0 ] || set -- --file 'src/core/**'
cd "$tree"
export CARGO_TARGET_DIR="$out/build"
exec cargo mutants --in-place --output "$out" --no-default-features \
  --test-tool cargo --minimum-test-timeout 10 \
  --cargo-arg=--lib --cargo-arg=--test=it "$@"

#!/usr/bin/env bash
# Everything that must pass: format, lints, the core without tokio, tests, doctests and examples.
# On a fresh Debian machine with a Rust toolchain it installs what the tests need.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v cc >/dev/null; then
  # zstd and ring hold C code.
  apt-get update -qq && apt-get install -y -qq --no-install-recommends build-essential
fi

if ! { command -v tesseract && tesseract --list-langs | grep -qx deu; } >/dev/null 2>&1; then
  # What reads images; English comes with it, and a test reads German too.
  apt-get update -qq && apt-get install -y -qq --no-install-recommends tesseract-ocr tesseract-ocr-deu
fi

if ! { command -v chromium || command -v google-chrome; } >/dev/null 2>&1; then
  # What renders pages, and a font to render them in.
  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core
fi

if ! { command -v node && command -v curl && python3 -c 'import ensurepip, venv'; } >/dev/null 2>&1; then
  # Clients that the service is tested with.
  apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs curl python3 python3-venv
fi

if ! { ls /usr/lib/postgresql/*/bin/initdb && ls /usr/sbin/pgbouncer; } >/dev/null 2>&1; then
  # The server of the store in a database, and a pooler. Each run of the tests starts its own, on sockets in a temporary
  # directory; the package would start a server, too.
  mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' >>/etc/postgresql-common/createcluster.conf
  apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql pgbouncer
fi

if ! ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1; then
  # Shifts the clocks of processes that share a database. Without it, their clocks are right.
  apt-get update -qq && apt-get install -y -qq --no-install-recommends libfaketime
fi

step() { printf '\n== %s\n' "$*"; "$@"; }

step bash tests/clients/venv.sh
step cargo fetch --locked --quiet
step cargo fmt --all --check
# Benches and all features in one run, so that the crates below are checked once for both.
step cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
step cargo clippy --locked -- -D warnings
step cargo clippy --locked --features cli -- -D warnings
# The core alone. With tests, the package's dev-dependency on itself adds the test kit, and with it the engine.
step cargo clippy --locked --no-default-features -- -D warnings
step cargo clippy --locked --no-default-features --all-targets -- -D warnings
if command -v cargo-nextest >/dev/null; then
  # More tests than processors, because many wait: for a browser, another process, or a deadline.
  step cargo nextest run --locked --all-features --no-fail-fast --test-threads $(($(nproc) * 3 / 2))
else
  step cargo test --locked --all-features --lib --bins --tests
fi
step cargo test --locked --all-features --doc
step env RUSTDOCFLAGS='-D warnings' cargo doc --locked --all-features --no-deps
# One build, and then the programs themselves: `cargo run` would look at every crate again for each.
step cargo build --locked --all-features --examples
target=$(cargo metadata --locked --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
for example in examples/*.rs; do
  [ -e "$example" ] || continue
  # `evaluate` answers what it is asked on its input, which is nothing here.
  step "$target/debug/examples/$(basename "$example" .rs)" </dev/null
done
echo 'all passed'

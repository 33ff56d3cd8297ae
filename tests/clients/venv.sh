#!/usr/bin/env bash
# Installs what requirements.txt names into target/clients, once, and prints its directory.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$here/../../target/clients
mkdir -p "$dir"
exec 9>"$dir.lock"
flock 9
if ! cmp -s "$here/requirements.txt" "$dir/installed"; then
  python3 -m venv --clear "$dir" >&2
  "$dir/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
  cp "$here/requirements.txt" "$dir/installed"
fi
cd "$dir" && pwd

#!/usr/bin/env bash
# Takes the screenshots of the web page: a batch and one of its jobs, light and dark.
#
#   cargo build --features cli && bash docs/images/screenshots.sh
#
# It serves docs/images/site.py and `rungs serve` on 127.0.0.1, submits a batch, and runs Chromium headless. RUNGS and
# CHROMIUM name other programs. Ports 8000 and 8080 must be free.
set -euo pipefail
cd "$(dirname "$0")"

rungs=${RUNGS:-${CARGO_TARGET_DIR:-../../target}/debug/rungs}
chromium=${CHROMIUM:-chromium}
site=http://127.0.0.1:8000
service=http://127.0.0.1:8080
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT

python3 site.py 8000 >/dev/null & pids+=($!)
"$rungs" serve --allow-private --store "$work/store" >"$work/log" 2>&1 & pids+=($!)
for _ in $(seq 100); do
  if curl -fsS "$site/bread" >/dev/null 2>&1 && curl -fsS "$service/ready" >/dev/null 2>&1; then break; fi
  sleep 0.1
done

field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

batch=$(curl -fsS "$service/api/v1/batch" -H 'Content-Type: application/json' -d '{"urls": [
  {"url": "'$site'/bread", "formats": ["markdown", "json"], "extraction_profile": "recipe"},
  {"url": "'$site'/salt", "formats": ["markdown", "json"],
   "extraction_schema": {"name": "string", "price": "number", "currency": "string"}, "evidence": true},
  {"url": "'$site'/news", "formats": ["markdown"]},
  {"url": "'$site'/guarded", "formats": ["markdown"]},
  {"url": "'$site'/app", "formats": ["markdown"], "advanced": {"render_js": true, "screenshot": true}},
  {"url": "'$site'/missing", "formats": ["markdown"]}]}' | field batch_id)
for _ in $(seq 300); do
  status=$(curl -fsS "$service/api/v1/batch/$batch" | field status)
  [ "$status" = processing ] || break
  sleep 0.2
done
# The job at index 2 is fetched on tier 3.5, after two attempts that found no text.
job=$(curl -fsS "$service/api/v1/batch/$batch" |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["items"][2]["job_id"])')

# Width and height are those of a window at scale 1.
shoot() { # file, color scheme (0 dark, 1 light), height, path
  "$chromium" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" \
    --blink-settings=preferredColorScheme="$2" --window-size="1100,$3" --virtual-time-budget=5000 \
    --screenshot="$PWD/$1" "$service/$4" >/dev/null 2>&1
}
for scheme in dark:0 light:1; do
  shoot "batch-${scheme%:*}.png" "${scheme#*:}" 760 "#/batch/$batch"
  shoot "job-${scheme%:*}.png" "${scheme#*:}" 900 "#/batch/$batch/$job"
done
ls -l ./*.png

#!/usr/bin/env bash
# PostgreSQL servers for tests, on Unix sockets in a temporary directory. Nothing but a server with TLS listens on a network,
# because there is no TLS on Unix sockets.
#
#   postgres.sh shared OWNER     prints the directory of the server that all tests of the process OWNER share
#   postgres.sh own OWNER NAME   prints the directory of a new server
#   postgres.sh tls OWNER NAME PORT
#                                prints the directory of a new server that listens on PORT of 127.0.0.1 with TLS. Its
#                                certificate and key are read from the standard input
#   postgres.sh pool DIR MODE    runs PgBouncer for a server with this pool mode, on a socket of port 6432 in DIR.MODE
#   postgres.sh start DIR        starts a server that was stopped
#   postgres.sh stop DIR MODE    stops it: `fast` or `immediate`
#
# Everything ends and is removed when the process OWNER has ended, or after 30 seconds without a test that holds a
# lock on `users` in the directory above.
set -euo pipefail

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1) || true
[ -n "$bin" ] || bin=$(dirname "$(command -v postgres || true)")
if [ ! -x "$bin/initdb" ]; then
  echo 'PostgreSQL is not installed: tests/run.sh installs it' >&2
  exit 1
fi

# The server refuses to run as root.
as() {
  if [ "$(id -u)" != 0 ]; then ${exec:-} "$@"; return; fi
  local user=postgres
  id "$user" >/dev/null 2>&1 || user=nobody
  ${exec:-} setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups -- "$@"
}

start() {
  as "$bin/pg_ctl" -D "$1/data" -l "$1/log" -w -t 60 start >/dev/null \
    -o "-c listen_addresses= -c unix_socket_directories='$1' -c fsync=on -c max_connections=300 -c shared_buffers=64MB ${2:-}" \
    || { cat "$1/log" >&2; exit 1; }
}

# The files of a server in the directory, from the template.
copy() {
  as mkdir "$1"
  as cp -a "$root/template" "$1/data"
}

pool() {
  local pooler=$(command -v pgbouncer || echo /usr/sbin/pgbouncer)
  as mkdir "$1.$2"
  as tee "$1.$2/ini" >/dev/null <<INI
[databases]
postgres = host=$1 user=rungs
[pgbouncer]
listen_addr =
unix_socket_dir = $1.$2
listen_port = 6432
auth_type = any
pool_mode = $2
default_pool_size = 20
logfile = $1.$2/log
INI
  # Instead of this script, so that whoever ends it ends the pooler.
  exec=exec as "$pooler" -q "$1.$2/ini"
}

stop_all() {
  for data in "$root"/*/data; do
    [ -e "$data/postmaster.pid" ] && as "$bin/pg_ctl" -D "$data" -m immediate stop >/dev/null 2>&1
  done
  rm -rf "$root"
}

watch_over() {
  local idle=0
  while kill -0 "$owner" 2>/dev/null && [ "$idle" -lt 30 ]; do
    sleep 1
    if flock -n -x "$root/users" true 2>/dev/null; then idle=$((idle + 1)); else idle=0; fi
  done
  exec 9>"$root.lock"
  flock 9
  stop_all || true
  rm -f "$root.lock"
}

case "$1" in
start) start "$2"; exit ;;
pool) pool "$2" "$3"; exit ;;
stop) as "$bin/pg_ctl" -D "$2/data" -m "$3" -w stop >/dev/null; exit ;;
esac

owner=$2
root=${TMPDIR:-/tmp}/rungs-postgres-$owner
exec 9>"$root.lock"
flock 9
if [ ! -e "$root/ready" ]; then
  rm -rf "$root"
  mkdir -m 755 "$root"
  [ "$(id -u)" != 0 ] || chmod 777 "$root"
  touch "$root/users"
  as "$bin/initdb" -D "$root/template" -A trust -U rungs -E UTF8 --locale=C --no-sync >/dev/null
  touch "$root/ready"
  export -f as watch_over stop_all
  export bin owner root
  setsid bash -c watch_over </dev/null >/dev/null 2>&1 9>&- &
fi
case "$1" in
shared)
  if [ -e "$root/shared" ]; then
    [ -S "$root/shared/.s.PGSQL.5432" ] || start "$root/shared" 9>&-
  else
    copy "$root/shared"
    start "$root/shared" 9>&-
  fi
  echo "$root/shared"
  ;;
own)
  copy "$root/$3"
  start "$root/$3" 9>&-
  echo "$root/$3"
  ;;
tls)
  copy "$root/$3"
  # Only its owner may read a key.
  (umask 077 && as tee "$root/$3/data/server.pem" >/dev/null)
  start "$root/$3" "-c listen_addresses=127.0.0.1 -c port=$4 -c ssl=on -c ssl_cert_file=server.pem -c ssl_key_file=server.pem" 9>&-
  echo "$root/$3"
  ;;
esac

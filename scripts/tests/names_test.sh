#!/usr/bin/env bash
# A name that leads to more servers while the work goes on: the real programs, with a hosts file of
# their own in a mount namespace.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

bin=$target/debug

serve() { # ADDRESS
  "$bin/secret-server" --listen "$1" --workers 1 --delay 100ms 2>"$scratch/server.$1" &
  children="$children $!"
  within 10 grep -q '^listening on' "$scratch/server.$1"
}

test_a_name_that_gains_an_address_gains_a_server() {
  local port client
  port=$(free_port)
  trap 'kill $children' EXIT
  serve "127.0.0.1:$port"
  serve "127.0.0.2:$port"
  echo '127.0.0.1 secret.test' >"$scratch/hosts"
  mount --bind "$scratch/hosts" /etc/hosts
  # Half a minute of work for one server; names are looked up again every ten seconds.
  seq 600 >"$scratch/words"
  "$bin/secret-client" --server "secret.test:$port" "$scratch/words" \
    >"$scratch/answers" 2>"$scratch/said" &
  client=$!
  within 10 test -s "$scratch/answers"
  echo '127.0.0.2 secret.test' >>"$scratch/hosts"
  wait "$client"
  has 'over 2 servers' "$scratch/said"
  same "$(rev "$scratch/words")" "$(cat "$scratch/answers")"
}

if [ -z "${IN_NAMES:-}" ]; then
  build_programs secret-server secret-client || exit
  if unshare --mount true 2>/dev/null; then
    IN_NAMES=yes exec unshare --mount bash "$0" "$@"
  fi
  skip_tests "needs root, for a mount namespace"
else
  run_tests
fi

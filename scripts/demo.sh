#!/usr/bin/env bash
# All three tasks on this machine, each with its verdict.
#
#   scripts/demo.sh
#
# Builds, then: a chat in which three readers must see the same; the word list reversed by three
# servers, twice over, which must give the list again; three buddies who sing 99 bottles. Exit 1 if
# any of them failed, with what it printed. Takes half a minute once built.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
failed=0

try() {
  local name=$1; shift
  if "$@" >"$dir/out" 2>&1 </dev/null; then
    printf '%-15s ok      %s\n' "$name" "$(grep -E "$verdict" "$dir/out" | tail -n 1 | sed 's/^\[[^]]*\] //')"
  else
    printf '%-15s FAILED\n' "$name"
    sed 's/^/    /' "$dir/out" | tail -n 30
    failed=1
  fi
}

reversed_twice() {
  scripts/secret.sh 3 wordlist -- --delay 300ms >"$dir/once" &&
    scripts/secret.sh 3 "$dir/once" -- --delay 300ms >"$dir/twice" &&
    cmp wordlist "$dir/twice"
}

echo 'building ...'
cargo build --quiet --workspace --bins
verdict='^all' try chat scripts/chat.sh 3
verdict='words in' try 'secret strings' reversed_twice
verdict='song over' try '99 bottles' scripts/ring.sh 3 99 -- --tempo 50ms
exit "$failed"

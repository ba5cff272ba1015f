#!/usr/bin/env bash
# All three tasks on this machine, each with its verdict.
#
#   scripts/demo.sh [OPTIONS]
#
# Builds, then runs: a chat in which three readers must see the same; the word list reversed twice
# by three servers, which must give the list again; three buddies that sing 99 bottles. Exit 1 if
# any of them failed, with what it printed. Takes half a minute once built.
set -euo pipefail
here=$PWD
cd "$(dirname "$(readlink -f "$0" 2>/dev/null || echo "$0")")/.."
# shellcheck source=local/lib.sh
. scripts/local/lib.sh
[ $# = 0 ] || bad_usage "it takes options only, and not $1"
failed=0

try() { # NAME PATTERN COMMAND...: the last line with the pattern is shown behind the verdict
  local name=$1 pattern=$2 line; shift 2
  if LAB_JOURNAL=$journals "$@" >"$dir/out" 2>&1 </dev/null; then
    line=$(grep -E "$pattern" "$dir/out" | tail -n 1 | sed 's/^\[[^]]*\] //')
    printf '%-15s ok      %s\n' "$name" "$line"
  else
    printf '%-15s FAILED\n' "$name"
    sed 's/^/    /' "$dir/out" | tail -n 30
    failed=1
  fi
}

# shellcheck disable=SC2317,SC2329 # called by try
reversed_twice() {
  scripts/secret.sh 3 wordlist -- --delay 300ms >"$dir/once" &&
    scripts/secret.sh 3 "$dir/once" -- --delay 300ms >"$dir/twice" &&
    cmp wordlist "$dir/twice"
}

echo 'building ...'
build
try chat '^room' scripts/chat.sh 3
try 'secret strings' 'words in' reversed_twice
try '99 bottles' 'song over' scripts/ring.sh 3 99 -- --tempo 50ms
[ -z "$report$keep" ] || judge "$failed"
exit "$failed"

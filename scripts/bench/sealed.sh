#!/usr/bin/env bash
# What the lab's key costs, measured beside plain connections in the same run: ratios of medians.
#
#   scripts/bench/sealed.sh [calls] [ring]     both by default
#
#   calls      a million words, calls (64 at once, one at a time), dials, the memory of an idle connection
#   ring       hops/s at --tempo 0 of rings of 3, 10 and 100, on one core (Linux), then left to the
#              scheduler; "buddy makes N times that" is plain over sealed, so 1/N is what is left
#
# A busy machine spoils the figures; nothing here is a test.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit ;; esac
cd "$(dirname "$0")/../.."
unset LAB_KEY
ulimit -n 4096 2>/dev/null || true # for idle connections
cargo build --release -p secret-server -p secret-client -p buddy --bins --examples
built=$(realpath "${CARGO_TARGET_DIR:-target}/release")
[ $# -gt 0 ] || set -- calls ring
for part in "$@"; do
  case $part in
    calls) "$built/examples/bench" sealed ;;
    ring)
      folder=$(mktemp -d)
      trap 'rm -rf "$folder"' EXIT
      "$built/buddy" --new-key "$folder/lab.key" 2>/dev/null
      # Called as PROGRAM ADDR NEXT [BOTTLES], like every ring that is measured beside ours.
      cat >"$folder/sealed" <<END
#!/bin/sh
exec "$built/buddy" --key "$folder/lab.key" --tempo 0 --listen "\$1" --next "\$2" \${3:+--bottles "\$3"} 2>/dev/null
END
      chmod +x "$folder/sealed"
      ! command -v taskset >/dev/null || taskset -c 0 "$built/examples/hops" one "$folder/sealed"
      "$built/examples/hops" free "$folder/sealed"
      ;;
    *) echo "sealed.sh: $part? expected calls or ring" >&2; exit 2 ;;
  esac
done

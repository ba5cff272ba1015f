#!/usr/bin/env bash
# Secret strings, measured against baselines in the same run: prints ratios, medians of several rounds.
#
#   scripts/bench/secret.sh [speed] [schedule] [memory]     all by default
#
#   speed      a million words on one server that works flat out: ours, ours with a call a word, plain
#              TCP (examples/raw), and a call a word as tarpc's documentation does it (examples/plain)
#   schedule   120 slow words over 1 to 8 servers, unequal ones, one killed half way: time over the ideal
#   memory     the peaks of client and server over ten million words (Linux only)
#
# A busy machine spoils the figures; nothing here is a test.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit ;; esac
for part; do
  case $part in
    speed | schedule | memory) ;;
    *) echo "secret.sh: $part? expected speed, schedule or memory" >&2; exit 2 ;;
  esac
done
cd "$(dirname "$0")/../.."
cargo build --release -p secret-server -p secret-client --bins --examples
exec "${CARGO_TARGET_DIR:-target}/release/examples/bench" "$@"

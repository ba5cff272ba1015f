#!/usr/bin/env bash
# The ring, measured beside a raw TCP token ring in the same run: hops/s at --tempo 0 for rings of
# 3, 10 and 100 processes, and their ratios, both ways round.
#
#   scripts/bench/ring.sh [PROGRAM...]     more rings to measure beside: each is called as
#                                          PROGRAM ADDR NEXT [BOTTLES], and sings a line a verse
#
# Then the same on one core (Linux). Only one verse is on its way at a time, so several cores
# measure above all how long it takes to wake a process that sleeps; one core measures the work of a hop. A
# busy machine spoils the figures; nothing here is a test.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '5,6s/^# *//p' "$0"; exit ;; esac
programs=()
for program in "$@"; do programs+=("$(realpath "$program")"); done
cd "$(dirname "$0")/../.."
cargo build --quiet --release -p buddy --bins --examples
hops="${CARGO_TARGET_DIR:-target}/release/examples/hops"
"$hops" "${programs[@]}"
if command -v taskset >/dev/null; then
  echo "On one core:"
  taskset -c 0 "$hops" "${programs[@]}"
fi

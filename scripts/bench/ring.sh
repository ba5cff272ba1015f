#!/usr/bin/env bash
# The ring, measured in the same run beside token rings of raw TCP and of bare tokio: hops/s at --tempo 0
# for rings of 3, 10 and 100 processes, the cost of a hop, and their ratios, both ways round.
#
#   scripts/bench/ring.sh [PROGRAM...]     more rings to measure beside: each is called as
#                                          PROGRAM ADDR NEXT [BOTTLES], and sings a line a verse
#
# On Linux three times: all on one core, which is the work of a hop; pinned two and two, so that every
# other hop wakes a core; left to the scheduler, whose mood these figures have. With valgrind also the
# instructions of a hop and the lines of data that it touches, the only figures that a busy machine does
# not spoil: of a buddy, plain and under a key, and of bare tokio, plain and under tokio-rustls. Nothing
# here is a test.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit ;; esac
for program; do
  program=$(realpath "$program")
  shift
  set -- "$@" "$program"
done
cd "$(dirname "$0")/../.."
unset LAB_KEY LAB_JOURNAL
cargo build --release -p buddy --bins --examples
hops="${CARGO_TARGET_DIR:-target}/release/examples/hops"
if command -v taskset >/dev/null; then
  echo "All on one core:"
  taskset -c 0 "$hops" one "$@"
  if [ "$(nproc)" -gt 1 ]; then
    echo "Pinned two and two to two cores:"
    taskset -c 0 "$hops" pairs "$@"
  fi
  ! command -v valgrind >/dev/null || "$hops" work
fi
echo "Left to the scheduler:"
"$hops" free "$@"

#!/usr/bin/env bash
# Chat on several servers, in one run: what NATS costs beside SQLite, what more servers bring, and what
# a send waits when a leader dies.
#
#   [ROUNDS=5] scripts/bench/cluster.sh [speed] [growth] [deaths]     all, if none
#
# speed: acknowledged sends a second of 1 and of 64 senders, and the delivery of 20 messages a second
#   to 60 readers: SQLite, NATS with one and with three nodes, and three chat-servers
# growth: deliveries a second to 300 readers of one and of three chat-servers, and what a server spends
#   on a delivery (Linux). With four cores or more each server gets one for itself (taskset)
# deaths: kill -9 of the nats-server that leads the log, the cluster, or both, while 9 senders send: the
#   longest wait of a send, beside the time in which NATS takes no message of any client
#
# Rounds go in turn over all settings. ROUNDS=1 takes a minute, and shows that all works. The
# nats-server is the one on the PATH, or NATS_SERVER. A busy machine spoils the figures; nothing here
# is a test.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,17s/^# \{0,1\}//p' "$0"; exit ;; esac
cd "$(dirname "$0")/../.."
nats=${NATS_SERVER:-nats-server}
command -v "$nats" >/dev/null || {
  echo "cluster.sh: there is no $nats" >&2
  echo "help: on Debian or Ubuntu: sudo apt install nats-server; on a Mac: brew install nats-server" >&2
  echo "help: or unpack it from https://github.com/nats-io/nats-server/releases, and set NATS_SERVER" >&2
  exit 1
}
ulimit -n 4096 2>/dev/null || true # for 300 readers, twice
cargo build --release -p chat-server --features chat-server/nats --bins --examples
echo "$("$nats" --version), $("${CARGO_TARGET_DIR:-target}/release/chat-server" --version)"
exec "${CARGO_TARGET_DIR:-target}/release/examples/cluster" "$@"

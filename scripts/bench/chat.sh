#!/usr/bin/env bash
# Chat, measured beside plain TCP in the same run.
#
#   scripts/bench/chat.sh [deliveries] [durable] [paced] [idle] [browsers] [restart]   all, if none
#
# deliveries: a second, to 1, 10, 100 and 1000 readers (memory store), against one frame written to
#   as many sockets
# durable: acknowledged sends a second of 1, 8 and 64 senders, each on disk before its answer,
#   against round trips without a disk, and against what the disk alone commits before and after
# paced: latency of 20 messages a second to 100 readers; then with one more under kill -STOP
# idle: memory that a client costs the server (Linux)
# browsers: memory that a browser costs the server while it waits, and for a second connection, which
#   it keeps for half a minute after its person has typed
# restart: a server killed under 1000 readers; until all of them are shown the next message
#
# Three seconds each. A busy machine spoils the figures; nothing here is a test.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,18s/^# \{0,1\}//p' "$0"; exit ;; esac
cd "$(dirname "$0")/../.."
ulimit -n 4096 2>/dev/null || true # a thousand clients need as many files, twice
cargo build --quiet --release -p chat-server --bins --examples
exec "${CARGO_TARGET_DIR:-target}/release/examples/load" "$@"

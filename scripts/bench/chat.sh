#!/usr/bin/env bash
# Chat, measured beside plain TCP in the same run.
#
#   scripts/bench/chat.sh
#
# Deliveries a second to 1, 10, 100 and 1000 readers (memory store), against one frame written to so
# many sockets; acknowledged sends a second of 1, 8 and 64 senders, each on disk before its answer,
# against round trips without a disk; latency of 20 messages a second to 100 readers, and with one
# of them stopped; memory of an idle client (Linux). Three seconds each. Nothing here is a test.
set -euo pipefail
cd "$(dirname "$0")/../.."
ulimit -n 4096 2>/dev/null || true # a thousand clients need as many files, twice
cargo build --quiet --release -p chat-server --bins --examples
exec "${CARGO_TARGET_DIR:-target}/release/examples/load"

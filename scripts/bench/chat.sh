#!/usr/bin/env bash
# Chat, measured beside plain TCP in the same run.
#
#   scripts/bench/chat.sh [deliveries] [tls] [durable] [paced] [idle] [browsers] [restart] [PROGRAM...]
#
# All, if none is named.
#
# deliveries: a second, to 1, 10, 100 and 1000 readers (memory store), 64 posts a call, for one reader
#   also 512; beside the same under a lab's key, core NATS where there is a nats-server, one frame
#   written to as many sockets, and each PROGRAM, which must speak the same version. Our writer has
#   one call in flight and waits for its answer. NATS publishes without an answer: as "core NATS" up
#   to 20,000 messages are in flight, as "core NATS, confirmed" as many as in a call of ours
# tls: how much slower a key makes the chat, and how much of that is TLS itself. In pages a second; a
#   page is one answer to a reader. Of 10, 100 and 1000 readers: our chat; the same under a key, which
#   is TLS 1.3; bare tokio that answers with pages as long as our plain ones; the same with tokio-rustls.
#   The last row is what a key would leave of our chat if TLS took as long for each page as it takes
#   bare tokio; a larger ratio in the second row means that ours takes less
# durable: acknowledged messages a second of 1, 8 and 64 senders with a connection each, and of one
#   with 64 in a call, each on disk before its answer. Beside them, in turn: the same calls with a
#   store in memory, the same store and the same transaction without a server, and asked over a bare
#   socket (also of tokio, with a thread that commits), the commits of the disk alone, NATS JetStream
#   (which answers before it syncs) where there is a nats-server, and each PROGRAM: a path with a
#   slash to another chat-server of before a change
# paced: the time by which 99 of 100 messages are there, when 20 are sent in a second, to 100 and 1000
#   readers; to 1000 also at random times. Beside it the same under a key, core NATS where there is a
#   nats-server, each PROGRAM, and bare tokio that is asked for each message or pushes it. A ratio above
#   1 means that ours are there sooner. Then with one more reader under kill -STOP
# idle: memory that a client costs the server (Linux), also under a lab's key, and each PROGRAM
# browsers: memory that a browser costs the server while it waits, and for a second connection, which
#   it keeps for half a minute after its person has typed
# restart: a server killed under 1000 readers; until all of them are shown the next message
#
# Deliveries, tls, durable and paced take six rounds each, every other one the other way round: some
# minutes. A busy machine spoils the figures; nothing here is a test.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,34s/^# \{0,1\}//p' "$0"; exit ;; esac
for arg; do # to the end each, so that after all of them the order is as it was
  case $arg in
    */*) arg=$(realpath "$arg") ;;
    deliveries | tls | durable | paced | idle | browsers | restart) ;;
    *) echo "chat.sh: $arg? expected a part (chat.sh --help lists them), or a path with a slash" >&2; exit 2 ;;
  esac
  shift
  set -- "$@" "$arg"
done
cd "$(dirname "$0")/../.."
# A thousand readers of each contestant need as many files, twice.
ulimit -Sn 16384 2>/dev/null || true
features=''
for nats in "${NATS_SERVER:-nats-server}" /usr/sbin/nats-server; do
  ! command -v "$nats" >/dev/null || features=nats
done
cargo build --release -p chat-server --bins --examples ${features:+--features "$features"}
exec "${CARGO_TARGET_DIR:-target}/release/examples/load" "$@"

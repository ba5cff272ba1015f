#!/usr/bin/env bash
# A chat server and clients on this machine.
#
#   scripts/chat.sh [CLIENTS]     3 clients by default
#
# On a terminal with tmux: the clients side by side, to be typed into; Ctrl-B d leaves, and ends
# them all. Otherwise a scripted conversation: each client says a few things, and the verdict says
# whether all saw the same lines in the same order (exit 0) or not (exit 1). Messages are kept in
# memory only. Free ports are used; only processes started here are ended.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0" 2>/dev/null || echo "$0")")/.."

usage() { sed -n '4s/^# *//p' scripts/chat.sh; }
case ${1:-} in -h | --help) usage; exit ;; esac
clients=${1:-3}
case $clients in '' | *[!0-9]* | 0* | ???*) usage >&2; exit 2 ;; esac

cargo build --quiet --package chat-server --package chat-client
bin=$PWD/${CARGO_TARGET_DIR:-target}/debug
case ${CARGO_TARGET_DIR:-} in /*) bin=$CARGO_TARGET_DIR/debug ;; esac
dir=$(mktemp -d)
children=''
# shellcheck disable=SC2086 # process ids, to be split
trap 'kill $children 2>/dev/null || true; wait 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Starts the server and waits until it listens; sets $address.
start_server() {
  local line
  mkfifo "$dir/server"
  "$bin/chat-server" --listen 127.0.0.1:0 --store memory --rate 0 2>"$dir/server" &
  children="$children $!"
  {
    read -r line
    case $line in
      "listening on "*) address=${line#listening on } ;;
      *) echo "$line" >&2; cat >&2; return 1 ;;
    esac
    while read -r line; do echo "[server] $line" >&2; done <&0 &
  } <"$dir/server"
}

# One tmux window, a pane for each client.
side_by_side() {
  local n=1 session=chat-$$
  tmux new-session -d -s "$session" "$bin/chat-client --server $address --name guest1"
  while [ "$n" -lt "$clients" ]; do
    n=$((n + 1))
    tmux split-window -t "$session" "$bin/chat-client --server $address --name guest$n"
    tmux select-layout -t "$session" tiled >/dev/null
  done
  tmux attach -t "$session" || true
  tmux kill-session -t "$session" 2>/dev/null || true
}

# Readers that listen, and writers that come, say one thing, and leave.
scripted() {
  local n want=$((3 * clients)) round heads=''
  for n in $(seq "$clients"); do
    mkfifo "$dir/lines.$n"
    head -n "$want" <"$dir/lines.$n" >"$dir/seen.$n" &
    heads="$heads $!"
    "$bin/chat-client" --server "$address" --name "reader$n" </dev/null >"$dir/lines.$n" 2>/dev/null &
    children="$children $!"
  done
  for round in 1 2 3; do
    for n in $(seq "$clients"); do
      echo "message $round, 100% ünïcode 👋" |
        "$bin/chat-client" --server "$address" --name "writer$n" --no-history 2>/dev/null
    done
  done
  # shellcheck disable=SC2086 # process ids, to be split
  wait $heads
  cat "$dir/seen.1"
  for n in $(seq "$clients"); do
    cmp -s "$dir/seen.1" "$dir/seen.$n" || { echo "reader$n saw something else:"; cat "$dir/seen.$n"; return 1; }
  done
  echo "all $clients readers saw the same $want lines in the same order" >&2
}

address=''
start_server
if [ -t 0 ] && [ -t 1 ] && command -v tmux >/dev/null; then side_by_side; else scripted; fi

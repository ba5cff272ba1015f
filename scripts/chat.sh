#!/usr/bin/env bash
# A chat server and clients on this machine.
#
#   scripts/chat.sh [OPTIONS] [CLIENTS]     3 clients by default
#
# On a terminal with tmux: the clients side by side, to be typed into; Ctrl-B d leaves, and ends
# them all. Otherwise a scripted conversation: each client says a few things, and what the first one
# sees goes to stdout. Exit 0 if all saw the same in the same order, and lab-report finds that all
# was as promised; 1 if not, 3 if that cannot be known. Messages are kept in memory only. Free ports
# are used.
set -euo pipefail
here=$PWD
cd "$(dirname "$(readlink -f "$0" 2>/dev/null || echo "$0")")/.."
# shellcheck source=local/lib.sh
. scripts/local/lib.sh

clients=${1:-3}
case $clients in '' | *[!0-9]* | 0* | ???*) bad_usage ;; esac
[ $# -le 1 ] || bad_usage

# One tmux window, a pane for each client.
side_by_side() {
  local n=1 session=chat-$$
  tmux new-session -d -s "$session" "$(pane 1)"
  while [ "$n" -lt "$clients" ]; do
    n=$((n + 1))
    tmux split-window -t "$session" "$(pane "$n")"
    tmux select-layout -t "$session" tiled >/dev/null
  done
  tmux attach -t "$session" || true
  tmux kill-session -t "$session" 2>/dev/null || true
}
pane() { # N
  printf '%q ' "$bin/chat-client" --server "$address" --name "guest$1" --journal "$journals/guest$1"
}

# Readers that listen, and writers that come, say one thing, and leave.
scripted() {
  local n round heads=''
  for n in $(seq "$clients"); do
    mkfifo "$dir/lines.$n"
    head -n $((3 * clients)) <"$dir/lines.$n" >"$dir/seen.$n" &
    heads="$heads $!"
    journaled "reader$n" "$bin/chat-client" --server "$address" --name "reader$n" \
      </dev/null >"$dir/lines.$n" 2>/dev/null &
    children="$children $!"
  done
  for round in 1 2 3; do
    for n in $(seq "$clients"); do
      echo "message $round, 100% ünïcode 👋" |
        (journaled "writer$n" "$bin/chat-client" --server "$address" --name "writer$n" --no-history) 2>/dev/null
    done
  done
  # shellcheck disable=SC2086 # process ids, to be split
  wait $heads
  cat "$dir/seen.1"
}

build
serve server "$bin/chat-server" --listen 127.0.0.1:0 --store memory --rate 0
if [ -t 0 ] && [ -t 1 ] && command -v tmux >/dev/null; then side_by_side; else scripted; fi
judge 0

#!/usr/bin/env bash
# The clients of chat.sh and cluster.sh. Sourced after lib.sh; $servers is what --server takes.
# shellcheck disable=SC2154 # set by the script and by lib.sh

# Clients side by side on a terminal with tmux, otherwise a scripted conversation.
talk() { # CLIENTS
  if [ -t 0 ] && [ -t 1 ] && command -v tmux >/dev/null; then side_by_side "$1"; else scripted "$1"; fi
}

# One tmux window, a pane for each client. It nests in the tmux that a person may be in already.
side_by_side() { # CLIENTS
  local n=1 session=${me%.sh}-$$
  unset TMUX
  tmux new-session -d -s "$session" "$(pane 1)"
  while [ "$n" -lt "$1" ]; do
    n=$((n + 1))
    tmux split-window -t "$session" "$(pane "$n")"
    tmux select-layout -t "$session" tiled >/dev/null
  done
  tmux attach -t "$session" || true
  tmux kill-session -t "$session" 2>/dev/null || true
}
pane() { # N
  printf '%q ' "$bin/chat-client" --server "$servers" --name "guest$1" --journal "$journals/guest$1"
}

# Readers that listen, and writers that come, say one thing, and leave. After each round `after N`
# is called. What the first reader sees goes to stdout.
scripted() { # CLIENTS
  local n round heads=''
  for n in $(seq "$1"); do
    mkfifo "$dir/lines.$n"
    head -n $((3 * $1)) <"$dir/lines.$n" >"$dir/seen.$n" &
    heads="$heads $!"
    journaled "reader$n" "$bin/chat-client" --server "$servers" --name "reader$n" \
      </dev/null >"$dir/lines.$n" 2>/dev/null &
    children="$children $!"
  done
  for round in 1 2 3; do
    for n in $(seq "$1"); do
      echo "message $round, 100% ünïcode 👋" |
        (journaled "writer$n" "$bin/chat-client" --server "$servers" --name "writer$n" \
          --no-history --wait 30s) >/dev/null 2>&1
    done
    after "$round"
  done
  # shellcheck disable=SC2086 # process ids, to be split
  wait $heads
  cat "$dir/seen.1"
}
after() { :; }

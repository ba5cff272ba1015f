#!/usr/bin/env bash
# Three nats-servers, three chat-servers over one log in them, and clients, on this machine.
#
#   scripts/cluster.sh [OPTIONS] [CLIENTS]     3 clients by default
#
# On a terminal with tmux: the clients side by side, to be typed into. Kill any server meanwhile (the
# process ids are printed); Ctrl-B d leaves. Otherwise a scripted conversation, during which a
# chat-server and a nats-server are killed with kill -9; what the first client sees goes to stdout.
# Exit 0 if all saw the same in the same order, and lab-report finds that all was as promised; 1 if
# not, 3 if that cannot be known. Ctrl-C ends all. Free ports of loopback are used, and nothing is
# kept. The nats-server is the one on the PATH, or NATS_SERVER.
set -euo pipefail
here=$PWD
cd "$(dirname "$(readlink -f "$0" 2>/dev/null || echo "$0")")/.."
# shellcheck source=local/lib.sh
. scripts/local/lib.sh
# shellcheck source=local/talk.sh
. scripts/local/talk.sh

clients=${1:-3}
[ $# -le 1 ] || bad_usage "there is no second word: $2"
must_count CLIENTS "$clients" 99
nats=${NATS_SERVER:-nats-server}
command -v "$nats" >/dev/null || {
  echo "$me: there is no $nats" >&2
  echo "help: on Debian or Ubuntu: sudo apt install nats-server; on a Mac: brew install nats-server" >&2
  echo "help: or unpack it from https://github.com/nats-io/nats-server/releases, and set NATS_SERVER" >&2
  exit 1
}

# Sets $port to the next one at which nothing listens. Below those that the system hands out.
port=$((20000 + RANDOM % 10000))
next_port() {
  port=$((port + 1))
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
}

start_nats() {
  local n callers='' peers='' routes=''
  for n in 1 2 3; do
    next_port; callers="$callers${callers:+,}127.0.0.1:$port"
    next_port; peers="$peers${peers:+,}127.0.0.1:$port"
    routes="$routes${routes:+, }nats://127.0.0.1:$port"
  done
  store=nats://$callers
  for n in 1 2 3; do
    cat >"$dir/nats$n.conf" <<END
server_name: nats$n
listen: "$(echo "$callers" | cut -d, -f"$n")"
jetstream { store_dir: "$dir/nats$n" }
cluster {
  name: chat
  listen: "$(echo "$peers" | cut -d, -f"$n")"
  routes: [$routes]
}
END
    "$nats" -c "$dir/nats$n.conf" >"$dir/nats$n.log" 2>&1 &
    children="$children $!"
    echo "nats-server $n is process $!" >&2
  done
  second_nats=${children% *} second_nats=${second_nats##* }
}

# Kills while the clients talk.
after() { # ROUND
  case $1 in
    1) kill_9 "chat-server 2" "$second_chat" ;;
    2) kill_9 "nats-server 2" "$second_nats" ;;
  esac
}
kill_9() { # NAME PROCESS
  echo "kill -9 of $1" >&2
  # Without what the shell says about it.
  { kill -9 "$2" && wait "$2"; } 2>/dev/null || true
}

features=chat-server/nats
# A copy, because any other build here replaces it with one without NATS; that may happen between
# these two lines, too.
while :; do
  build
  cp "$bin/chat-server" "$dir/chat-server"
  if "$dir/chat-server" --version | grep -q nats; then break; fi
done
start_nats
servers=''
for n in 1 2 3; do
  serve "chat-server $n" "$dir/chat-server" --listen 127.0.0.1:0 --store "$store" --rate 0
  servers="$servers${servers:+,}$address"
  [ "$n" != 2 ] || second_chat=${children##* }
done
echo "one more client: $bin/chat-client --server $servers" >&2
talk "$clients"
judge 0

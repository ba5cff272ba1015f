#!/usr/bin/env bash
# A chat server and clients on this machine.
#
#   scripts/chat.sh [OPTIONS] [CLIENTS]     3 clients by default
#
# On a terminal with tmux: the clients side by side, to be typed into; Ctrl-B d (from within tmux
# Ctrl-B Ctrl-B d) leaves, and ends them all. Otherwise a scripted conversation: each client says a few
# things, and what the first one sees goes to stdout. Exit 0 if all saw the same in the same order, and
# lab-report finds that all was as promised; 1 if not, 3 if that cannot be known. Messages are kept in
# memory only. Free ports are used.
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

build
serve server "$bin/chat-server" --listen 127.0.0.1:0 --store memory --rate 0
servers=$address
talk "$clients"
judge 0

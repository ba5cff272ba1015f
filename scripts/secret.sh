#!/usr/bin/env bash
# Secret servers on this machine, and one client that has a word list reversed by them.
#
#   scripts/secret.sh [SERVERS] [WORDLIST] [-- SERVER FLAGS]     3 servers, ./wordlist, --delay 1s by default
#
# The answers go to stdout, in the order of the list; everything else goes to stderr. Kill a server
# while it works if you like (its process id is printed): no word is lost. The exit code is the
# client's. Free ports are used; only processes started here are ended.
set -euo pipefail
here=$PWD
cd "$(dirname "$(readlink -f "$0" 2>/dev/null || echo "$0")")/.."

usage() { sed -n '4s/^# *//p' scripts/secret.sh; }
case ${1:-} in -h | --help) usage; exit ;; esac
number=3 list=wordlist
case ${1:---} in --) ;; *) number=$1; shift ;; esac
case ${1:---} in --) ;; - | /*) list=$1; shift ;; *) list=$here/$1; shift ;; esac
case ${1:-} in --) shift ;; '') ;; *) usage >&2; exit 2 ;; esac
case $number in '' | *[!0-9]* | 0*) usage >&2; exit 2 ;; esac
[ $# -gt 0 ] || set -- --delay 1s

cargo build --quiet --package secret-server --package secret-client
bin=${CARGO_TARGET_DIR:-target}/debug
dir=$(mktemp -d)
servers='' addresses=''
# Quiet, because the shell would otherwise report a child that was killed as suggested above.
trap 'kill $servers 2>/dev/null || true; wait 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Starts server $1 with the other arguments and waits until it listens.
start() {
  local n=$1 line; shift
  mkfifo "$dir/stderr.$n"
  "$bin/secret-server" --listen 127.0.0.1:0 "$@" 2>"$dir/stderr.$n" &
  servers="$servers $!"
  {
    read -r line
    case $line in
      "listening on "*) addresses="$addresses${addresses:+,}${line#listening on }" ;;
      *) echo "$line" >&2; cat >&2; return 1 ;;
    esac
    [ "$number" -gt 10 ] || echo "Server $n is process $!, $line" >&2
    while read -r line; do echo "[Server $n] $line" >&2; done <&0 &
  } <"$dir/stderr.$n"
}

n=1
while [ "$n" -le "$number" ]; do
  start "$n" "$@"
  n=$((n + 1))
done
"$bin/secret-client" --server "$addresses" "$list"

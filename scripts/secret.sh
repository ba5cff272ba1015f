#!/usr/bin/env bash
# Secret servers on this machine, and one client that has a word list reversed by them.
#
#   scripts/secret.sh [OPTIONS] [SERVERS] [WORDLIST] [-- SERVER FLAGS]     3 servers, ./wordlist, --delay 1s by default
#
# The answers go to stdout, in the order of the list; everything else goes to stderr. Kill a server
# while it works if you like (its process id is printed): no word is lost. Exit 0 if the client has
# all answers and all was as promised, as lab-report finds; 1 if not, 3 if that cannot be known. Free
# ports are used.
set -euo pipefail
here=$PWD
cd "$(dirname "$(readlink -f "$0" 2>/dev/null || echo "$0")")/.."
# shellcheck source=local/lib.sh
. scripts/local/lib.sh

number=3 list=wordlist
case ${1:---} in --) ;; *) number=$1; shift ;; esac
case ${1:---} in --) ;; -) list=-; shift ;; *) list=$(from_there "$1"); shift ;; esac
case ${1:-} in --) shift ;; '') ;; *) bad_usage "there is no third word: $1" ;; esac
must_count SERVERS "$number"
[ $# -gt 0 ] || set -- --delay 1s
[ "$number" -le 10 ] || quiet=yes

build
n=1 addresses=''
while [ "$n" -le "$number" ]; do
  serve "Server $n" "$bin/secret-server" --listen 127.0.0.1:0 "$@"
  addresses="$addresses${addresses:+,}$address"
  n=$((n + 1))
done
code=0
# The client alone has stderr, because the shell would otherwise report a server that is killed.
{ (journaled client "$bin/secret-client" --server "$addresses" "$list" 2>&3) || code=$?; } \
  3>&2 2>/dev/null
judge "$code"

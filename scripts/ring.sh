#!/usr/bin/env bash
# A whole ring of buddies on this machine, and a verdict on what they sang.
#
#   scripts/ring.sh [OPTIONS] [SIZE] [BOTTLES] [-- BUDDY FLAGS]     3 buddies and 99 bottles by default
#
# Prints the song in the order in which it is sung; everything else goes to stderr. Kill a buddy in
# mid-song if you like (its process id is printed): the verdict says what that cost.
# Exit 0 if all was as promised, as lab-report finds, and every buddy that was not killed ended with
# 0; 1 if not, 3 if that cannot be known. Free ports are used.
set -euo pipefail
here=$PWD
cd "$(dirname "$(readlink -f "$0" 2>/dev/null || echo "$0")")/.."
# shellcheck source=local/lib.sh
. scripts/local/lib.sh

size=3 bottles=99
case ${1:---} in --) ;; *) size=$1; shift ;; esac
case ${1:---} in --) ;; *) bottles=$1; shift ;; esac
case ${1:-} in --) shift ;; '') ;; *) bad_usage "there is no third word: $1" ;; esac
must_count SIZE "$size"
[ "$bottles" = 0 ] || must_count BOTTLES "$bottles"
[ "$size" -le 10 ] || quiet=yes

build

# Draws the starter's port, because the last buddy must know it before the starter is up. Draws
# again if something listens there.
draw_port() {
  port=$((20000 + RANDOM % 12000))
  ! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || draw_port
}

draw_port
address=127.0.0.1:$port
n=$size
while [ "$n" -gt 1 ]; do
  serve "Buddy $n" "$bin/buddy" --listen 127.0.0.1:0 --next "$address" "$@"
  n=$((n - 1))
done
serve 'Buddy 1' "$bin/buddy" --listen "127.0.0.1:$port" --next "$address" --bottles "$bottles" "$@"

code=0 n=$size
for child in $children; do
  ended=0
  wait "$child" 2>/dev/null || ended=$?
  [ "$ended" = 0 ] || echo "Buddy $n ended with $ended" >&2
  case $ended in 0 | 130 | 137 | 143) ;; *) code=1 ;; esac # a kill is an experiment and not an error
  n=$((n - 1))
done
judge "$code"

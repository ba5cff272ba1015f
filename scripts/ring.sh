#!/usr/bin/env bash
# A whole ring of buddies on this machine, and a verdict on what they sang.
#
#   scripts/ring.sh [SIZE] [BOTTLES] [-- BUDDY FLAGS]     3 buddies and 99 bottles by default
#
# Prints the song in the order in which it is sung; everything else goes to stderr. Kill a buddy in
# mid-song if you like (its process id is printed): the verdict says what that cost.
# Exit 0 only if every verse was heard, in order, repeats only after a death, and every buddy that
# was not killed ended with 0. Free ports are used; only processes started here are ended.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0" 2>/dev/null || echo "$0")")/.."

usage() { sed -n '4s/^# *//p' scripts/ring.sh; }
case ${1:-} in -h | --help) usage; exit ;; esac
size=3 bottles=99
case ${1:---} in --) ;; *) size=$1; shift ;; esac
case ${1:---} in --) ;; *) bottles=$1; shift ;; esac
[ "${1:-}" != -- ] || shift
case $size$bottles in *[!0-9]* | 0*) usage >&2; exit 2 ;; esac

cargo build --quiet --package buddy
bin=${CARGO_TARGET_DIR:-target}/debug/buddy
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# Runs Buddy $1 with the other arguments. Unless it ends with 0, a line in the song says so.
buddy() {
  local n=$1 code=0; shift
  # A shell that becomes the buddy, so that its process id comes before all that the buddy says.
  # shellcheck disable=SC2016 # the inner shell expands it
  sh -c 'echo $$ >&2; exec "$0" "$@"' "$bin" "$@" &
  trap 'kill $! 2>/dev/null' TERM
  wait $! 2>/dev/null || code=$?
  [ "$code" = 0 ] || echo "# Buddy $n ended with $code"
  [ "$code" = 137 ] || return "$code" # a kill -9 is an experiment and not an error
}

# Starts Buddy $1 and waits until it listens. Sets $address.
start() {
  local pid line
  mkfifo "$dir/stderr.$1"
  buddy "$@" 2>"$dir/stderr.$1" &
  jobs_started="$jobs_started $!"
  {
    read -r pid; read -r line
    case $line in "listening on "*) ;; *) echo "$line" >&2; cat >&2; return 1 ;; esac
    address=${line#listening on }
    [ "$size" -gt 10 ] || echo "Buddy $1 is process $pid, $line" >&2
    while read -r line; do echo "[Buddy $1] $line" >&2; done <&0 &
  } <"$dir/stderr.$1"
}

# Draws the starter's port, because the last buddy must know it before the starter is up. Draws
# again if something listens there.
draw_port() {
  port=$((20000 + RANDOM % 12000))
  ! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || draw_port
}

sing() {
  local port n=$size code=0 job
  jobs_started=''
  trap 'kill $jobs_started 2>/dev/null || true; wait' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  draw_port; address=127.0.0.1:$port
  while [ "$n" -gt 1 ]; do
    start "$n" --listen 127.0.0.1:0 --next "$address" "$@" || return
    n=$((n - 1))
  done
  start 1 --listen "127.0.0.1:$port" --next "$address" --bottles "$bottles" "$@" || return
  for job in $jobs_started; do wait "$job" || code=1; done
  return "$code"
}

# Reads the song; prints the verdict.
verdict() {
  awk -v next_verse="$bottles" -v size="$size" '
    /^# Buddy/ { deaths++; print $2 " " $3 " died before verse " next_verse; next }
    {
      left = /: No more bottles/ ? 0 : $0
      sub(/^.*: /, "", left); sub(/ bottle.*/, "", left); left += 0
      heard++
      if (left == next_verse) { next_verse--; next }
      if (left > next_verse && deaths) { print "sung again after a death: " $0; next }
      print "not in order: " $0; bad++
    }
    END {
      if (next_verse >= 0) { print "never sung: verse " next_verse " and what follows"; bad++ }
      s = size == 1 ? "y" : "ies"
      if (!bad) print "complete and in order: " heard " verses by " size " budd" s ", " deaths + 0 " died"
      exit bad > 0
    }' "$dir/song" >&2
}

code=0
sing "$@" | tee "$dir/song" || code=$?
[ "$code" -lt 128 ] || exit "$code"
verdict || code=1
exit "$code"

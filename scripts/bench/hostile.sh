#!/usr/bin/env bash
# A chat server with default settings, a member, and one hostile address that does everything at once
# that one address can do: the member's sends alone, and the same beside the attack.
#
#   scripts/bench/hostile.sh [SECONDS]      60 by default; each of the two runs takes that long
#
# The three have machines of their own, in network namespaces (see scripts/netlab.sh), because
# loopback is exempt from the limits of an address. Prints the member's send times and losses, the
# server's peak memory and how much it has logged. Exit 1 if an acknowledged message is lost.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit ;; esac
cd "$(dirname "$0")/../.."
bin=$PWD/${CARGO_TARGET_DIR:-target}/release
case ${CARGO_TARGET_DIR:-} in /*) bin=$CARGO_TARGET_DIR/release ;; esac

if [ "${1:-}" != inside ]; then
  case ${1:-60} in
    *[!0-9]* | 0*)
      printf 'hostile.sh: SECONDS is a number from 1, and not %s\nhelp: scripts/bench/hostile.sh --help\n' "$1" >&2
      exit 2 ;;
  esac
  cargo build --release -p chat-server --bins --examples
  exec scripts/netlab.sh run "$PWD/scripts/bench/hostile.sh" inside "${1:-60}"
fi

seconds=$2
on() { "$PWD/scripts/netlab.sh" exec "$@"; }
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || :; rm -rf "$dir"' EXIT
code=0

# run NAME ATTACKERS: one server from its start to its end.
run() {
  on server "$bin/chat-server" --store "sqlite:$dir/$1.sqlite" 2>"$dir/$1.stderr" &
  until grep -q '^listening on ' "$dir/$1.stderr" 2>/dev/null; do sleep 0.1; done
  pid=$(pgrep -n -f "chat-server --store sqlite:$dir/$1.sqlite")
  on client "$bin/examples/hostile" member 172.31.0.11:8030 "$seconds" >"$dir/$1.member" &
  member=$!
  if [ "$2" = 1 ]; then
    on laptop "$bin/examples/hostile" attack 198.51.100.11:8030 "$seconds" >/dev/null 2>&1 &
  fi
  wait "$member" || code=1
  peak=$(awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$pid/status")
  printf '%-8s %s\n         the server: peak memory %s MiB, %s bytes logged\n' \
    "$1" "$(cat "$dir/$1.member")" "$peak" "$(wc -c <"$dir/$1.stderr")"
  kill "$pid"
  wait || :
}

run alone 0
run attacked 1
if [ -n "${BENCH_FIGURES:-}" ]; then
  sed -n 's/.*p99 \([0-9.]*\) ms.*/\1/p' "$dir/alone.member" "$dir/attacked.member" | paste -s -d ' ' - |
    awk '$2 > 0 { printf "{\"bench\":\"chat\",\"what\":\"a member'"'"'s sends, beside an attack, of alone\",\"at\":\"p99\",\"ratios\":[%.4f]}\n", $1 / $2 }' \
      >>"$BENCH_FIGURES"
fi
exit "$code"

#!/usr/bin/env bash
# Benchmarks, as ratios against baselines in the same run: absolute times mean little on a shared
# machine.
#
#   scripts/bench.sh [--figures FILE] [--html FILE] ring|secret|chat|hostile|sealed|cluster [OPTIONS]
#
#   --figures FILE   adds each ratio to FILE, as a line of JSON; with the same FILE later runs, also of
#                    other benchmarks, come into one picture
#   --html FILE      draws them: one page for any browser
#
# scripts/bench.sh NAME --help lists the OPTIONS of one.
set -euo pipefail
here=$PWD
cd "$(dirname "$(readlink -f "$0" 2>/dev/null || echo "$0")")"
usage() { sed -n '2,11s/^# \{0,1\}//p' bench.sh; }
bad_usage() { printf 'bench.sh: %s\nhelp: scripts/bench.sh --help\n' "$1" >&2; exit 2; }
from_there() { case $1 in /*) echo "$1" ;; *) echo "$here/$1" ;; esac; }

figures='' html='' all='ring, secret, chat, hostile, sealed or cluster'
while :; do
  case ${1:-} in
    -h | --help) usage; exit ;;
    --figures | --html)
      [ -n "${2:-}" ] || bad_usage "$1 needs a file"
      case $1 in --figures) figures=$(from_there "$2") ;; *) html=$(from_there "$2") ;; esac
      shift 2 ;;
    '') bad_usage "which benchmark? $all" ;;
    -* | */*) bad_usage "no such option: $1" ;;
    *) break ;;
  esac
done
name=$1
shift
[ -x "bench/$name.sh" ] || bad_usage "there is no benchmark $name: $all"

if [ -n "$html" ] && [ -z "$figures" ]; then
  figures=$(mktemp)
  trap 'rm -f "$figures"' EXIT
fi
export BENCH_FIGURES=$figures
"bench/$name.sh" "$@"
[ -z "$html" ] ||
  cargo run --quiet --release --package lab-report -- --bench "$figures" --html "$html"

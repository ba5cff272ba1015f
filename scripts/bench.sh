#!/usr/bin/env bash
# Benchmarks, as ratios against baselines in the same run: absolute times mean little on a shared
# machine.
#
#   scripts/bench.sh ring|secret|chat|hostile|sealed [OPTIONS]     see the head of scripts/bench/NAME.sh
set -euo pipefail
cd "$(dirname "$(readlink -f "$0" 2>/dev/null || echo "$0")")"
name=${1:-}
case $name in
  -h | --help) sed -n '5s/^# *//p' bench.sh; exit ;;
  '' | -* | */*) sed -n '5s/^# *//p' bench.sh >&2; exit 2 ;;
esac
shift
[ -x "bench/$name.sh" ] || { echo "bench.sh: there is no benchmark $name" >&2; exit 2; }
exec "bench/$name.sh" "$@"

#!/usr/bin/env bash
# The tests of the scripts: EC2 against a stand-in, units, workflows, namespaces, static binaries.
#
#   scripts/tests/run.sh [PATTERN]      all *_test.sh beside this, or those whose name has PATTERN
#
# Installs what it needs into target/lab-tools (PyPI) and, as root on Debian, the packages nftables
# and systemd; what cannot be had is said as `skipped: why`. No test calls the real AWS (see
# aws_only_here in lib.sh), and all traffic stays on loopback or in namespaces that a test made.
# Ends with `N passed, M failed, K skipped`; exit 1 if any failed.
set -uo pipefail
cd "$(dirname "$0")" || exit
tally=$(mktemp)
trap 'rm -f "$tally"' EXIT
export TALLY=$tally

for file in ./*"${1:-}"*_test.sh; do
  [ -f "$file" ] || { echo "no test is called *${1:-}*" >&2; exit 2; }
  bash "$file" || echo failed >>"$tally" # a file that died, rather than one of its tests
done

count() { grep -cx "$1" "$tally"; }
echo "$(count passed) passed, $(count failed) failed, $(count skipped) skipped"
[ "$(count failed)" = 0 ]

#!/usr/bin/env bash
# The tests of the scripts: EC2 against a stand-in, units, workflows, namespaces, static binaries.
#
#   scripts/tests/run.sh [PATTERN [TEST]]     all *_test.sh beside this, or those whose name has
#                                             PATTERN; of these the tests whose name has TEST
#
# Two files at a time. Installs what it needs into target/lab-tools (PyPI) and, as root on Debian,
# as packages; a test without its tool says `skipped: why`. No test calls the real AWS (see
# aws_only_here in lib.sh), and all traffic stays on loopback or in namespaces that a test made.
# Ends with `N passed, M failed, K skipped`; exit 1 if any failed.
set -uo pipefail
case ${1:-} in -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit ;; esac
cd "$(dirname "$0")" || exit
TALLY=$(mktemp)
export TALLY
trap 'rm -f "$TALLY"' EXIT

export ONLY=${2:-.}
# Those that build or wait longest, which begin first, so that none of them is alone at the end.
long='session|static|ec2_faults|ec2'
files=$(ls -- *"${1:-}"*_test.sh 2>/dev/null)
[ -n "$files" ] || {
  printf 'run.sh: no test is called *%s*\nhelp: scripts/tests/run.sh --help\n' "${1:-}" >&2
  exit 2
}
files=$(printf '%s\n' "$files" | grep -xE "($long)_test.sh" | sort -r; printf '%s\n' "$files" | grep -vxE "($long)_test.sh")
# With the usual signals, because a job in the background ignores SIGINT, and what it starts could
# not hear it.
start=bash
env --default-signal=INT true 2>/dev/null && start='env --default-signal=INT --default-signal=HUP bash'
export start
# A file that ends with an error counts as failed, too.
# shellcheck disable=SC2016 # the inner shell expands it
printf '%s\n' "$files" | xargs -P 2 -I FILE bash -c '$start ./FILE 2>&1 || echo failed >>"$TALLY"'

count() { grep -cx "$1" "$TALLY"; }
echo "$(count passed) passed, $(count failed) failed, $(count skipped) skipped"
[ "$(count failed)" = 0 ]

#!/usr/bin/env bash
# Everything that must hold before a change lands. CI runs this, and so can a laptop.
#
#   scripts/check.sh
#
# First the README's own test command, so that the README stays right. Then formatting, lints and
# documentation with warnings fatal; then the scripts' own tests. Tests and lints are of what is
# optional, too: with nats-server installed they use it, and without it they say so.
set -euo pipefail
case ${1:-} in
  '') ;;
  -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit ;;
  *) printf 'check.sh: it takes no words: %s\nhelp: scripts/check.sh --help\n' "$1" >&2; exit 2 ;;
esac
cd "$(dirname "$(readlink -f "$0" 2>/dev/null || echo "$0")")/.."

step() { printf '\n== %s\n' "$*"; "$@"; }

tests=$(grep -m 1 '^cargo test' README.md)
# shellcheck disable=SC2086 # a command line, to be split into words
step $tests --features chat-server/nats --locked
step cargo fmt --all --check
step cargo clippy --workspace --all-targets --features chat-server/nats --locked -- --deny warnings
step cargo clippy --package chat-server --locked -- --deny warnings
RUSTDOCFLAGS='--deny warnings' step cargo doc --workspace --no-deps --document-private-items --locked
step scripts/ring.sh 5 20 -- --tempo 0
step scripts/tests/run.sh

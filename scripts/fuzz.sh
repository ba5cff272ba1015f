#!/usr/bin/env bash
# Fuzzes with coverage: inputs that reach new code are kept and changed further.
#
#   scripts/fuzz.sh [SECONDS [TARGET...]]     60 seconds of each target, unless said otherwise
#
# It needs a nightly toolchain and cargo-fuzz:
#
#   rustup toolchain install nightly --profile minimal && cargo install --locked cargo-fuzz
#
# Inputs are kept in target/fuzz/corpus, so that a later run goes on from there. An input that fails
# is written to target/fuzz/failed and its path is printed: give that path as the TARGET's input in
# `scripts/fuzz.sh run TARGET FILE` to see it again.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit ;; esac
cd "$(dirname "$0")/.."

bad_usage() { printf 'fuzz.sh: %s\nhelp: scripts/fuzz.sh --help\n' "$1" >&2; exit 2; }

all='decoders greeting calls texts chat work'
fuzz() {
  local verb=$1 target=$2; shift 2
  # Without a sanitizer, because the workspace has no unsafe code, and it costs half the speed.
  cargo +nightly fuzz "$verb" --fuzz-dir crates/fuzz --target-dir target/fuzz --sanitizer none \
    "$target" "$@"
}

if [ "${1:-}" = run ]; then
  [ $# = 3 ] || bad_usage 'run wants a TARGET and a FILE'
  fuzz run "$2" "$3"
  exit
fi
seconds=${1:-60}
case $seconds in '' | *[!0-9]* | 0*) bad_usage "SECONDS is a number from 1, and not '$seconds'" ;; esac
[ $# = 0 ] || shift
for target in "$@"; do
  case " $all " in *" $target "*) ;; *) bad_usage "there is no target $target, only $all" ;; esac
done
# shellcheck disable=SC2086 # words to be split
[ $# -gt 0 ] || set -- $all
cargo +nightly fuzz --version >/dev/null || {
  echo 'fuzz.sh: cargo-fuzz or the nightly toolchain is missing' >&2
  echo 'help: rustup toolchain install nightly --profile minimal && cargo install --locked cargo-fuzz' >&2
  exit 1
}
cp Cargo.lock crates/fuzz/Cargo.lock # the same versions as the programs have
for target in "$@"; do
  corpus=target/fuzz/corpus/$target failed=target/fuzz/failed/$target
  mkdir -p "$corpus" "$failed"
  # Without a limit of 4 KiB some states of a conversation are out of reach.
  fuzz run "$target" "$corpus" -- "-max_total_time=$seconds" "-artifact_prefix=$failed/" \
    -max_len=8192 -timeout=20 -print_final_stats=1
done

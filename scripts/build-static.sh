#!/usr/bin/env bash
# Builds the five programs so that they run on any Linux of an architecture, and packs dist/.
#
#   scripts/build-static.sh [--target TRIPLE] [--out DIR]
#
#   --target   x86_64-unknown-linux-gnu, aarch64-unknown-linux-gnu, ...-musl (this machine's)
#   --out      where to (dist); it is made anew
#
# dist/ then holds programs, systemd units, install.sh and SHA256SUMS: what scripts/deploy.sh sends.
# Static, because an instance's libc may be older than this machine's; nothing is compiled there.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
programs="chat-server chat-client secret-server secret-client buddy"
target='' out=$root/dist

die() {
  printf 'build-static.sh: %s\n' "$1" >&2
  shift
  while [ $# -gt 0 ]; do printf 'help: %s\n' "$1" >&2; shift; done
  exit 1
}
usage() { sed -n '4,10s/^# \{0,1\}//p' "$0"; }

while [ $# -gt 0 ]; do
  case $1 in
    --target) target=${2:-}; shift ;;
    --out) out=${2:-}; shift ;;
    -h | --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
  esac
  shift || break
done
[ -n "$out" ] || { usage >&2; exit 2; }

[ -n "$target" ] || target=$(rustc -vV | sed -n 's/^host: //p')
case $target in
  *-linux-*) ;;
  *) die "this machine is no Linux, and the instances are" \
    "unpack the release archive, or run this in a Linux container or instance" ;;
esac

build() {
  local words='' program
  for program in $programs; do words="$words --package $program"; done
  # Without --target the flag would reach proc macros too, which cannot be static.
  # shellcheck disable=SC2086 # a list of words
  (cd "$root" && RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static" \
    cargo build --release --locked --bins --target "$target" $words)
}

is_static() { # FILE: it asks for no loader
  ! LC_ALL=C readelf --program-headers "$1" | grep -q INTERP
}

pack() {
  local built=${CARGO_TARGET_DIR:-$root/target}/$target/release program
  rm -rf "$out.new"
  mkdir -p "$out.new"
  for program in $programs; do
    is_static "$built/$program" || die "$program is not static"
    cp "$built/$program" "$out.new/"
  done
  cp "$root"/scripts/units/* "$out.new/"
  (cd "$out.new" && sums -- * >"$root/target/SHA256SUMS.new" && mv "$root/target/SHA256SUMS.new" SHA256SUMS)
  rm -rf "$out"
  mv "$out.new" "$out"
}

sums() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }

build
pack
(cd "$out" && for program in $programs; do
  printf '%5d KiB  %s\n' $(($(wc -c <"$program") / 1024)) "$program"
done)

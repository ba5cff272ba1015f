#!/usr/bin/env bash
# Builds the five programs so that they run on any Linux of an architecture, and packs dist/.
#
#   scripts/build-static.sh [--target TRIPLE] [--out DIR] [--profile PROFILE] [--features LIST]
#
#   --target    x86_64-unknown-linux-gnu, aarch64-unknown-linux-gnu, ...-musl (this machine's)
#   --out       the folder (dist), which is made anew
#   --profile   of cargo (release); dev builds faster
#   --features  what is optional: chat-server/nats, for a chat on several servers
#
# dist/ then holds programs, their man pages and shell completions, systemd units, install.sh, TARGET
# and SHA256SUMS, which scripts/deploy.sh sends. The programs are static because an instance's libc may be older than this
# machine's, and because nothing is compiled there. For ...-apple-darwin they are as static as macOS
# allows, and for use by hand.
#
# A static glibc that looks a name up loads the machine's NSS modules, which crash it where they are of
# another glibc. So these programs look names up by themselves (hickory-resolver, which only a static
# glibc build compiles; see static_names.rs): numbers, /etc/hosts, localhost, and DNS by
# /etc/resolv.conf, but no mDNS (.local). Not musl by default, because its allocator is slow with many
# threads, and SQLite would need a second C compiler; with --target ...-musl, musl's own resolver looks
# names up.
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "$0" 2>/dev/null || echo "$0")")/.." && pwd)
programs="chat-server chat-client secret-server secret-client buddy lab-report"
target='' out=$root/dist profile=release features=''

die() {
  printf 'build-static.sh: %s\n' "$1" >&2
  shift
  while [ $# -gt 0 ]; do printf 'help: %s\n' "$1" >&2; shift; done
  exit 1
}
usage() { sed -n '2,9s/^# \{0,1\}//p' "$0"; }
bad_usage() {
  printf 'build-static.sh: %s\nhelp: scripts/build-static.sh --help\n' "$1" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit ;;
    --target | --out | --profile | --features) [ -n "${2:-}" ] || bad_usage "$1 needs a value" ;;
    *) bad_usage "no such option: $1" ;;
  esac
  case $1 in
    --target) target=$2 ;;
    --out) out=$2 ;;
    --profile) profile=$2 ;;
    --features) features=$2 ;;
  esac
  shift 2
done

if [ -z "$target" ]; then
  target=$(rustc -vV | sed -n 's/^host: //p')
  case $target in
    *-linux-*) ;;
    *) die "this machine is no Linux, and the instances are" \
      "unpack the release archive for x86_64 Linux, or run this in a Linux container or instance" ;;
  esac
fi

build() {
  local words='' program flags='-C target-feature=+crt-static' flags_c
  for program in $programs manual; do words="$words --package $program"; done
  [ -z "$features" ] || words="$words --features $features"
  # Randomness from the system call itself (Linux 3.17). Otherwise the crate looks for the call by
  # dlsym, which a static program cannot, and then needs a /dev/urandom.
  case $target in *-linux-*) flags="$flags --cfg getrandom_backend=\"linux_getrandom\"" ;; esac
  # SQLite does not trust a system's fdatasync unless it is told to. With fsync a disk with a journal
  # also writes when the log was changed, which nobody asks for.
  case $target in *-linux-*) flags_c=-DHAVE_FDATASYNC=1 ;; *) flags_c='' ;; esac
  # With --target, because the flags would otherwise reach proc macros, which cannot be static.
  # shellcheck disable=SC2086 # a list of words
  (cd "$root" && RUSTFLAGS="${RUSTFLAGS:-} $flags" LIBSQLITE3_FLAGS="$flags_c" \
    cargo build --profile "$profile" --locked --bins --target "$target" $words)
}

# Succeeds if a program needs no loader. (macOS has no static libc.)
is_static() { # FILE
  case $target in *-darwin) return ;; esac
  ! LC_ALL=C readelf --program-headers "$1" | grep -q INTERP
}

pack() {
  local built=${CARGO_TARGET_DIR:-$root/target}/$target/$profile program
  [ "$profile" != dev ] || built=${built%dev}debug
  rm -rf "$out.new"
  mkdir -p "$out.new"
  for program in $programs; do
    is_static "$built/$program" || die "$program is not static"
    cp "$built/$program" "$out.new/"
  done
  write_manual "$built" || die "there are no man pages and completions for $target"
  cp "$root"/scripts/units/* "$out.new/"
  echo "$target" >"$out.new/TARGET"
  (cd "$out.new" && find . -type f | sed 's|^\./||' | LC_ALL=C sort | while IFS= read -r file; do
    sums "$file"
  done >../SHA256SUMS.new && mv ../SHA256SUMS.new SHA256SUMS)
  rm -rf "$out"
  mv "$out.new" "$out"
}

# Runs the program that writes them, or one for this machine if that is for another.
write_manual() { # FOLDER
  "$1/manual" "$out.new" 2>/dev/null ||
    (cd "$root" && cargo run --quiet --locked --package manual -- "$out.new")
}

sums() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }

build
pack
(cd "$out" && for program in $programs; do
  printf '%5d KiB  %s\n' $(($(wc -c <"$program") / 1024)) "$program"
done)

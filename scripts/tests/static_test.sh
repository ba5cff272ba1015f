#!/usr/bin/env bash
# The static programs run on a system without any other file, and find names there. Built with the
# dev profile, because that takes a quarter of the time; linked as for a release.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

dist=$target/static-test-dist

# Answers every question for an IPv4 address with 172.31.0.11, unless the name begins with `no`.
name_server() {
  on server python3 - <<'END' 2>"$work/dns" &
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 53))
print("ready", file=sys.stderr, flush=True)
while True:
    question, caller = s.recvfrom(512)
    end = question.index(b"\0", 12) + 5
    found = question[end - 4:end - 2] == b"\0\1" and question[13:15] != b"no"
    header = question[:2] + struct.pack(">HHHHH", 0x8180 if found else 0x8183, 1, found, 0, 0)
    answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes([172, 31, 0, 11]) if found else b""
    s.sendto(header + question[12:end] + answer, caller)
END
  children="$children $!"
  within 20 grep -q ready "$work/dns"
}

# Makes a root with one program and one line of configuration; without libc, shell and other files.
empty_root() { # PROGRAM
  mkdir -p "$scratch/root/etc"
  cp "$dist/$1" "$scratch/root/"
  echo 'nameserver 172.31.0.11' >"$scratch/root/etc/resolv.conf"
}

test_dist_is_whole() {
  (cd "$dist" && sha256sum -c SHA256SUMS)
  same "$(find "$dist" -type f ! -name SHA256SUMS | wc -l)" "$(wc -l <"$dist/SHA256SUMS")"
}

# The flags as `--help` prints them, which is what a person compares a man page with.
test_every_flag_has_its_place_in_man_page_and_completions() {
  local program flag
  for program in chat-server chat-client secret-server secret-client buddy; do
    "$dist/$program" --help >"$scratch/help"
    sed 's/\\-/-/g' "$dist/man/$program.1" >"$scratch/page"
    grep -oE -- '--[a-z][a-z-]+' "$scratch/help" | sort -u >"$scratch/flags"
    [ "$(grep -c . "$scratch/flags")" -gt 4 ] || fail "no flags in --help of $program"
    while read -r flag; do
      has "$flag" "$scratch/page"
    done <"$scratch/flags"
    bash -n "$dist/completions/$program.bash"
  done
}

# What bash shows after `buddy --pat` and the Tab key.
test_bash_completes_a_flag() {
  local found
  # shellcheck disable=SC1091,SC2016 # made by the build; the inner shell expands it
  found=$(bash -c '. "$1"; COMP_WORDS=(buddy --pat) COMP_CWORD=1
    _buddy buddy --pat buddy; echo "${COMPREPLY[*]}"' bash "$dist/completions/buddy.bash")
  same --patience "$found"
}

test_man_pages_are_without_errors() {
  local page
  command -v man >/dev/null || skip "no man here"
  for page in "$dist"/man/*.1; do
    MANROFFSEQ='' LC_ALL=C.UTF-8 man --warnings -l "$page" >"$scratch/page" 2>>"$scratch/said"
    has SYNOPSIS "$scratch/page"
  done
  same '' "$(cat "$scratch/said")"
}

test_every_program_runs_in_an_empty_root() {
  local program
  for program in chat-server chat-client secret-server secret-client buddy; do
    empty_root "$program"
    chroot "$scratch/root" "/$program" --version
    file "$dist/$program" | grep 'static' || exits 1 ldd "$dist/$program"
  done
}

test_a_name_is_resolved_in_an_empty_root() {
  empty_root secret-client
  on client chroot "$scratch/root" /secret-client --server lab.example:8031 --string drawer >"$scratch/out"
  same reward "$(cat "$scratch/out")"
}

test_an_unknown_name_is_told_from_an_empty_root() {
  empty_root secret-client
  exits 1 on client chroot "$scratch/root" /secret-client --server no.example:8031 --patience 0 \
    --string drawer 2>"$scratch/said"
  has 'no.example' "$scratch/said"
  has 'typed right' "$scratch/said"
}

[ -n "${IN_LAB:-}" ] || "$scripts/build-static.sh" --profile dev --out "$dist" >"$work/built" 2>&1 ||
  { cat "$work/built"; exit 1; }
enter_lab
name_server || exit
serve server secret "$dist/secret-server" --listen 8031 --delay 0 || exit
run_tests

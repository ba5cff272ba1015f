#!/usr/bin/env bash
# The static programs run on a system without any other file, or with those of another libc, and find
# names there. Built with the
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
  for program in chat-server chat-client secret-server secret-client buddy lab-report; do
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
  for program in chat-server chat-client secret-server secret-client buddy lab-report; do
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

# What the machine's owner says comes first, then DNS, where a short name gets the search domain.
test_hosts_file_localhost_and_search_domain() {
  local name
  empty_root secret-client
  echo 'search no-such.example example' >>"$scratch/root/etc/resolv.conf"
  echo '172.31.0.11 byhand.example noted' >"$scratch/root/etc/hosts"
  for name in byhand.example noted lab lab.example.; do
    on client chroot "$scratch/root" /secret-client --server "$name:8031" --string drawer >"$scratch/out"
    same reward "$(cat "$scratch/out")"
  done
  # Without any file, and without a name server.
  rm "$scratch/root/etc/hosts" "$scratch/root/etc/resolv.conf"
  on server chroot "$scratch/root" /secret-client --server localhost:8031 --string drawer >"$scratch/out"
  same reward "$(cat "$scratch/out")"
}

test_a_silent_name_server_is_not_the_end_of_a_name() {
  empty_root secret-client
  silence client 127.0.0.8
  printf 'nameserver 127.0.0.8\nnameserver 172.31.0.11\n' >"$scratch/root/etc/resolv.conf"
  on client chroot "$scratch/root" /secret-client --server lab.example:8031 --string drawer >"$scratch/out"
  same reward "$(cat "$scratch/out")"
  printf 'nameserver 127.0.0.8\noptions timeout:1 attempts:1\n' >"$scratch/root/etc/resolv.conf"
  exits 1 on client chroot "$scratch/root" /secret-client --server lab.example:8031 --patience 0 \
    --string drawer 2>"$scratch/said"
  has 'no name server answers' "$scratch/said"
}

# Takes what is sent to port 53 of this address of HOST, and never answers.
silence() { # HOST ADDRESS
  on "$1" python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 53))
print("ready", flush=True)
time.sleep(600)' "$2" >"$scratch/silent" &
  # shellcheck disable=SC2064 # of this process
  trap "kill $!" EXIT
  within 20 grep -q ready "$scratch/silent"
}

# A machine whose NSS modules are of another libc: here each kills the program that loads it. A static
# program that asks libc dies of it, which a second program shows, so that this test could fail.
test_no_module_of_the_machine_is_loaded_to_look_a_name_up() {
  local name line
  need_command cc gcc || skip "no C compiler, for modules that kill"
  empty_root secret-client
  foreign_modules
  echo 'hosts: myhostname dns' >"$scratch/root/etc/nsswitch.conf"
  ! on client chroot "$scratch/root" /asks-libc lab.example ||
    skip "a static program of this machine's libc loads no module"
  for line in 'files myhostname dns' 'resolve [!UNAVAIL=return] files myhostname dns' \
    'files mdns4_minimal [NOTFOUND=return] dns' 'mymachines files dns myhostname'; do
    echo "hosts: $line" >"$scratch/root/etc/nsswitch.conf"
    on client chroot "$scratch/root" /secret-client --server lab.example:8031 --string drawer >"$scratch/out"
    same reward "$(cat "$scratch/out")"
    for name in no.example nowhere.local; do
      exits 1 on client chroot "$scratch/root" /secret-client --server "$name:8031" --patience 0 \
        --string drawer 2>"$scratch/said"
      has "cannot reach $name:8031" "$scratch/said"
    done
  done
}

# Puts such modules into the root, and a static program that looks its argument up through libc.
foreign_modules() {
  local module folder
  cat >"$scratch/module.c" <<'END'
__attribute__((constructor)) static void load(void) { __builtin_trap(); }
END
  cat >"$scratch/asks.c" <<'END'
#include <netdb.h>
int main(int count, char **words) {
  struct addrinfo *found;
  return count < 2 || getaddrinfo(words[1], "80", 0, &found);
}
END
  cc -shared -fPIC -nostdlib -o "$scratch/module.so" "$scratch/module.c"
  cc -static -o "$scratch/root/asks-libc" "$scratch/asks.c" 2>"$scratch/cc" ||
    skip "no static libc, to show that the modules kill: $(tail -1 "$scratch/cc")"
  for folder in lib lib64 usr/lib usr/lib64 "lib/$(uname -m)-linux-gnu" "usr/lib/$(uname -m)-linux-gnu"; do
    mkdir -p "$scratch/root/$folder"
    for module in myhostname resolve mdns4_minimal mymachines dns files; do
      cp "$scratch/module.so" "$scratch/root/$folder/libnss_$module.so.2"
    done
  done
}

[ -n "${IN_LAB:-}" ] || "$scripts/build-static.sh" --profile dev --out "$dist" >"$work/built" 2>&1 ||
  { cat "$work/built"; exit 1; }
enter_lab
name_server || exit
serve server secret "$dist/secret-server" --listen 8031 --delay 0 || exit
run_tests

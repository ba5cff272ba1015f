#!/usr/bin/env bash
# Names that lead to more servers while the work goes on, or only after a silent name server: the real
# programs, with files of their own in a mount namespace, and ports of their own in a network namespace.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

bin=$target/debug

serve() { # ADDRESS
  "$bin/secret-server" --listen "$1" --workers 1 --delay 100ms 2>"$scratch/server.$1" &
  children="$children $!"
  within 10 grep -q '^listening on' "$scratch/server.$1"
}

test_a_name_that_gains_an_address_gains_a_server() {
  local port client
  port=$(free_port)
  serve "127.0.0.1:$port"
  serve "127.0.0.2:$port"
  echo '127.0.0.1 secret.test' >"$scratch/hosts"
  mount --bind "$scratch/hosts" /etc/hosts
  # Half a minute of work for one server; names are looked up again every ten seconds.
  seq 600 >"$scratch/words"
  "$bin/secret-client" --server "secret.test:$port" "$scratch/words" \
    >"$scratch/answers" 2>"$scratch/said" &
  client=$!
  within 10 test -s "$scratch/answers"
  echo '127.0.0.2 secret.test' >>"$scratch/hosts"
  wait "$client"
  has 'over 2 servers' "$scratch/said"
  same "$(rev "$scratch/words")" "$(cat "$scratch/answers")"
}

# libc waits five seconds for the first name server, which is no reason to give up before the second.
test_a_silent_first_name_server_costs_time_and_not_the_name() {
  serve 127.0.0.1:8031
  name_servers
  printf 'nameserver 127.0.0.8\nnameserver 127.0.0.9\n' >"$scratch/resolv.conf"
  mount --bind "$scratch/resolv.conf" /etc/resolv.conf
  echo 'hosts: files dns' >"$scratch/nsswitch.conf"
  [ ! -e /etc/nsswitch.conf ] || mount --bind "$scratch/nsswitch.conf" /etc/nsswitch.conf
  "$bin/secret-client" --server lab.example:8031 --string drawer >"$scratch/out" 2>"$scratch/said"
  same reward "$(cat "$scratch/out")"
  has 'waiting for the address of lab.example:8031' "$scratch/said"
}

# Two name servers: 127.0.0.8 never answers, 127.0.0.9 says that every name is 127.0.0.1.
name_servers() {
  python3 - >"$scratch/dns" <<'END' &
import socket, struct
silent, s = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
silent.bind(("127.0.0.8", 53))
s.bind(("127.0.0.9", 53))
print("ready", flush=True)
while True:
    question, caller = s.recvfrom(512)
    end = question.index(b"\0", 12) + 5
    found = question[end - 4:end - 2] == b"\0\1"
    header = question[:2] + struct.pack(">HHHHH", 0x8180, 1, found, 0, 0)
    answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes([127, 0, 0, 1]) if found else b""
    s.sendto(header + question[12:end] + answer, caller)
END
  children="$children $!"
  within 20 grep -q ready "$scratch/dns"
}

if [ -z "${IN_NAMES:-}" ]; then
  build_programs || exit
  if unshare --mount --net ip link set lo up 2>/dev/null; then
    IN_NAMES=yes exec unshare --mount --net bash -c 'ip link set lo up && exec bash "$@"' - "$0" "$@"
  fi
  skip_tests "needs root and iproute2, for namespaces"
else
  run_tests
fi

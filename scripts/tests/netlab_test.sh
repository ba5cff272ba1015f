#!/usr/bin/env bash
# The lab itself: its hosts reach each other as on EC2, and its mishaps happen and end.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# Prints the result of a TCP connection attempt within a second: connected, refused or silence.
try() { # FROM ADDRESS PORT
  on "$1" python3 - "$2" "$3" <<'END'
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1)
    print("connected")
except ConnectionRefusedError:
    print("refused")
except OSError:
    print("silence")
END
}

readonly SERVER=172.31.0.11 SERVER_PUBLIC=198.51.100.11 CLIENT=172.31.0.12 LAPTOP=203.0.113.9

# Starts a listener on port 8030 of the server.
listener() {
  on server python3 -c 'import socket, sys, time
s = socket.create_server(("0.0.0.0", 8030), backlog=64)
print("listening on", file=sys.stderr, flush=True)
while True: s.accept()' 2>"$work/listener" &
  children="$children $!"
  within 20 grep -q listening "$work/listener"
}

test_who_reaches_whom_is_as_on_EC2() {
  same connected "$(try client "$SERVER" 8030)"
  same connected "$(try client "$SERVER_PUBLIC" 8030)"
  same connected "$(try laptop "$SERVER_PUBLIC" 8030)"
  same silence "$(try laptop "$SERVER" 8030)" # the internet does not carry private addresses
  same refused "$(try laptop "$SERVER_PUBLIC" 8039)"
}

test_a_security_group_by_private_address_does_not_match_the_public_one() {
  lab sg server deny
  lab sg server allow 8030-8039 "$CLIENT"
  same connected "$(try client "$SERVER" 8030)"
  same silence "$(try client "$SERVER_PUBLIC" 8030)"
  same silence "$(try laptop "$SERVER_PUBLIC" 8030)"
  lab sg server allow 8030 "$LAPTOP/32"
  same connected "$(try laptop "$SERVER_PUBLIC" 8030)"
  lab sg server open
}

test_a_cut_between_two_spares_the_third() {
  lab cut client server
  same silence "$(try client "$SERVER" 8030)"
  same silence "$(try client "$SERVER_PUBLIC" 8030)"
  same connected "$(try laptop "$SERVER_PUBLIC" 8030)"
  lab heal server client
  same connected "$(try client "$SERVER" 8030)"
}

test_an_unplugged_host_is_silent_until_plugged_in() {
  lab cut server
  same silence "$(try client "$SERVER" 8030)"
  lab heal server
  same connected "$(try client "$SERVER" 8030)"
}

test_loss_of_everything_and_of_nothing() {
  lab loss 100
  same silence "$(try laptop "$SERVER_PUBLIC" 8030)"
  lab loss 0
  same connected "$(try laptop "$SERVER_PUBLIC" 8030)"
}

# At least this much each way, because a busy machine only adds to it.
test_a_delay_is_felt_and_ends() {
  lab delay 150
  on client python3 - "$SERVER" <<'END'
import socket, sys, time
start = time.monotonic()
socket.create_connection((sys.argv[1], 8030), timeout=20)
assert time.monotonic() - start >= 0.3, time.monotonic() - start
END
  # More than fits a frame, there and back, because nothing may stay incomplete on the way.
  on server python3 - 2>"$scratch/echo" <<'END' &
import socket, sys
listener = socket.create_server(("0.0.0.0", 8036))
print("ready", file=sys.stderr, flush=True)
caller, _ = listener.accept()
while data := caller.recv(65536): caller.sendall(data)
END
  within 20 grep -q ready "$scratch/echo"
  on laptop python3 - "$SERVER_PUBLIC" <<'END'
import socket, sys
s = socket.create_connection((sys.argv[1], 8036), timeout=20)
s.sendall(b"x" * 100_000)
got = 0
while got < 100_000: got += len(s.recv(65536))
END
  wait
  lab delay 0
  same connected "$(try laptop "$SERVER_PUBLIC" 8030)"
  ! on igw ip link show server-1 || fail "the long cable is still there"
}

test_a_lab_leaves_nothing_behind() {
  "$scripts/netlab.sh" run bash -c 'ip netns | wc -l' >"$scratch/inside" # a lab in this lab
  same 4 "$(cat "$scratch/inside")"
  same 4 "$(ip netns | wc -l)" # ours, and not eight
}

test_wrong_use_is_told() {
  exits 2 lab cut nobody
  exits 2 lab loss much
  exits 2 lab sg server allow 8030
  exits 1 lab up 2>"$scratch/said"
  has 'down' "$scratch/said"
}

enter_lab
listener || exit
run_tests

#!/usr/bin/env bash
# Rings over networks in which each machine knows the others by other addresses, or only slowly:
# any one buddy may be killed, and no buddy that lives is given up on. Some of the rings are sealed.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

buddy=$target/debug/buddy
readonly SERVER=172.31.0.11 CLIENT=172.31.0.12
readonly SERVER_PUBLIC=198.51.100.11 LAPTOP=203.0.113.9

# Starts a buddy of the ring in folder $1, behind a command that may be a wrapper. Verses go to one
# file, notices to one for each buddy. Sets $started to its process id.
start() { # RING NAME HOST PORT NEXT [FLAG]...
  local ring=$1 name=$2 host=$3 port=$4 next=$5
  shift 5
  mkdir -p "$scratch/$ring"
  # exec, because it is killed by this id
  # shellcheck disable=SC2086 # the wrapper is one word or none
  ( exec "$scripts/netlab.sh" exec "$host" ${wrapper:-} "$buddy" --listen "$port" --next "$next" \
    "$@" >>"$scratch/$ring/song" 2>"$scratch/$ring/$name" ) &
  started=$!
  children="$children $started"
  trap 'kill $children 2>/dev/null || :' EXIT
  within 20 grep -q '^listening on ' "$scratch/$ring/$name"
}

# Seals the ring with an even number that this subshell starts.
seal_every_second() { (($1 % 2)) || export LAB_KEY=$A_KEY; }

sung() { [ "$(grep -c beer "$scratch/$1/song")" -ge "$2" ]; }

# Checks the song of a ring that has ended: complete, in order, and at most $3 verses twice.
is_whole() { # RING BOTTLES REPEATS
  local verses
  sed -n 's/^Buddy [0-9]*: \([0-9]*\) bottle.*/\1/p' "$scratch/$1/song" >"$scratch/$1/verses"
  cat "$scratch/$1"/[a-e]*
  same "$(seq "$2" -1 1)" "$(awk '!heard[$1]++' "$scratch/$1/verses")"
  has ': No more bottles' "$scratch/$1/song"
  verses=$(wc -l <"$scratch/$1/verses")
  [ "$verses" -le $(($2 + $3)) ] || fail "$((verses - $2)) verses twice"
}

# Kills buddy $2 of a ring in mid-song, and waits until all others have gone home.
one_dies() { # RING VICTIM PID...
  local ring=$1 victim=$2 pid n=0
  shift 2
  within 30 sung "$ring" 60 # by now each has tried the ways that it needs then
  for pid in "$@"; do
    n=$((n + 1))
    [ "$n" = "$victim" ] || continue
    kill -9 "$pid"
    wait "$pid" || :
  done
  n=0
  for pid in "$@"; do
    n=$((n + 1))
    [ "$n" = "$victim" ] || wait "$pid" || fail "buddy $n ended with $?"
  done
}

# The ring of the README: laptop, server (by its public address), client (by its private one).
test_any_one_of_the_ring_on_EC2_may_die() {
  local victim port a b c
  for victim in 1 2 3; do
    (
      port=80${victim}2
      seal_every_second "$victim"
      start "$victim" b server "$port" "$CLIENT:$port" --tempo 100ms; b=$started
      start "$victim" c client "$port" "$LAPTOP:$port" --tempo 100ms; c=$started
      start "$victim" a laptop "$port" "$SERVER_PUBLIC:$port" --tempo 100ms -n 90; a=$started
      one_dies "$victim" "$victim" "$a" "$b" "$c"
      is_whole "$victim" 90 1
      if grep 'cannot reach' "$scratch/$victim"/[abc]; then fail "all reach each other"; fi
    ) || echo "victim $victim" >>"$scratch/failed" &
    children="$children $!"
  done
  wait
  [ ! -e "$scratch/failed" ] || fail "$(cat "$scratch/failed")"
}

# Two on the server, known to each other by a loopback address, which is another buddy's on the
# laptop and on the client.
test_any_one_of_five_may_die_where_loopback_addresses_lead_to_others() {
  local victim p a b c d e
  for victim in 1 2 3 4 5; do
    (
      p=81${victim}
      seal_every_second "$victim"
      start "$victim" b server "${p}1" "127.0.0.1:${p}2" --tempo 100ms; b=$started
      start "$victim" c server "${p}2" "$CLIENT:${p}1" --tempo 100ms; c=$started
      start "$victim" d client "${p}1" "$LAPTOP:${p}2" --tempo 100ms; d=$started
      start "$victim" e laptop "${p}2" "127.0.0.1:${p}1" --tempo 100ms; e=$started
      start "$victim" a laptop "${p}1" "$SERVER_PUBLIC:${p}1" --tempo 100ms -n 90; a=$started
      one_dies "$victim" "$victim" "$a" "$b" "$c" "$d" "$e"
      is_whole "$victim" 90 1
    ) || echo "victim $victim" >>"$scratch/failed" &
    children="$children $!"
  done
  wait
  [ ! -e "$scratch/failed" ] || fail "$(cat "$scratch/failed")"
}

test_a_way_that_a_death_would_need_and_that_is_shut_is_said() {
  local b c
  lab sg client deny
  lab sg client allow 8032 "$SERVER/32"
  start ring b server 8032 "$CLIENT:8032"; b=$started
  start ring c client 8032 "$LAPTOP:8032"; c=$started
  start ring a laptop 8032 "$SERVER_PUBLIC:8032" -n 200
  within 30 grep -q "Buddy 1 cannot reach Buddy 3 at $CLIENT:8032: no answer; if Buddy 2 dies" \
    "$scratch/ring/a"
  has 'help: start Buddy 3 with --advertise' "$scratch/ring/a"
  lab sg client open
  kill "$started" "$b" "$c"
  wait
}

# Lets a ring of three sing 4 bottles, in which no buddy dies.
all_sing() { # RING NEXT-OF-LAPTOP
  local b c
  start "$1" b server 8032 "$CLIENT:8032"; b=$started
  start "$1" c client 8032 "$LAPTOP:8032"; c=$started
  wrapper=${laptop_wrapper:-} start "$1" a laptop 8032 "$2" -n 4
  wait "$b" "$c" "$started"
  is_whole "$1" 4 0
  has ' 0 lost, no verse twice' "$scratch/$1/a"
}

test_round_trips_of_600_ms_are_no_death() {
  lab delay 300
  all_sing far "$SERVER_PUBLIC:8032"
  grep -q 'counts as gone after [5-9]\.[0-9]s of silence instead of 3\.0s' "$scratch/far/a"
  lab delay 0
}

# Makes $scratch/named, which runs a command with the names and the name server of $scratch.
make_named() {
  cat >"$scratch/named" <<END
#!/usr/bin/env bash
exec unshare --mount bash -c 'mount --bind $scratch/hosts /etc/hosts
  mount --bind $scratch/resolv.conf /etc/resolv.conf; exec "\$@"' named "\$@"
END
  chmod +x "$scratch/named"
}

test_a_name_whose_first_address_is_silent_is_no_death() {
  on laptop ip -6 addr add 2001:db8:1::1/64 dev eth0 nodad
  on laptop ip neigh add 2001:db8:1::9 lladdr 02:00:00:00:00:99 dev eth0
  printf '127.0.0.1 localhost\n2001:db8:1::9 bob.lab\n%s bob.lab\n' "$SERVER_PUBLIC" \
    >"$scratch/hosts"
  printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n' >"$scratch/resolv.conf"
  make_named
  laptop_wrapper=$scratch/named
  all_sing dual bob.lab:8032
}

test_a_name_that_takes_over_a_second_to_look_up_is_no_death() {
  echo '127.0.0.1 localhost' >"$scratch/hosts"
  echo 'nameserver 127.0.0.53' >"$scratch/resolv.conf"
  on laptop python3 - "$SERVER_PUBLIC" 2>"$scratch/dns" <<'END' &
import socket, struct, sys, threading, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.53", 53))
print("ready", file=sys.stderr, flush=True)
def answer(query, caller):
    time.sleep(1.2)
    end = query.index(b"\0", 12) + 5
    kind, = struct.unpack(">H", query[end - 4:end - 2])
    answers = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04" + socket.inet_aton(sys.argv[1]) if kind == 1 else b""
    head = query[:2] + struct.pack(">HHHHH", 0x8180, 1, 1 if answers else 0, 0, 0)
    s.sendto(head + query[12:end] + answers, caller)
while True:
    threading.Thread(target=answer, args=s.recvfrom(2048), daemon=True).start()
END
  children="$children $!"
  within 20 grep -q ready "$scratch/dns"
  make_named
  laptop_wrapper=$scratch/named
  all_sing slow bob.lab:8032
}

[ -n "${IN_LAB:-}" ] || build_programs || exit
enter_lab
choose_seal
run_tests

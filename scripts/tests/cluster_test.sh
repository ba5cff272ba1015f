#!/usr/bin/env bash
# cluster.sh, and what three machines need for the same.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

readonly NATS=${NATS_SERVER:-nats-server}

# Where CI says that there must be one, its absence is a failure.
need_nats() {
  local why
  why=$(need_command "$NATS" nats-server) && return
  [ "${CI_NATS:-}" != 1 ] || fail "CI_NATS=1, and $why" || exit
  skip "$why"
}

test_a_talk_over_three_servers_outlives_one_of_each() {
  need_nats
  "$scripts/cluster.sh" 3 </dev/null >"$scratch/out" 2>"$scratch/said" || { cat "$scratch/said"; return 1; }
  same 9 "$(grep -c ' writer[1-3]: message ' "$scratch/out")"
  has 'kill -9 of chat-server 2' "$scratch/said"
  has 'kill -9 of nats-server 2' "$scratch/said"
  has 'yes      what was acknowledged is stored, once' "$scratch/said"
  has_not Killed "$scratch/said"
}

test_an_interrupt_ends_all_and_leaves_nothing() {
  local cluster process
  need_nats
  export TMPDIR=$scratch/tmp
  mkdir "$TMPDIR"
  # With the usual signal, because a job in the background ignores it.
  env --default-signal=INT "$scripts/cluster.sh" 40 </dev/null >"$scratch/out" 2>"$scratch/said" &
  cluster=$!
  within 600 grep -q 'one more client' "$scratch/said"
  kill -INT "$cluster"
  exits 130 wait "$cluster"
  same '' "$(ls -A "$TMPDIR")"
  same 6 "$(grep -c ' is process ' "$scratch/said")"
  sed -n 's/.* is process \([0-9]*\).*/\1/p' "$scratch/said" >"$scratch/processes"
  while read -r process; do
    ! kill -0 "$process" 2>/dev/null || fail "$process runs on"
  done <"$scratch/processes"
}

test_without_a_nats_server_it_says_how_to_get_one() {
  local script
  for script in cluster.sh bench/cluster.sh; do
    NATS_SERVER=no-such-program exits 1 "$scripts/$script" 2>"$scratch/said"
    has 'there is no no-such-program' "$scratch/said"
    has 'apt install nats-server' "$scratch/said"
  done
}

test_the_drop_in_of_a_cluster_is_valid() {
  local why root=$scratch/root units=$scratch/root/etc/systemd/system
  why=$(need_command systemd-analyze systemd) || skip "$why"
  mkdir -p "$units/chat-server.service.d" "$root/usr/local/bin"
  cp "$scripts/units/chat-server.service" "$units"
  cp "$scripts/units/sandbox.conf" "$scripts/cluster/chat-server.conf" "$units/chat-server.service.d"
  printf '#!/bin/sh\n' >"$root/usr/local/bin/chat-server"
  chmod +x "$root/usr/local/bin/chat-server"
  # As in units_test.sh: any line about ours is a failure.
  systemd-analyze verify --man=no --recursive-errors=no --root="$root" chat-server.service 2>&1 |
    grep -v "network-online.target\|sysinit.target\|basic.target\|shutdown.target" >"$scratch/said" || :
  same '' "$(cat "$scratch/said")"
  sed -i 's/LoadCredential=/LoadCredentials=/' "$units/chat-server.service.d/chat-server.conf"
  systemd-analyze verify --man=no --root="$root" chat-server.service >"$scratch/said" 2>&1 || :
  has 'LoadCredentials' "$scratch/said"
}

test_the_configuration_of_three_nats_servers_is_valid() {
  need_nats
  case $("$NATS" --version) in
    *v2.[0-9].*) sed 's/, sync_interval: always//' "$scripts/cluster/nats-server.conf" ;;
    *) cat "$scripts/cluster/nats-server.conf" ;;
  esac >"$scratch/nats.conf"
  "$NATS" -t -c "$scratch/nats.conf"
}

run_tests

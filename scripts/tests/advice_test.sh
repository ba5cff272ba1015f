#!/usr/bin/env bash
# What the programs advise when a connection fails: in network namespaces the real binaries meet the
# real error of each cause, and must name the right cure.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

readonly SERVER=172.31.0.11 SERVER_PUBLIC=198.51.100.11 CLIENT_NET=172.31.0.0/16
bin=$target/debug

# told HOST ADDRESS TEXT...: the client on HOST fails at ADDRESS, and says each text.
told() {
  local host=$1 address=$2 text
  shift 2
  exits 1 on "$host" "$bin/secret-client" --server "$address" --patience 0 --string hello \
    2>"$scratch/said" >"$scratch/out"
  cat "$scratch/said"
  same '' "$(cat "$scratch/out")"
  [ "$(grep -c '^help: ' "$scratch/said")" -le 3 ] || fail "more than three lines of help"
  for text in "$@"; do has "$text" "$scratch/said"; done
}

# told_at_bind ADDRESS TEXT...: a server cannot start there, and says each text.
told_at_bind() {
  local address=$1 text
  shift
  exits 1 on server "$bin/secret-server" --listen "$address" 2>"$scratch/said"
  cat "$scratch/said"
  for text in "$@"; do has "$text" "$scratch/said"; done
}

test_nobody_listens() {
  told client "$SERVER:8039" 'connection refused' 'nothing listens on port 8039'
}

test_the_server_listens_on_loopback_only() {
  told laptop "$SERVER_PUBLIC:8032" 'connection refused' '--listen 0.0.0.0:8032'
}

test_a_private_address_from_outside() {
  told laptop "$SERVER:8031" 'no answer' 'is a private address' "use the server's public address" \
    'ec2.sh status'
}

test_a_public_address_from_inside() {
  lab sg server deny
  lab sg server allow 8030-8039 "$CLIENT_NET"
  told client "$SERVER_PUBLIC:8031" 'no answer' "use the server's private address"
  lab sg server open
}

test_a_security_group_that_keeps_us_out() {
  lab sg server deny
  told laptop "$SERVER_PUBLIC:8031" 'no answer' 'let port 8031 in' 'security group' \
    'changes at every start'
  lab sg server open
}

test_a_stopped_instance() {
  lab cut server
  told laptop "$SERVER_PUBLIC:8031" 'machine'
  lab heal server
}

test_no_such_machine() {
  told laptop 203.0.113.77:8031 'no such machine on this network' 'switched on'
}

# As firewalld does it: the machine exists, and says that it must not be reached.
test_a_firewall_that_rejects() {
  on server nft -f - <<'END'
table ip firewall {
  chain in {
    type filter hook input priority filter
    tcp dport 8031 reject with icmp type host-prohibited
  }
}
END
  told laptop "$SERVER_PUBLIC:8031" 'firewall may also reject you'
  on server nft delete table ip firewall
}

test_no_route() {
  on laptop ip route del default
  told laptop "$SERVER_PUBLIC:8031" 'no route' 'online'
  on laptop ip route add default via 203.0.113.1
}

test_our_own_rules_forbid_it() {
  on client ip route add blackhole 10.9.0.0/16
  on client ip route add prohibit 10.8.0.0/16
  told client 10.9.0.1:8031 "own rules forbid" 'ip route get'
  told client 10.8.0.1:8031 "own rules forbid" 'ip route get'
}

test_an_unknown_name() {
  told client no-such-host.invalid:8031 'no-such-host.invalid' 'typed right'
}

test_no_port() {
  exits 2 on client "$bin/secret-client" --server "$SERVER" --string hello 2>"$scratch/said"
  has 'HOST:PORT' "$scratch/said"
  exits 2 on client "$bin/secret-client" --server "$SERVER:99999" --string hello 2>"$scratch/said"
  has 'HOST:PORT' "$scratch/said"
}

test_a_frozen_server() {
  serve server frozen "$bin/secret-server" --listen 8033
  kill -STOP "$served"
  told client "$SERVER:8033" 'says nothing' 'frozen'
  kill -KILL "$served"
}

test_two_ports_swapped() {
  serve server buddy "$bin/buddy" --listen 8034 --next "$SERVER:8031"
  told client "$SERVER:8034" 'it is a buddy' 'swapped'
}

test_something_else_answers() {
  on server python3 -u -m http.server --bind 0.0.0.0 8035 >"$work/http" 2>&1 &
  within 20 grep -q Serving "$work/http"
  told client "$SERVER:8035" 'it is not a secret-server' 'listening on'
  kill %%
}

test_the_port_is_taken() {
  told_at_bind 8031 'another process has this port' 'running already'
}

test_the_public_address_is_not_the_instances_own() {
  told_at_bind "$SERVER_PUBLIC:8031" 'does not own that address' '0.0.0.0:8031' 'gateway'
}

test_a_privileged_port() {
  on server sysctl -q net.ipv4.ip_unprivileged_port_start | grep -q ' 1024$' || skip "any port is free here"
  exits 1 on server setpriv --reuid 65534 --clear-groups "$scratch/../secret-server" --listen 80 \
    2>"$scratch/said" || skip "setpriv: $(cat "$scratch/said")"
  has 'need privileges' "$scratch/said"
}

# A word list survives a pulled cable, and the loss of 20 % of the packets.
test_work_goes_on_over_a_bad_network() {
  seq 1 400 | sed 's/$/ bottles/' >"$scratch/list"
  rev "$scratch/list" >"$scratch/reversed"
  lab loss 20
  on client "$bin/secret-client" --server "$SERVER:8031" --premium "$scratch/list" >"$scratch/answers" &
  within 60 test -s "$scratch/answers"
  lab cut server
  lab heal server
  lab loss 0
  wait $!
  cmp "$scratch/reversed" "$scratch/answers"
}

[ -n "${IN_LAB:-}" ] || build_programs || exit
enter_lab
choose_seal
chmod 755 "$work"
cp "$bin/secret-server" "$work/" # where an ordinary user can run it, too
serve server whole "$bin/secret-server" --listen 8031 --delay 0 --fast-delay 10ms || exit
serve server loopback "$bin/secret-server" --listen 127.0.0.1:8032 || exit
run_tests

#!/usr/bin/env bash
# A small internet in network namespaces, for tests that need several machines: a cloud network with
# a server and a client, a laptop outside, and the mishaps between them. Linux.
#
#   scripts/netlab.sh run [HOST=ADDRESS]... COMMAND...
#                                             runs COMMAND in a lab of its own, gone afterwards;
#                                             needs no root where user namespaces are allowed
#   scripts/netlab.sh up [HOST=ADDRESS]...    a lab that stays until `down` (root)
#   scripts/netlab.sh down
#
# In a lab (`netlab.sh run bash` gives a shell in one):
#   netlab.sh exec HOST COMMAND...            runs COMMAND on HOST
#   netlab.sh add HOST=ADDRESS...             adds a host
#   netlab.sh hosts                           lists names, addresses, public addresses
#   netlab.sh cut HOST | heal HOST            pulls its network cable; plugs it in again
#   netlab.sh cut HOST HOST | heal HOST HOST  these two do not hear each other
#   netlab.sh loss PERCENT                    this share of packets gets lost on arrival; 0 ends it
#   netlab.sh delay MS                        every host sends this much later; 0 ends it
#   netlab.sh sg HOST deny                    a security group: nothing gets in but answers
#   netlab.sh sg HOST allow PORTS CIDR        ... and TCP to 8030 or 8030-8039 from there
#   netlab.sh sg HOST open                    no security group
#
#        server 172.31.0.11 ─┐                    ┌─ laptop 203.0.113.9
#        client 172.31.0.12 ─┴─ bridge ─ igw ─────┘
#
# As on EC2, an instance knows only its private address. The gateway igw maps a public address to it
# (198.51.100.11 and .12), and does not carry private addresses from outside. For other hosts,
# `run server=172.31.5.6/54.1.2.3 laptop=203.0.113.9`: two addresses are inside, one is outside.
# Needs iproute2, nftables and util-linux. The machine's own network is not touched.
set -euo pipefail

readonly HOSTS="server=172.31.0.11/198.51.100.11 client=172.31.0.12/198.51.100.12
  laptop=203.0.113.9"
readonly VPC=172.31.0.0/16 VPC_ROUTER=172.31.0.1 OUTSIDE_ROUTER=203.0.113.1
readonly PREFIX=netlab- # of the namespaces' names
readonly NETNS=/run/netns
here=$(cd "$(dirname "$(readlink -f "$0" 2>/dev/null || echo "$0")")" && pwd)
me=$here/netlab.sh wire=$here/netlab-wire.py

say() { printf '%s\n' "$*" >&2; }
die() { # MESSAGE [HELP]...
  say "netlab.sh: $1"
  shift
  while [ $# -gt 0 ]; do say "help: $1"; shift; done
  exit 1
}
usage() { sed -n '2,31s/^# \{0,1\}//p' "$0"; }
bad_usage() { say "netlab.sh: $1"; say "help: scripts/netlab.sh --help"; exit 2; }

# Runs COMMAND in the network of HOST, or of the gateway igw.
on() { # HOST COMMAND...
  local host=$1
  shift
  nsenter --net="$NETNS/$PREFIX$host" "$@"
}

# Prints lines NAME ADDRESS [PUBLIC], as noted at each host's plug in the gateway.
hosts() { on igw ip -o link show | sed -n 's/^[0-9]*: \([^@:]*\)[@:].*alias \(.*\)$/\1 \2/p'; }
is_up() { [ -e "$NETNS/${PREFIX}igw" ]; }
must_be_up() { is_up || die "no lab is up" "scripts/netlab.sh up, or in: scripts/netlab.sh run bash"; }
must_be_host() {
  hosts | grep -q "^$1 " || bad_usage "no such host: $1 ($(hosts | awk '{ print $1 }' | xargs))"
}
addresses() { hosts | awk -v host="$1" '$1 == host { print $2 ($3 ? ", " $3 : "") }'; }

# ---- making and removing ----

run() {
  local user=''
  [ $# -gt 0 ] || bad_usage "run what?"
  [ "$(id -u)" = 0 ] || user='--user --map-root-user'
  # shellcheck disable=SC2086 # two words
  unshare $user --net --mount --pid --fork --kill-child --mount-proc "$me" inside "$@"
}

# The part of `run` behind unshare. It has its own list of names, so that labs do not meet.
inside() { # [HOST=ADDRESS]... COMMAND...
  local hosts=''
  while case ${1:-} in [a-z]*=*) ;; *) false ;; esac; do
    hosts="$hosts $1"
    shift
  done
  if [ -d "$NETNS" ] || mkdir "$NETNS" 2>/dev/null; then
    mount -t tmpfs none "$NETNS"
  else
    mount -t tmpfs none /run # an ordinary user cannot make the folder, but can cover its parent
    mkdir "$NETNS"
  fi
  ip link set lo up
  # shellcheck disable=SC2086 # a list of words
  up ${hosts:-$HOSTS}
  "$@"
}

up() { # HOST=ADDRESS[/PUBLIC]...
  local tool host
  for tool in ip nft nsenter; do
    command -v "$tool" >/dev/null ||
      die "$tool is not installed" "apt-get install iproute2 nftables util-linux"
  done
  ! is_up || die "a lab is up already" "scripts/netlab.sh down"
  make_gateway
  for host in "$@"; do make_host "$host"; done
}

make_gateway() {
  ip netns add "${PREFIX}igw"
  on igw sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0
  # Otherwise the gateway would also map the addresses of packets between two instances, which
  # only cross its bridge. (-e: a kernel without br_netfilter has no such setting.)
  on igw sysctl -qwe net.bridge.bridge-nf-call-iptables=0
  on igw ip link set lo up
  make_bridge vpc "$VPC_ROUTER/16" 02:00:00:00:00:01
  make_bridge outside "$OUTSIDE_ROUTER/24" 02:00:00:00:00:02
  on igw nft -f - <<END
table ip igw {
  chain public_to_private { type nat hook prerouting priority dstnat; }
  chain private_to_public { type nat hook postrouting priority srcnat; }
  chain carry {
    type filter hook forward priority filter
    iifname outside ct original ip daddr $VPC drop
  }
}
END
}

# A bridge gets a hardware address of its own. Otherwise it takes one of its plugs' and changes it
# with them, while the hosts go on sending to the address they know.
make_bridge() { # NAME ADDRESS MAC
  on igw ip link add "$1" address "$3" type bridge
  on igw ip addr add "$2" dev "$1"
  on igw ip link set "$1" up
}

make_host() { # HOST=ADDRESS[/PUBLIC]
  local host=${1%%=*} private=${1#*=} public=''
  case $1 in *=*) ;; *) bad_usage "not HOST=ADDRESS: $1" ;; esac
  case $private in */*) public=${private#*/} private=${private%/*} ;; esac
  ip netns add "$PREFIX$host"
  ip link add "$host" netns "${PREFIX}igw" type veth peer name eth0 netns "$PREFIX$host"
  if [ -n "$public" ]; then
    plug "$host" vpc "$private/16" "$VPC_ROUTER"
    on igw nft add rule ip igw public_to_private ip daddr "$public" dnat to "$private"
    on igw nft add rule ip igw private_to_public ip saddr "$private" snat to "$public"
  else
    plug "$host" outside "$private/24" "$OUTSIDE_ROUTER"
  fi
  on igw ip link set "$host" alias "$private $public"
}

plug() { # HOST BRIDGE ADDRESS ROUTER
  on igw ip link set "$1" master "$2" up
  on "$1" ip link set lo up
  on "$1" ip addr add "$3" dev eth0
  on "$1" ip link set eth0 up
  on "$1" ip route add default via "$4"
}

down() {
  local namespace pids
  for namespace in "$NETNS/$PREFIX"*; do
    [ -e "$namespace" ] || continue
    pids=$(ip netns pids "$(basename "$namespace")")
    # shellcheck disable=SC2086 # a list of ids; they live in the lab only
    [ -z "$pids" ] || kill -9 $pids 2>/dev/null || :
    ip netns delete "$(basename "$namespace")"
  done
  # Made by the first `ip netns add`. Stays if another program uses it.
  [ -n "$(ls -A "$NETNS" 2>/dev/null)" ] || umount "$NETNS" 2>/dev/null || :
}

# ---- mishaps ----

cut() { # HOST [HOST]
  must_be_host "$1"
  if [ -z "${2:-}" ]; then
    on igw ip link set "$1" down
  else
    must_be_host "$2"
    deafen "$1" "$2"
    deafen "$2" "$1"
  fi
}

heal() { # HOST [HOST]
  must_be_host "$1"
  if [ -z "${2:-}" ]; then
    on igw ip link set "$1" up
  else
    must_be_host "$2"
    on "$1" nft delete table ip "cut_$2" 2>/dev/null || :
    on "$2" nft delete table ip "cut_$1" 2>/dev/null || :
  fi
}

# HOST hears nothing from any address of OTHER.
deafen() { # HOST OTHER
  on "$1" nft -f - <<END
add table ip cut_$2
delete table ip cut_$2
table ip cut_$2 {
  chain in { type filter hook prerouting priority raw; ip saddr { $(addresses "$2") } drop; }
}
END
}

loss() { # PERCENT
  local host which="numgen random mod 100 < ${1:-}"
  is_number "${1:-}" || bad_usage "loss takes a percentage: ${1:-}"
  [ "$1" -lt 100 ] || which='' # all; the range of the rule above ends at 99
  for host in $(hosts | awk '{ print $1 }'); do
    on "$host" nft -f - <<END
add table ip loss
delete table ip loss
table ip loss {
  chain in { type filter hook prerouting priority raw; $which drop; }
}
END
  done
}

delay() { # MS
  local host
  is_number "${1:-}" || bad_usage "delay takes milliseconds: ${1:-}"
  for host in $(hosts | awk '{ print $1 }'); do
    on "$host" tc qdisc delete dev eth0 root 2>/dev/null || :
    shorten_cable "$host"
    [ "$1" != 0 ] || continue
    on "$host" tc qdisc add dev eth0 root netem delay "${1}ms" 2>/dev/null ||
      lengthen_cable "$host" "$1"
  done
}

# Without netem: a program between HOST's plug and the bridge, HOST ... HOST ~ HOST-1 = HOST-2 ...
lengthen_cable() { # HOST MS
  local bridge
  command -v python3 >/dev/null || die "this kernel has no netem, and there is no python3"
  bridge=$(bridge_of "$1")
  on igw ip link add "$1-1" type veth peer name "$1-2"
  on igw ip link set "$1-1" up
  on igw ip link set "$1-2" master "$bridge" up
  on igw ip link set "$1" nomaster
  on igw python3 "$wire" plain "$1-2"
  on "$1" python3 "$wire" plain eth0
  on igw python3 "$wire" "$1" "$1-1" "$2" </dev/null >/dev/null 2>&1 &
}

bridge_of() { on igw ip -o link show "$1" | sed -n 's/.* master \([^ ]*\).*/\1/p'; }

# The program ends when it sees one end gone.
shorten_cable() { # HOST
  local bridge
  on igw ip link show "$1-2" >/dev/null 2>&1 || return 0
  bridge=$(bridge_of "$1-2")
  on igw ip link delete "$1-1"
  on igw ip link set "$1" master "$bridge"
}

sg() { # HOST deny|open|allow [PORTS CIDR]
  must_be_host "${1:-}"
  case ${2:-} in
    open) on "$1" nft delete table ip sg 2>/dev/null || : ;;
    deny) on "$1" nft -f - <<END ;;
add table ip sg
delete table ip sg
table ip sg {
  chain in {
    type filter hook input priority filter; policy drop;
    iifname lo accept
    ct state established,related accept
  }
}
END
    allow)
      [ $# = 4 ] || bad_usage "sg HOST allow PORTS CIDR"
      on "$1" nft add rule ip sg in ip saddr "$4" tcp dport "$3" accept ;;
    *) bad_usage "sg HOST deny, allow or open" ;;
  esac
}

is_number() { case $1 in '' | *[!0-9]* | ???????*) return 1 ;; esac; }

# ---- arguments ----

command=${1:-}
[ $# -eq 0 ] || shift
case $command in
  run | inside) "$command" "$@" ;;
  up)
    [ "$(id -u)" = 0 ] || die "only root can make a lab that stays" "scripts/netlab.sh run bash"
    mkdir -p "$NETNS"
    # shellcheck disable=SC2086 # a list of words
    if [ $# -gt 0 ]; then up "$@"; else up $HOSTS; fi ;;
  down) down ;;
  add) must_be_up; for host in "$@"; do make_host "$host"; done ;;
  hosts) must_be_up; hosts ;;
  exec)
    must_be_up
    [ $# -ge 2 ] || bad_usage "exec HOST COMMAND..."
    [ "$1" = igw ] || must_be_host "$1"
    host=$1
    shift
    exec nsenter --net="$NETNS/$PREFIX$host" "$@" ;;
  cut | heal)
    must_be_up
    [ $# -ge 1 ] || bad_usage "$command HOST [HOST]"
    "$command" "$@" ;;
  loss | delay | sg) must_be_up; "$command" "$@" ;;
  -h | --help) usage ;;
  *) bad_usage "which command? run, up, down, exec, add, hosts, cut, heal, loss, delay or sg" ;;
esac

#!/usr/bin/env bash
# Two EC2 instances for the lab: made, used, and always stopped again.
#
#   scripts/ec2.sh [OPTIONS] COMMAND
#
#   doctor              checks tools, credentials, region, key, instance type, permission
#   up                  makes or restarts the instances `server` and `client`; may be run again
#   status              lists what exists, and whether it runs and costs money (then exit 3);
#                       --all-regions looks everywhere
#   deploy              sends dist/ to both, starts the services, lets the client call the server
#   ssh NAME [COMMAND]  a shell, or one command, on `server` or `client`
#   connect [client]    shows the chat-client lines for this machine and for the client instance;
#                       `connect client` runs the latter
#   journal [DIR]       fetches what was written down since `deploy --journal`, into DIR/server and
#                       DIR/client (journals), for lab-report
#   session             up, deploy, connect; waits for Enter or Ctrl-C; always stops both
#   stop                stops both; the disks stay and cost a little
#   down                removes instances, security group and key pair; asks first
#
#   --name NAME       name of tag, security group and key pair (buddy-lab)
#   --type TYPE       instance type, x86-64 (t3.micro)
#   --region REGION   (as configured for the AWS CLI)
#   --zone ZONE       where to make instances, such as b (the first zone that has room)
#   --ports A-B       TCP ports of the programs (8030-8039)
#   --allow CIDR      who may come in from outside; repeat for several (this machine's address)
#   --ttl MINUTES     an instance powers itself off this long after each boot (120); set when made
#   --key FILE        private ssh key; FILE.pub goes to AWS (~/.ssh/id_ed25519)
#   --lab-key FILE    the lab's key (~/.config/buddy-lab/NAME.key): `deploy` makes it if there is no
#                     FILE, and gives it to all services; only its holders can come in
#   --open            `deploy` without a key: whoever reaches a port can come in
#   --journal         `deploy` has the services keep journals, and `connect` the clients
#   --dist DIR        what scripts/build-static.sh made (dist)
#   --ami ID          another image than Amazon Linux 2023, with --login USER (ec2-user)
#   --dry-run         shows what would be changed from the present state; changes nothing
#   --yes             `down` does not ask
#
# Exit: 0 done, 1 failed, 2 usage, 3 `status` found something running, 130 interrupted.
#
# All state is in AWS, found by the tags Project=NAME and Role: only the lab's key is kept here. So
# every command can be run again at any moment, from any machine that has a copy of that file; where
# there is none, `deploy` makes another key. No port is ever opened to the world.
set -euo pipefail

readonly CHAT_PORT=8030 SECRET_PORT=8031 # as in the units
readonly ANSWER_SECONDS=30               # for a server that was just started
readonly SETTLE_SECONDS=5                # until AWS lists what was being made
readonly LISTED_SECONDS=60               # until it lists what runs, with addresses
readonly RELEASE_SECONDS=60              # until a terminated instance lets go of its group
readonly JOURNAL_BYTES=$((1 << 30))      # of an instance: sixteen full ones
readonly MAX_GENERATIONS=100             # of instances in a role, all but the last one terminated
readonly AMI_PARAMETER=/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64

# A link in ~/bin, say, is followed. An old readlink cannot.
here=$(cd "$(dirname "$(readlink -f "$0" 2>/dev/null || echo "$0")")" && pwd)
# Services and containers may have none. Bash then asks the system's list of users.
[ -n "${HOME:-}" ] || { unset HOME; HOME=~; }
name=buddy-lab type=t3.micro region='' zone='' everywhere='' ports=8030-8039 allow='' ttl=120
key=$HOME/.ssh/id_ed25519 dist=$(dirname "$here")/dist ami='' login=ec2-user
lab_key='' open='' journal='' dry_run='' yes='' command=''
who='' # this session
making='' # the role of an instance that AWS may or may not be making
renewer='' # the process that shows others that this session lives
me=scripts/ec2.sh # how to call this again for the same lab

# ---- words ----

usage() { sed -n '2,37s/^# \{0,1\}//p' "$0"; }
# The colon is there because a closed terminal must not keep `session` from stopping.
say() { printf '%s\n' "$*" >&2 || :; }

die() { # MESSAGE [HELP]...
  say "ec2.sh: $1"
  shift
  while [ $# -gt 0 ]; do say "help: $1"; shift; done
  exit 1
}

bad_usage() {
  say "ec2.sh: $1"
  say "help: $me --help"
  exit 2
}

# shellcheck source=ec2/aws.sh
. "$here/ec2/aws.sh"
# shellcheck source=ec2/advice.sh
. "$here/ec2/advice.sh"
# shellcheck source=ec2/list.sh
. "$here/ec2/list.sh"
# shellcheck source=ec2/key.sh
. "$here/ec2/key.sh"
# shellcheck source=ec2/network.sh
. "$here/ec2/network.sh"
# shellcheck source=ec2/instances.sh
. "$here/ec2/instances.sh"
# shellcheck source=ec2/stop.sh
. "$here/ec2/stop.sh"
# shellcheck source=ec2/status.sh
. "$here/ec2/status.sh"
# shellcheck source=ec2/session.sh
. "$here/ec2/session.sh"
# shellcheck source=ec2/reach.sh
. "$here/ec2/reach.sh"
# shellcheck source=ec2/journal.sh
. "$here/ec2/journal.sh"
# shellcheck source=ec2/doctor.sh
. "$here/ec2/doctor.sh"

# ---- arguments ----

value() { [ -n "${2:-}" ] || bad_usage "$1 needs a value"; }

is_number() { case $1 in '' | *[!0-9]* | ??????*) return 1 ;; esac; }

# Accepts a range of IPv4 addresses, but not half of the internet.
check_cidr() {
  [[ $1 =~ ^([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})/([0-9]{1,2})$ ]] ||
    bad_usage "not an IPv4 range such as 203.0.113.9/32: $1"
  [ "${BASH_REMATCH[5]}" -le 32 ] || bad_usage "not an IPv4 range such as 203.0.113.9/32: $1"
  [ "${BASH_REMATCH[5]}" -ge 8 ] ||
    bad_usage "$1 is half the world: the lab is open to addresses that you know, /32 for one"
}

check_options() {
  local cidr
  for cidr in $allow; do check_cidr "$cidr"; done
  [[ $name =~ ^[a-z][a-z0-9-]{0,40}$ ]] || \
    bad_usage "--name takes small letters, digits and -: $name"
  [[ $type =~ ^[a-z0-9-]+\.[a-z0-9-]+$ ]] || bad_usage "not an instance type: $type"
  [[ $zone =~ ^([a-z0-9-]*[a-z])?$ ]] || bad_usage "--zone takes b, or eu-west-2b: $zone"
  case $ports in *-*) ;; *) ports=$ports-$ports ;; esac
  { is_number "${ports%-*}" && is_number "${ports#*-}" && [ "${ports%-*}" -ge 1024 ] &&
    [ "${ports%-*}" -le "${ports#*-}" ] && [ "${ports#*-}" -le 65535 ]; } ||
    bad_usage "--ports takes A-B, from 1024 to 65535: $ports"
  { is_number "$ttl" && [ "$ttl" -ge 1 ] && [ "$ttl" -le 1440 ]; } ||
    bad_usage "--ttl takes 1 to 1440 minutes: without an end an instance may run for months"
}

while [ $# -gt 0 ]; do
  case $1 in
    --name) value "$@"; name=$2; shift 2 ;;
    --type) value "$@"; type=$2; shift 2 ;;
    --region) value "$@"; region=$2; shift 2 ;;
    --zone) value "$@"; zone=$2; shift 2 ;;
    --all-regions) everywhere=yes; shift ;;
    --ports) value "$@"; ports=$2; shift 2 ;;
    --allow) value "$@"; allow="$allow $2"; shift 2 ;;
    --ttl) value "$@"; ttl=$2; shift 2 ;;
    --key) value "$@"; key=$2; shift 2 ;;
    --lab-key) value "$@"; lab_key=$2; shift 2 ;;
    --open) open=yes; shift ;;
    --journal) journal=yes; shift ;;
    --dist) value "$@"; dist=$2; shift 2 ;;
    --ami) value "$@"; ami=$2; shift 2 ;;
    --login) value "$@"; login=$2; shift 2 ;;
    --dry-run) dry_run=yes; shift ;;
    --yes) yes=yes; shift ;;
    -h | --help) usage; exit ;;
    -*) bad_usage "no such option: $1" ;;
    *)
      [ -z "$command" ] || break
      command=$1
      shift
      [ "$command" != ssh ] || break # the rest is for ssh
      ;;
  esac
done
check_options
case $command in
  ssh | connect | journal) ;;
  *) [ $# -eq 0 ] || bad_usage "too many words: $*" ;;
esac

[ -z "$everywhere" ] || [ "$command" = status ] || bad_usage "--all-regions is for status"
[ -z "$open" ] || [ -z "$lab_key" ] || bad_usage "--open is without a --lab-key"

[ "$name" = buddy-lab ] || me="$me --name $name"
[ -z "$region" ] || me="$me --region $region"
[ -z "$lab_key" ] || me="$me --lab-key $(printf '%q' "$lab_key")"
[ -z "$open" ] || me="$me --open"
[ -z "$journal" ] || me="$me --journal"
[ -n "$open" ] || lab_key=${lab_key:-${XDG_CONFIG_HOME:-$HOME/.config}/buddy-lab/$name.key}

list='' dead=''
tmp=$(mktemp -d)
: >"$tmp/mine"
trap 'rm -rf "$tmp"' EXIT
exec 3>&1 # where a dry run prints, also from inside $(...)

case $command in
  doctor) doctor ;;
  up)
    has_tools
    find_region
    trap leave_up EXIT
    trap 'exit 130' INT TERM HUP
    up ;;
  status | deploy | session | stop | down) has_tools; find_region; "$command" ;;
  connect) has_tools; find_region; connect "$@" ;;
  journal) has_tools; find_region; fetch_journals "$@" ;;
  ssh) has_tools; find_region; ssh_to "$@" ;;
  '') bad_usage "which command? doctor, up, status, deploy, ssh, connect, journal, session, stop or down" ;;
  *) bad_usage "no such command: $command" ;;
esac

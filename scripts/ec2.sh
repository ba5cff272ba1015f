#!/usr/bin/env bash
# Two EC2 instances for the lab: made, used, and always stopped again.
#
#   scripts/ec2.sh [OPTIONS] COMMAND
#
#   doctor              checks tools, credentials, region, key, instance type, permission
#   up                  makes or restarts the instances `server` and `client`; may be run again
#   status              lists what exists, and whether it runs and costs money (then exit 3)
#   deploy              sends dist/ to both, starts the services, lets the client call the server
#   ssh NAME [COMMAND]  a shell, or one command, on `server` or `client`
#   connect [client]    shows the chat-client lines for this machine and for the client instance;
#                       `connect client` runs the latter
#   session             up, deploy, connect; waits for Enter or Ctrl-C; always stops both
#   stop                stops both; the disks stay and cost a little
#   down                removes instances, security group and key pair; asks first
#
#   --name NAME       name of tag, security group and key pair (buddy-lab)
#   --type TYPE       instance type, x86-64 (t3.micro)
#   --region REGION   (as configured for the AWS CLI)
#   --ports A-B       TCP ports of the programs (8030-8039)
#   --allow CIDR      who may come in from outside; repeat for several (this machine's address)
#   --ttl MINUTES     an instance powers itself off this long after each boot (120); set when made
#   --key FILE        private ssh key; FILE.pub goes to AWS (~/.ssh/id_ed25519)
#   --dist DIR        what scripts/build-static.sh made (dist)
#   --ami ID          another image than Amazon Linux 2023, with --login USER (ec2-user)
#   --dry-run         shows what would be changed from the present state; changes nothing
#   --yes             `down` does not ask
#
# Exit: 0 done, 1 failed, 2 usage, 3 `status` found something running, 130 interrupted.
#
# All state is in AWS, found by the tags Project=NAME and Role: nothing is remembered here, so every
# command can be run again at any moment, from any machine. No port is ever opened to the world.
set -euo pipefail

readonly CHAT_PORT=8030 SECRET_PORT=8031 # as in the units
readonly ANSWER_SECONDS=30               # for a server that was just started
readonly SETTLE_SECONDS=5                # until AWS lists what was being made
readonly AMI_PARAMETER=/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64

here=$(cd "$(dirname "$0")" && pwd)
name=buddy-lab type=t3.micro region='' ports=8030-8039 allow='' ttl=120
key=$HOME/.ssh/id_ed25519 dist=$here/../dist ami='' login=ec2-user dry_run='' yes='' command=''
making='' # whether a session is in the middle of `up`
me=scripts/ec2.sh # how to call this again for the same lab

# ---- words ----

usage() { sed -n '4,31s/^# \{0,1\}//p' "$0"; }
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
# shellcheck source=ec2/up.sh
. "$here/ec2/up.sh"
# shellcheck source=ec2/reach.sh
. "$here/ec2/reach.sh"
# shellcheck source=ec2/doctor.sh
. "$here/ec2/doctor.sh"

# ---- status, stop, down ----

status() {
  look
  table
  [ -n "$(ids pending running)" ] || return 0
  say "RUNNING, and charged by the second until you say: $me stop"
  exit 3
}

stop() {
  local starting running
  look
  starting=$(ids pending)
  # Waits first, because AWS refuses to stop an instance that is still starting.
  # shellcheck disable=SC2086 # a list of ids, as below
  [ -z "$starting" ] || await instance-running --instance-ids $starting
  running=$(ids pending running)
  if [ -n "$running" ]; then
    say "stopping"
    # shellcheck disable=SC2086
    change ec2 stop-instances --instance-ids $running >/dev/null
  fi
  running=$(ids pending running stopping)
  # shellcheck disable=SC2086
  [ -z "$running" ] || await instance-stopped --instance-ids $running
  look
  [ -n "$dry_run" ] || table
}

down() {
  local all group known
  look
  all=$(ids pending running stopping stopped)
  confirm_down
  if [ -n "$all" ]; then
    # shellcheck disable=SC2086 # a list of ids, as below
    say "terminating" $all
    # shellcheck disable=SC2086
    change ec2 terminate-instances --instance-ids $all >/dev/null
    # shellcheck disable=SC2086
    await instance-terminated --instance-ids $all # a group in use cannot be deleted
  fi
  group=$(group_id)
  if [ -n "$group" ]; then
    say "deleting security group $name ($group)"
    change ec2 delete-security-group --group-id "$group" >/dev/null
  fi
  known=$(key_pair)
  if [ -n "$known" ]; then
    say "deleting key pair $name (your own $key stays)"
    change ec2 delete-key-pair --key-name "$name" >/dev/null
  fi
  [ -n "$dry_run" ] || rm -f "$(known_hosts)"
  [ -n "$dry_run" ] || say "nothing of $name is left"
}

confirm_down() {
  local answer=''
  [ -z "$yes$dry_run" ] || return 0
  table
  printf 'Remove these, their disks, the security group and the key pair? [y/N] ' >&2
  read -r answer || :
  case $answer in y | Y | yes) ;; *) die "nothing was removed" "--yes does not ask" ;; esac
}

# ---- session ----

session() {
  # Asked before there is anything to stop.
  check_key
  has_dist
  look
  trap leave_session EXIT
  # Exit, and let the line above stop the instances. Bash runs this when the present command has
  # ended: an instance that is being made is then listed, and can be stopped.
  trap 'exit 130' INT TERM HUP
  making=yes
  up
  making=''
  deploy
  [ -z "$dry_run" ] || return 0
  connect
  say "Enter or Ctrl-C stops both instances"
  read -r _ || :
}

# Stops in a process of its own, so that an error in this one cannot prevent it.
leave_session() {
  local code=$? options=''
  trap '' INT TERM HUP
  options="--name $name${region:+ --region $region}${dry_run:+ --dry-run}"
  # shellcheck disable=SC2086 # a list of words
  if ! "$here/ec2.sh" $options stop; then code=1; could_not_stop; fi
  if [ -n "$making" ]; then
    # Interrupted while they were made, so AWS may list the newest only now.
    sleep "$SETTLE_SECONDS"
    # shellcheck disable=SC2086
    if ! "$here/ec2.sh" $options stop >/dev/null; then code=1; could_not_stop; fi
  fi
  rm -rf "$tmp"
  exit "$code"
}

could_not_stop() {
  say "COULD NOT STOP THE INSTANCES: run $me stop, or stop them in the AWS console;"
  say "they power themselves off $ttl minutes after their start"
}

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
    --ports) value "$@"; ports=$2; shift 2 ;;
    --allow) value "$@"; allow="$allow $2"; shift 2 ;;
    --ttl) value "$@"; ttl=$2; shift 2 ;;
    --key) value "$@"; key=$2; shift 2 ;;
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
  ssh | connect) ;;
  *) [ $# -eq 0 ] || bad_usage "too many words: $*" ;;
esac

[ "$name" = buddy-lab ] || me="$me --name $name"
[ -z "$region" ] || me="$me --region $region"

list=''
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
exec 3>&1 # where a dry run prints, also from inside $(...)

case $command in
  doctor) doctor ;;
  up | status | deploy | session | stop | down) has_tools; "$command" ;;
  connect) has_tools; connect "$@" ;;
  ssh) has_tools; ssh_to "$@" ;;
  '') bad_usage "which command? doctor, up, status, deploy, ssh, connect, session, stop or down" ;;
  *) bad_usage "no such command: $command" ;;
esac

#!/usr/bin/env bash
# The whole lab on one machine, as if it were EC2: a laptop, two instances, and the usual mistakes.
#
#   scripts/rehearse.sh [--dist DIR] [--report FILE]
#
#   --dist DIR      as of scripts/build-static.sh, which is run if none is given
#   --report FILE   draws what happened on all machines: one page for any browser
#
# Needs root, on Debian.
#
# ec2.sh and deploy.sh run unchanged, with the real AWS CLI, against moto. Instances are network
# namespaces with the addresses that moto handed out and the security group that it stored; in each
# a systemd of its own boots with cloud-init, sshd and the user data of that instance. All of it is
# removed afterwards. Installs what it needs (PyPI, Debian); says why if it cannot run.
#
# Prints ok or FAILED for each step, what lab-report finds in the journals of all machines, and at the
# end `N passed, M failed`; exit 1 if any failed.
# shellcheck source=tests/lib.sh
# shellcheck disable=SC2317,SC2329 # the steps are called by name
. "$(dirname "$(readlink -f "$0" 2>/dev/null || echo "$0")")/tests/lib.sh"

readonly LAPTOP=203.0.113.9
readonly PROGRAMS_NEEDED="sshd:openssh-server nft:nftables systemd-analyze:systemd dbus-daemon:dbus
  cloud-init:cloud-init sudo:sudo ip:iproute2 curl:curl"

# ---- outside: prepare, go in, clean up ----

usage() { sed -n '2,17s/^# \{0,1\}//p' "$0"; }
bad_usage() { printf 'rehearse.sh: %s\nhelp: scripts/rehearse.sh --help\n' "$1" >&2; exit 2; }

# Ends with the reason. That is not a failure, because nothing was tried.
cannot() { echo "skipped: $*"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }

no_dist() {
  echo "rehearse.sh: there is nothing in '$1'" >&2
  echo "help: scripts/build-static.sh makes dist; without --dist the programs are built here" >&2
  exit 1
}

outside() {
  local why pair dist='' report=''
  PATH=$PATH:/usr/sbin:/sbin # where sshd, nft and ip are
  while [ $# -gt 0 ]; do
    case $1 in
      --dist)
        dist=$(cd "${2:-.}" 2>/dev/null && pwd)
        [ -r "$dist/SHA256SUMS" ] || no_dist "${2:-}"
        shift ;;
      --report)
        report=${2:-}
        case $report in '') bad_usage '--report needs a file' ;; /*) ;; *) report=$PWD/$report ;; esac
        shift ;;
      -h | --help) usage; exit ;;
      *) bad_usage "no such option: $1" ;;
    esac
    shift
  done
  [ "$(id -u)" = 0 ] || cannot "needs root, to boot instances: sudo scripts/rehearse.sh --dist dist"
  [ -n "$dist" ] || command -v cargo >/dev/null ||
    cannot "root has no cargo: build as yourself (scripts/build-static.sh), then add --dist dist"
  for pair in $PROGRAMS_NEEDED; do
    why=$(need_command "${pair%:*}" "${pair#*:}") || cannot "$why"
  done
  why=$(need_tool moto_server 'moto[server,ec2,ssm]' && need_tool aws awscli) || cannot "$why"
  why=$("$scripts/netlab.sh" run true 2>&1) || cannot "no network namespaces here: $why"
  [ -d /run/sshd ] || mkdir /run/sshd
  if [ -z "$dist" ]; then
    dist=$target/rehearsal-dist
    # Linked as for a release, but without optimisation and debug information, which takes a quarter
    # of the time.
    CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_STRIP=true \
      "$scripts/build-static.sh" --profile dev --out "$dist" || exit
  fi
  export REHEARSAL_DIST=$dist REHEARSAL_REPORT=$report REHEARSAL_GROUP=rehearsal-$$
  trap 'remove_groups; clean_up' EXIT
  # The laptop is a host, and everything below runs on it.
  "$scripts/netlab.sh" run "laptop=$LAPTOP" "$scripts/netlab.sh" exec laptop "$scripts/rehearse.sh" inside
}

# A systemd that is killed leaves the control groups of its services.
remove_groups() {
  mkdir -p "$work/cgroup"
  mount -t cgroup2 none "$work/cgroup"
  [ ! -d "$work/cgroup/$REHEARSAL_GROUP" ] || within 10 remove_folders "$work/cgroup/$REHEARSAL_GROUP"
  umount "$work/cgroup"
}
remove_folders() { find "$1" -depth -type d -exec rmdir {} +; }

# ---- inside: the steps ----

ec2() { "$scripts/ec2.sh" --allow "$LAPTOP/32" --key "$work/key" --dist "$REHEARSAL_DIST" "$@"; }
at() { ec2 ssh "$@"; } # HOST COMMAND...

# Prints the address of server or client: 4 public, 5 private.
address() { ec2 status 2>/dev/null | awk -v role="$1" -v n="$2" '$1 == role { print $n }'; }

# step WORDS FUNCTION: runs it and prints the verdict. After a failed step the next ones are tried
# all the same, unless all of them need it. Sets $code, and must not be called in a condition, because
# there bash takes no notice of `set -e`, and only the last command of the function would count.
passed=0 failed=0
step() {
  local start=$SECONDS
  (set -e; "$2") >"$work/log" 2>&1
  code=$?
  if [ "$code" = 0 ]; then
    passed=$((passed + 1))
    printf 'ok      %s (%s s)\n' "$1" $((SECONDS - start))
  else
    failed=$((failed + 1))
    printf 'FAILED  %s\n' "$1"
    sed 's/^/  | /' "$work/log"
  fi
}
must() { step "$@"; [ "$code" = 0 ] || { show_consoles; finish; }; }
finish() { cat "$work/verdict" 2>/dev/null; echo "$passed passed, $failed failed"; [ "$failed" = 0 ]; exit; }
show_consoles() { tail -n 20 "$work"/*/console 2>/dev/null; }

inside() {
  ssh-keygen -q -t ed25519 -N '' -f "$work/key"
  start_moto || exit # not a step, because steps are subshells and this sets what all of them use
  lab_key=$HOME/.config/buddy-lab/buddy-lab.key # which the first deployment makes
  export LAB_JOURNAL=$work/journals/laptop
  step 'the doctor finds all in place' doctor_is_content
  must 'up makes two instances' up
  server=$(address server 5) server_public=$(address server 4)
  client=$(address client 5) client_public=$(address client 4)
  must 'they boot, with the addresses and rules that AWS stores' boot_instances
  step 'each will power itself off' timers_are_armed
  must 'deploy sends, checks, starts, and the client reaches the server' deploy
  step 'a stranger, who has no key, is refused and told why' stranger_is_refused
  step 'a damaged archive is refused' damaged_is_refused
  step 'a server that cannot start: deploy fails and shows its last words' last_words
  step 'deploy again replaces programs that run' deploy
  step 'services have neither root nor a home' services_are_confined
  step 'a chat between the instances and the laptop' chat
  step 'a killed server comes back, and has forgotten nothing' chat_survives_a_kill
  step 'the public address from inside: no answer, and the doctor knows why' public_from_inside
  step 'a word list over two secret servers' word_list
  step 'three buddies on three hosts sing 99 bottles' ring
  step 'a report of all machines: all was as promised' report
  step 'status is loud while they run' status_is_loud
  step 'the timer powers an instance off' timer_powers_off
  step 'stop stops both' stop
  step 'whoever calls a stopped server is told' stopped_is_told
  step 'down leaves nothing' down
  finish
}

doctor_is_content() { ec2 doctor; }
up() { ec2 up; }
status_is_loud() { exits 3 ec2 status; }

boot_instances() {
  lab add "server=$server/$server_public" "client=$client/$client_public"
  apply_security_group
  boot server
  boot client
  within 60 at server systemctl is-active lab-autostop.timer
  within 60 at client systemctl is-active lab-autostop.timer
}

# Applies the group as AWS has it. A rule whose source is the group means its private addresses.
apply_security_group() {
  local host from to source
  for host in server client; do
    lab sg "$host" deny
    aws_test ec2 describe-security-group-rules --query \
      'SecurityGroupRules[?!IsEgress].[FromPort,ToPort,CidrIpv4||ReferencedGroupInfo.GroupId]' |
      while read -r from to source; do
        case $source in sg-*) source="{ $server, $client }" ;; esac
        lab sg "$host" allow "$from-$to" "$source"
      done
  done
}

boot() { # HOST
  local id
  id=$(aws_test ec2 describe-instances --filters "Name=tag:Role,Values=$1" \
    --query 'Reservations[].Instances[].InstanceId')
  mkdir -p "$work/$1"
  aws_test ec2 describe-instance-attribute --attribute userData --instance-id "$id" \
    --query UserData.Value | base64 -d >"$work/$1/user-data"
  printf 'instance-id: %s\nlocal-hostname: %s\npublic-keys: ["%s"]\n' "$id" "$1" "$(cat "$work/key.pub")" \
    >"$work/$1/meta-data"
  # In a mount namespace of its own, so that cleaning up here cannot reach into it.
  unshare --mount "$scripts/tests/boot.sh" "$1" "$work/$1" "$REHEARSAL_GROUP" >"$work/$1/console" 2>&1 &
  echo $! >"$work/$1/pid"
}

timers_are_armed() {
  local host
  for host in server client; do
    at "$host" systemctl list-timers --no-legend lab-autostop.timer | grep 'lab-autostop.service'
  done
}

deploy() { ec2 --journal deploy; }

stranger_is_refused() {
  unset LAB_JOURNAL # because this is not to succeed
  exits 1 timeout 60 "$REHEARSAL_DIST/chat-client" --server "$server_public:8030" --name eve </dev/null \
    2>"$scratch/chat"
  exits 1 timeout 60 "$REHEARSAL_DIST/secret-client" --server "$server_public:8031" --string hello \
    2>"$scratch/secret"
  for said in "$scratch/chat" "$scratch/secret"; do
    has 'it lets in holders of its key only' "$said"
    has 'add --key FILE' "$said"
  done
}

damaged_is_refused() {
  cp -R "$REHEARSAL_DIST" "$scratch/damaged"
  echo x >>"$scratch/damaged/buddy"
  exits 1 ec2 --dist "$scratch/damaged" deploy 2>"$scratch/said"
  has 'server has not taken it' "$scratch/said"
  at server "sha256sum </usr/local/bin/buddy" | grep "$(sha256sum <"$REHEARSAL_DIST/buddy")"
}

# Another program has the port.
last_words() {
  at client 'sudo systemctl stop secret-server &&
    sudo systemd-run --quiet --unit=squatter secret-server --listen 8031'
  exits 1 ec2 deploy 2>"$scratch/said"
  has 'secret-server does not come up' "$scratch/said"
  has 'another process has this port' "$scratch/said"
  at client sudo systemctl stop squatter
}

services_are_confined() {
  at server ps -o user=,args= -C chat-server,secret-server | tee "$scratch/ps"
  same 2 "$(grep -c . "$scratch/ps")"
  ! grep '^root' "$scratch/ps" || fail "a server runs as root"
}

# Each sees the other's lines. FIFOs keep both clients there until both have seen them.
chat() {
  mkfifo "$scratch/in1" "$scratch/in2"
  chat_client laptop "$server_public" <"$scratch/in1" >"$scratch/laptop" &
  at client timeout 60 chat-client --key lab.key --journal journal --server "$server:8030" --name ann <"$scratch/in2" >"$scratch/client" &
  exec 6>"$scratch/in1" 7>"$scratch/in2"
  echo 'hello from outside' >&6
  within 30 grep 'laptop: hello from outside' "$scratch/client"
  echo 'hello from inside' >&7
  within 30 grep 'ann: hello from inside' "$scratch/laptop"
  exec 6>&- 7>&-
  wait
}
chat_client() { # NAME ADDRESS [ROOM]
  timeout 60 "$REHEARSAL_DIST/chat-client" --key "$lab_key" --server "$2:8030" --name "$1" --room "${3:-lobby}"
}

chat_survives_a_kill() {
  local before
  before=$(at server systemctl show --property=MainPID --value chat-server)
  at server sudo kill -9 "$before"
  within 30 server_is_new "$before"
  chat_client bob "$server_public" </dev/null >"$scratch/seen" & # only listens
  within 30 grep 'laptop: hello from outside' "$scratch/seen"
  within 30 grep 'ann: hello from inside' "$scratch/seen"
  kill %%
}
server_is_new() {
  local now
  now=$(at server systemctl show --property=MainPID --value chat-server)
  [ "$now" != 0 ] && [ "$now" != "$1" ] && echo there | chat_client probe "$server_public" probe
}

public_from_inside() {
  unset LAB_JOURNAL
  exits 1 at client secret-client --key lab.key --server "$server_public:8031" --patience 0 --string hello 2>"$scratch/said"
  has 'no answer' "$scratch/said"
  has "use the server's private address" "$scratch/said"
  exits 1 "$REHEARSAL_DIST/secret-client" --key "$lab_key" --server "$server:8031" --patience 0 --string hello 2>"$scratch/said"
  has "use the server's public address" "$scratch/said"
}

# A list that is reversed twice is the same list again.
word_list() {
  reverse "$project/wordlist" >"$scratch/once"
  exits 1 cmp --silent "$project/wordlist" "$scratch/once"
  reverse "$scratch/once" >"$scratch/twice"
  cmp "$project/wordlist" "$scratch/twice"
}
reverse() { # LIST
  "$REHEARSAL_DIST/secret-client" --key "$lab_key" --server "$server_public:8031,$client_public:8031" --premium "$1"
}

# laptop -> server -> client -> laptop; the instances' buddies are started by systemd.
ring() {
  local host
  start_buddy server "$client:8032"
  start_buddy client "$LAPTOP:8032"
  timeout 60 "$REHEARSAL_DIST/buddy" --key "$lab_key" --listen 8032 --next "$server_public:8032" \
    --bottles 99 --tempo 0 \
    >"$scratch/sung.laptop"
  for host in server client; do
    within 20 buddy_has_ended "$host"
    at "$host" sudo journalctl --quiet --output=cat --unit=buddy@8032 | grep '^Buddy' >"$scratch/sung.$host"
  done
  # 99 verses and the last one, a third each, none twice.
  wc -l "$scratch"/sung.*
  same 100 "$(cat "$scratch"/sung.* | sort -u | wc -l)"
  same 100 "$(cat "$scratch"/sung.* | wc -l)"
}
start_buddy() { # HOST NEXT
  printf 'NEXT=%s\nFLAGS=--tempo 0\n' "$2" | at "$1" sudo tee /etc/buddy-lab/buddy-8032.env
  at "$1" sudo systemctl start buddy@8032
}
buddy_has_ended() { # HOST: and with 0
  at "$1" systemctl show --property=ActiveState,Result buddy@8032 >"$scratch/state"
  has ActiveState=inactive "$scratch/state"
  has Result=success "$scratch/state"
}

# The songs, chats and lists of above. Of what the services have written only root can read the original.
report() {
  local journals=$work/journals host
  ec2 journal "$journals"
  for host in server client; do
    grep -qh "\"program\":\"buddy\".*\"host\":\"$host\"" "$journals/$host"/buddy-*.jsonl
    at "$host" sudo find /var/lib/private -name "'*.jsonl'" -perm /077 >"$scratch/open"
    same '' "$(cat "$scratch/open")"
  done
  exits 0 "$REHEARSAL_DIST/lab-report" "$journals" --html "${REHEARSAL_REPORT:-$scratch/report.html}" >"$work/verdict"
  has '99 bottles, 3 buddies' "$work/verdict"
  has 'room lobby' "$work/verdict"
  same 2 "$(grep -c '^107 words, 2 servers' "$work/verdict")"
}

# Starts the service that the timer would start after two hours.
timer_powers_off() {
  at client sudo systemctl start lab-autostop.service || : # the connection may end with it
  within 30 is_off client
  lab cut client # because an empty namespace refuses, while an instance that is off is silent
}
is_off() { ! kill -0 "$(cat "$work/$1/pid")"; }

stop() {
  ec2 stop
  at_once_off server
  exits 0 ec2 status
}
at_once_off() { # as AWS does it: the machine is told, then it leaves the network
  kill -9 "$(pgrep -P "$(cat "$work/$1/pid")" || cat "$work/$1/pid")"
  lab cut "$1"
}

stopped_is_told() {
  exits 1 "$REHEARSAL_DIST/secret-client" --key "$lab_key" --server "$server_public:8031" --patience 0 --string hello 2>"$scratch/said"
  cat "$scratch/said"
  has 'machine' "$scratch/said"
  exits 1 ec2 connect 2>"$scratch/said"
  has 'ec2.sh up' "$scratch/said"
}

down() {
  ec2 --yes down
  same 'terminated terminated' "$(aws_test ec2 describe-instances \
    --query 'Reservations[].Instances[].State.Name' | xargs)"
  same default "$(aws_test ec2 describe-security-groups --query 'SecurityGroups[].GroupName')"
  same '' "$(aws_test ec2 describe-key-pairs --query 'KeyPairs[].KeyName')"
  exits 0 ec2 status
  same 600 "$(stat -c %a "$lab_key")" # it stays
}

if [ "${1:-}" = inside ]; then
  scratch=$work/scratch
  mkdir "$scratch"
  inside
fi
outside "$@"

#!/usr/bin/env bash
# scripts/ec2.sh with the real AWS CLI against moto, which stands in for AWS on loopback.
# shellcheck source=moto.sh
. "$(dirname "$0")/moto.sh"

test_up_makes_two_instances_with_every_guard() {
  lab_is_up
  has running "$work/lab-is-up"
  same 'running running' "$(states)"
  same '22 22 203.0.113.9/32
8030 8039 203.0.113.9/32
8030 8039 itself' "$(rules)"
  same 'required required' "$(instances MetadataOptions.HttpTokens | xargs)"
  same '2' "$(grep -c 'CpuCredits=standard' "$work/calls-of-up")"
  same '2' "$(grep -c 'instance-initiated-shutdown-behavior stop' "$work/calls-of-up")"
  same '172.31' "$(instances PrivateIpAddress | cut -d. -f1,2 | uniq)"
  aws_test ec2 describe-instance-attribute --attribute userData --query UserData.Value \
    --instance-id "$(instances InstanceId | head -1)" | base64 -d >"$scratch/user-data"
  has 'OnBootSec=120min' "$scratch/user-data"
}

test_up_twice_is_idempotent() {
  lab_is_up
  world >"$scratch/before"
  : >"$AWS_CALLS"
  ec2 up
  world >"$scratch/after"
  diff "$scratch/before" "$scratch/after"
  ! mutating_calls | grep . || fail "the second up changed something"
}

test_up_from_another_address_replaces_the_rules() {
  lab_is_up
  rm "$work/lab-is-up" # because it has changed now
  "$scripts/ec2.sh" --key "$work/key" --allow 198.51.100.0/24 --allow 203.0.113.77/32 up
  same '22 22 198.51.100.0/24
22 22 203.0.113.77/32
8030 8039 198.51.100.0/24
8030 8039 203.0.113.77/32
8030 8039 itself' "$(rules)"
  same 'running running' "$(states)"
}

test_status_stop_up_again_and_down() {
  spoil
  ec2 status >"$scratch/none"
  has 'no instances' "$scratch/none"
  ec2 up
  instances PublicIpAddress >"$scratch/first"
  exits 3 ec2 status 2>"$scratch/loud"
  has 'RUNNING' "$scratch/loud"
  has 'scripts/ec2.sh stop' "$scratch/loud"
  ec2 --open connect >"$scratch/connect"
  has "from here:     chat-client --server $(aws_test ec2 describe-instances --filters \
    Name=tag:Role,Values=server --query 'Reservations[].Instances[].PublicIpAddress'):8030" "$scratch/connect"
  ec2 --lab-key "$scratch/lab.key" connect >"$scratch/connect"
  has "from here:     chat-client --key $scratch/lab.key --server " "$scratch/connect"
  has 'on the client: chat-client --key lab.key --server ' "$scratch/connect"
  has "scripts/ec2.sh --lab-key $scratch/lab.key connect client" "$scratch/connect"
  mkdir -p "$scratch/config/buddy-lab"
  export XDG_CONFIG_HOME=$scratch/config
  ec2 connect >"$scratch/connect" 2>"$scratch/said"
  has "from here:     chat-client --key $scratch/config/buddy-lab/buddy-lab.key --server " "$scratch/connect"
  has "there is no $scratch/config/buddy-lab/buddy-lab.key here" "$scratch/said"
  echo labkey1aaaqeayeaudaocajbifqydiob5322 >"$scratch/config/buddy-lab/buddy-lab.key"
  ec2 connect 2>"$scratch/said"
  has_not 'there is no' "$scratch/said"
  ec2 stop >"$scratch/stopped"
  same 'stopped stopped' "$(states)"
  ec2 status
  exits 1 ec2 connect 2>"$scratch/stopped"
  has 'scripts/ec2.sh up' "$scratch/stopped"
  ec2 up
  same 'running running' "$(states)"
  ! instances PublicIpAddress | cmp - "$scratch/first" || fail "moto handed out the same addresses"
  exits 1 ec2 down # because the question was not answered with yes
  same 'running running' "$(states)"
  ec2 --yes down 2>"$scratch/down"
  has "the lab's key $scratch/config/buddy-lab/buddy-lab.key stays" "$scratch/down"
  has labkey1 "$scratch/config/buddy-lab/buddy-lab.key"
  same 'terminated terminated' "$(states)"
  same default "$(aws_test ec2 describe-security-groups --query 'SecurityGroups[].GroupName')"
  same '' "$(aws_test ec2 describe-key-pairs --query 'KeyPairs[].KeyName')"
  ec2 --yes down # and once more: nothing to do
}

test_dry_run_changes_nothing() {
  local command
  spoil
  world >"$scratch/before"
  for command in session down; do ec2 --dry-run "$command" >>"$scratch/empty"; done
  has 'would run: aws ec2 run-instances' "$scratch/empty"
  has 'would run: aws ec2 import-key-pair' "$scratch/empty"
  has_not 'stop-instances' "$scratch/empty" # there is nothing to stop
  world | diff "$scratch/before" -
  ! mutating_calls || fail "a dry run changed something"
  lab_is_up
  world >"$scratch/before"
  : >"$AWS_CALLS"
  for command in up stop down; do ec2 --dry-run "$command" >>"$scratch/full"; done
  has_not 'run-instances' "$scratch/full" # they are there
  ec2 --dry-run --journal deploy >"$scratch/journal"
  same 2 "$(grep -c 'install.sh [a-z]* journal' "$scratch/journal")"
  has 'would run: aws ec2 stop-instances' "$scratch/full"
  has 'would run: aws ec2 terminate-instances' "$scratch/full"
  world | diff "$scratch/before" -
  ! mutating_calls || fail "a dry run changed something"
}

test_nothing_is_opened_to_the_world() {
  local cidr
  for cidr in 0.0.0.0/0 0.0.0.0/1 1.2.3.4 ::/0 '1.2.3.4/32;x' 1.2.3.4/33; do
    exits 2 "$scripts/ec2.sh" --allow "$cidr" up
  done
  ! grep -n '0\.0\.0\.0/' "$scripts/ec2.sh" "$scripts"/ec2/*.sh || fail "a range for all"
}

test_wrong_use_is_told() {
  exits 2 ec2 fly
  exits 2 ec2
  exits 2 ec2 --ttl 0 up
  exits 2 ec2 --name 'a b' up
  exits 2 ec2 --ports 22-80 up
  exits 2 ec2 up and away
  exits 2 ec2 ssh nobody
  exits 2 ec2 --open --lab-key "$scratch/lab.key" connect
}

test_doctor_names_what_is_missing() {
  : >"$AWS_CALLS"
  ec2 --dist "$work/dist" doctor >"$scratch/good"
  has 'account 123456789012' "$scratch/good"
  has 'free-tier' "$scratch/good"
  has_not FAILED "$scratch/good"
  chmod 644 "$work/key"
  exits 1 ec2 --dist "$scratch/none" --region eu-north-1 --type t2.micro doctor >"$scratch/bad"
  chmod 600 "$work/key"
  has 'chmod 600' "$scratch/bad"
  has 'build-static.sh' "$scratch/bad"
  has 'not offered' "$scratch/bad"
  ! mutating_calls | grep -v run-instances || fail "the doctor changed something"
  exits 1 ec2 --region eu-north-1 --type t2.micro up 2>"$scratch/up"
  has '--type t3.micro' "$scratch/up"
}

test_without_credentials_the_next_step_is_told() {
  unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
  exits 1 ec2 up 2>"$scratch/err"
  has 'aws configure' "$scratch/err"
}

test_without_the_AWS_CLI_the_next_step_is_told() {
  local tool
  mkdir "$scratch/bin"
  for tool in bash cat dirname mktemp rm sed find; do ln -s "$(command -v "$tool")" "$scratch/bin/"; done
  PATH=$scratch/bin exits 1 ec2 status 2>"$scratch/err"
  has 'aws is not installed' "$scratch/err"
  has 'pip install awscli' "$scratch/err"
  PATH=$scratch/bin exits 1 ec2 doctor >"$scratch/doctor"
  same 1 "$(grep -c FAILED "$scratch/doctor")" # only one, not one for each call that needs it
}

# The stand-in for ssh runs what it is told here, where each instance has only a home.
test_journals_come_whole_and_stay_private() {
  local to=$scratch/journals
  lab_is_up
  mkdir -p "$scratch/bin" "$scratch/server/journal" "$scratch/client"
  echo whole >"$scratch/server/journal/buddy-1.jsonl"
  echo other >"$scratch/server/journal/buddy-1.key"
  ln -s /etc/passwd "$scratch/server/journal/link.jsonl"
  # shellcheck disable=SC2016 # the stand-ins expand it
  printf '#!/bin/sh\nshift; exec "$@"\n' >"$scratch/bin/sudo"
  # shellcheck disable=SC2016
  printf '#!/bin/sh\nHOME=%q/$3 sh -c "$4" | ${CUT:-cat}\n' "$scratch" >"$scratch/bin/ssh"
  chmod +x "$scratch/bin/sudo" "$scratch/bin/ssh"
  PATH=$scratch/bin:$PATH
  exits 1 ec2 journal "$to" 2>"$scratch/said"
  has 'client has no journals' "$scratch/said"
  has 'ec2.sh --journal deploy' "$scratch/said"
  same buddy-1.jsonl "$(ls "$to/server")"
  same '600 700' "$(stat -c %a "$to/server/buddy-1.jsonl" "$to/server" | xargs)"
  # What is there stays when the connection breaks.
  mkdir "$scratch/client/journal"
  for n in $(seq 200); do echo "$n $RANDOM" >"$scratch/client/journal/chat-client-$n.jsonl"; done
  echo more >"$scratch/server/journal/buddy-2.jsonl"
  CUT='head -c 60' exits 1 ec2 journal "$to" 2>"$scratch/said"
  has 'the journals of client came damaged' "$scratch/said"
  same whole "$(cat "$to/server/buddy-1.jsonl")"
  ec2 journal "$to" >"$scratch/out" 2>"$scratch/said"
  same "lab-report $to --html report.html" "$(cat "$scratch/out")"
  has "server: 2 journals in $to/server" "$scratch/said"
  has "client: 200 journals in $to/client" "$scratch/said"
  ec2 --open --journal connect >"$scratch/connect"
  has "from here:     chat-client --journal journals/laptop --server " "$scratch/connect"
  has 'on the client: chat-client --journal journal --server ' "$scratch/connect"
  has 'scripts/ec2.sh --open --journal connect client' "$scratch/connect"
  ec2 --dry-run journal "$scratch/none" >"$scratch/dry"
  has 'would run: ssh client' "$scratch/dry"
  ! [ -e "$scratch/none" ] || fail "a dry run made a folder"
}

# Debian 12's AWS CLI ignores AWS_ENDPOINT_URL and would call the real AWS.
test_an_old_AWS_CLI_also_stays_here() {
  local old=/usr/bin/aws
  [ -x "$old" ] || skip "no old AWS CLI here: apt-get install awscli"
  spoil
  export AWS_TEST_CLI=$old
  ec2 up
  exits 3 ec2 status
  ec2 --yes down
  has_not REFUSED "$AWS_CALLS"
}

test_every_call_goes_through_the_wrapper() {
  cd "$scripts"
  # Finds a command `aws`, perhaps after assignments. In advice the word is inside a text instead.
  grep -nE '(^|[;&|({]|\$\() *([A-Z_]+=[^ ]* +)*aws ' ec2.sh ec2/*.sh deploy.sh | tee "$scratch/calls"
  same 1 "$(grep -c . "$scratch/calls")"
  has 'ec2/aws.sh' "$scratch/calls"
  # Every change must go through `change`; `run-instances --dry-run` only asks.
  ! grep -nE ' (ask|aws_cli) .* (import|create|run|start|stop|terminate|delete|authorize|revoke)-' \
    ec2.sh ec2/*.sh | grep -v 'run-instances --dry-run' || fail "a change outside of change()"
}

run_with_moto

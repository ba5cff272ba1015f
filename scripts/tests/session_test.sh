#!/usr/bin/env bash
# However `ec2.sh session` ends, no instance may be left running.
# shellcheck source=moto.sh
. "$(dirname "$0")/moto.sh"

# Makes an ssh that does what the instances would do, or one that is refused.
fake_ssh() { # yes|no
  # shellcheck disable=SC2016 # the script expands it
  case $1 in
    yes) echo 'cat >/dev/null; case "$*" in *secret-client*) echo reward ;; esac' ;;
    no) echo 'echo "Permission denied (publickey)." >&2; exit 255' ;;
  esac >"$work/bin/ssh"
  chmod +x "$work/bin/ssh"
}

# Runs a session whose process id the guard in front of the AWS CLI can read.
session() {
  export DISTURB_WHOM=$scratch/pid
  sh -c 'echo $$ >"$DISTURB_WHOM"; exec "$@"' sh "$scripts/ec2.sh" --allow 203.0.113.9/32 \
    --key "$work/key" --dist "$work/dist" session
}

nothing_runs() { ! instances State.Name | grep -E 'pending|running' || fail "an instance still runs"; }

test_session_stops_after_Enter() {
  spoil
  fake_ssh yes
  echo | session >"$scratch/out"
  has "from here:     chat-client --key $HOME/.config/buddy-lab/buddy-lab.key --server " "$scratch/out"
  has labkey1 "$HOME/.config/buddy-lab/buddy-lab.key"
  same 'stopped stopped' "$(states)"
}

test_session_stops_when_deploying_fails() {
  spoil
  fake_ssh no
  exits 1 session </dev/null 2>"$scratch/said"
  has 'ssh-add' "$scratch/said"
  same 'stopped stopped' "$(states)"
}

test_session_without_credentials_makes_nothing_and_raises_no_alarm() {
  unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
  exits 1 session </dev/null 2>"$scratch/said"
  has 'aws configure' "$scratch/said"
  has_not 'COULD NOT STOP' "$scratch/said"
}

test_session_stops_on_SIGTERM_between_the_two_instances() {
  spoil
  DISTURB_AT=run-instances DISTURB_WITH=TERM exits 130 session </dev/null
  same stopped "$(states)"
}

test_session_stops_on_SIGINT_while_it_waits_for_AWS() {
  lab_is_up
  rm "$work/lab-is-up"
  ec2 stop
  DISTURB_AT=start-instances DISTURB_WITH=INT exits 130 session </dev/null
  nothing_runs
}

# AWS knows the second instance, but does not list it before all is over.
test_session_stops_what_AWS_never_lists() {
  spoil
  faulty <<'END'
play() {
  case " $* " in
    *" run-instances "*client*) real "$@" | tee "$FAULT/hidden" ;;
    *" describe-instances "*Reservations*)
      if [ -e "$FAULT/hidden" ]; then
        real "$@" | grep -v "$(cut -f 2 "$FAULT/hidden")" || :
      else
        real "$@"
      fi ;;
    *) real "$@" ;;
  esac
}
END
  DISTURB_AT=instance-running DISTURB_WITH=INT exits 130 session </dev/null 2>"$scratch/said"
  rm "$work/fault"
  has_not 'COULD NOT STOP' "$scratch/said"
  same 'stopped stopped' "$(states)"
}

# The same when the answer with its id was lost: only a later look finds it.
test_session_looks_a_second_time() {
  spoil
  faulty <<'END'
play() {
  case " $* " in
    *" run-instances "*) real "$@" >"$FAULT/lost"; echo 'Connection was closed' >&2; return 255 ;;
    *" describe-instances "*Reservations*)
      # Listed from the third look on: the first two are of the start and of the end.
      echo >>"$FAULT/looks"
      [ ! -e "$FAULT/lost" ] || [ "$(grep -c '' "$FAULT/looks")" -gt 5 ] || return 0
      real "$@" ;;
    *) real "$@" ;;
  esac
}
END
  exits 1 session </dev/null
  rm "$work/fault"
  same stopped "$(states)"
}

# Starts session NAME with the input of a FIFO, and waits until it is ready.
join() { # NAME
  mkfifo "$scratch/$1.in"
  "$scripts/ec2.sh" --allow 203.0.113.9/32 --key "$work/key" --dist "$work/dist" session \
    <"$scratch/$1.in" >"$scratch/$1" 2>&1 &
  children="$children $!"
}
ready() { within 240 grep 'Ctrl-C stops' "$scratch/$1"; }

test_the_first_of_two_sessions_leaves_the_instances_to_the_second() {
  local first second
  spoil
  fake_ssh yes
  join first; first=$!
  exec 6>"$scratch/first.in"
  ready first
  USER=bob join second; second=$!
  exec 7>"$scratch/second.in"
  ready second
  has "also used by session ${USER:-$(id -un)}@$(uname -n):$first" "$scratch/second"
  exits 3 ec2 status 2>"$scratch/status"
  has "used by session" "$scratch/status"
  echo >&6
  wait "$first"
  has "because session bob@$(uname -n):$second uses them" "$scratch/first"
  same 'running running' "$(states)"
  # It is told when others stop what it uses.
  ec2 stop >/dev/null 2>"$scratch/stop"
  has "used by session bob@$(uname -n):$second" "$scratch/stop"
  within 90 grep 'were stopped or removed elsewhere' "$scratch/second"
  ec2 up
  echo >&7
  wait "$second"
  same 'stopped stopped' "$(states)"
}

test_a_session_that_was_killed_keeps_nothing_running() {
  local now
  lab_is_up
  rm "$work/lab-is-up"
  fake_ssh yes
  now=$(date +%s)
  # shellcheck disable=SC2046 # a list of ids
  aws_test ec2 create-tags --resources $(instances InstanceId) \
    --tags "Key=session:ann@elsewhere:1,Value=$((now - 600))"
  echo | session >"$scratch/out" 2>&1
  has_not 'ann@elsewhere' "$scratch/out"
  same 'stopped stopped' "$(states)"
  same 0 "$(instances 'Tags[].Key' | grep -c session)"
}

# A closed lid: the terminal goes, and with it every place to write to.
test_session_stops_when_its_terminal_is_closed() {
  spoil
  fake_ssh yes
  python3 - "$scripts/ec2.sh" --allow 203.0.113.9/32 --key "$work/key" --dist "$work/dist" session <<'END'
import os, pty, sys, time
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen = b""
while b"Ctrl-C stops" not in seen:
    seen += os.read(terminal, 4096)
os.close(terminal)
os.waitpid(child, 0)
END
  same 'stopped stopped' "$(states)"
}

run_with_moto

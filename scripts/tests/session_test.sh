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
  has 'from here' "$scratch/out"
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

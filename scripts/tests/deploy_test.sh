#!/usr/bin/env bash
# scripts/deploy.sh with a stand-in for ssh; and how all scripts are called: by a link, without HOME.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

mkdir -p "$work/bin" "$work/dist"
: >"$work/dist/SHA256SUMS"
PATH=$work/bin:$PATH

# Makes an ssh from the script on stdin. It finds the number of the call, from 1, in $call.
# shellcheck disable=SC2016 # the stand-in expands it
fake_ssh() {
  { printf '#!/bin/sh\necho "$*" >>%q\ncall=$(grep -c . %q)\n' "$work/calls" "$work/calls"; cat; } >"$work/bin/ssh"
  chmod +x "$work/bin/ssh"
  : >"$work/calls"
}

test_a_machine_that_refuses_does_not_stop_the_others() {
  fake_ssh <<'END'
case "$*" in *first*) echo "ssh: Could not resolve hostname first: Name or service not known" >&2; exit 255 ;; esac
cat >/dev/null
END
  exits 1 "$scripts/deploy.sh" --dist "$work/dist" first second third 2>"$scratch/said"
  has 'deploying to second' "$scratch/said"
  has 'deploying to third' "$scratch/said"
  has 'deploy.sh: not deployed: first' "$scratch/said"
  same 'deploy.sh: not deployed: first' "$(tail -1 "$scratch/said")"
}

test_a_machine_that_does_not_take_it_does_not_stop_the_others() {
  fake_ssh <<'END'
cat >/dev/null
case "$*" in *first*install.sh*) echo "No space left on device" >&2; exit 1 ;; esac
END
  exits 1 "$scripts/deploy.sh" --dist "$work/dist" first second 2>"$scratch/said"
  has 'first has not taken it' "$scratch/said"
  has 'deploying to second' "$scratch/said"
  same 'deploy.sh: not deployed: first' "$(tail -1 "$scratch/said")"
}

# The sshd of an instance answers before cloud-init has fetched the key.
test_a_booting_machine_that_refuses_at_first_is_waited_for() {
  fake_ssh <<'END'
[ "$call" -gt 2 ] || { echo "me@first: Permission denied (publickey)." >&2; exit 255; }
cat >/dev/null
END
  "$scripts/deploy.sh" --dist "$work/dist" first 2>"$scratch/said"
  has 'if it is booting' "$scratch/said"
  has 'deploying to first' "$scratch/said"
}

# The key goes into the stream, and into no argument and not into dist/.
test_a_lab_key_goes_through_ssh() {
  fake_ssh <<'END'
cat >"$(dirname "$0")/../sent"
END
  echo labkey1aaaqeayeaudaocajbifqydiob5322 >"$scratch/lab.key"
  "$scripts/deploy.sh" --dist "$work/dist" --lab-key "$scratch/lab.key" first 2>"$scratch/said"
  same "$(cat "$scratch/lab.key")" "$(tar -xzOf "$work/sent" lab-key)"
  ! grep -r labkey1 "$work/calls" "$work/dist" "$scratch/said" || fail "the key is shown"
  exits 1 "$scripts/deploy.sh" --dist "$work/dist" --lab-key "$scratch/nothing" first 2>"$scratch/said"
  has 'holds no host key of a lab' "$scratch/said"
}

test_scripts_can_be_called_by_a_link() {
  local script
  mkdir "$scratch/bin"
  for script in "$scripts"/*.sh; do
    ln -s "$script" "$scratch/bin/${script##*/}"
    "$scratch/bin/${script##*/}" --help >"$scratch/help" 2>&1 || { cat "$scratch/help"; fail "$script"; }
    has "scripts/${script##*/}" "$scratch/help"
  done
}

test_scripts_tell_their_usage_without_HOME() {
  local script
  for script in "$scripts"/*.sh; do
    env -u HOME "$script" --help >"$scratch/help" 2>&1 || { cat "$scratch/help"; fail "$script"; }
  done
}

run_tests

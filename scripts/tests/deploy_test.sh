#!/usr/bin/env bash
# scripts/deploy.sh with a stand-in for ssh; and how all scripts are called: by a link, without HOME.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

mkdir -p "$work/bin"
make_dist "$work/dist"
PATH=$work/bin:$PATH
export HOME=$work/home

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
  echo labkey1bbbqeayeaudaocajbifqydiob5322 >"$scratch/lab.key"
  "$scripts/deploy.sh" --dist "$work/dist" --lab-key "$scratch/lab.key" first 2>"$scratch/said"
  same "$(cat "$scratch/lab.key")" "$(tar -xzOf "$work/sent" lab-key)"
  ! grep -r labkey1bbb "$work/calls" "$work/dist" "$scratch/said" || fail "the key is shown"
  echo labguest1aaaqeayeaudaocajbifqydiob5322 >"$scratch/guest.key"
  exits 1 "$scripts/deploy.sh" --dist "$work/dist" --lab-key "$scratch/guest.key" first 2>"$scratch/said"
  has 'holds no host key of a lab' "$scratch/said"
}

test_the_first_deployment_makes_a_key_and_the_next_ones_send_it() {
  local key=$scratch/home/.config/buddy-lab/buddy-lab.key
  fake_ssh <<'END'
cat >"$(dirname "$0")/../sent"
END
  export HOME=$scratch/home
  "$scripts/deploy.sh" --dist "$work/dist" --dry-run first >"$scratch/dry"
  has "chat-server --new-key $key" "$scratch/dry"
  ! [ -e "$key" ] || fail "a dry run made a key"
  "$scripts/deploy.sh" --dist "$work/dist" first 2>"$scratch/said"
  has "with the key $key" "$scratch/said"
  same 600 "$(stat -c %a "$key")"
  same 700 "$(stat -c %a "${key%/*}")"
  same "$(cat "$key")" "$(tar -xzOf "$work/sent" lab-key)"
  echo labkey1another >"$key"
  "$scripts/deploy.sh" --dist "$work/dist" first second
  same labkey1another "$(tar -xzOf "$work/sent" lab-key)"
  same labkey1another "$(cat "$key")"
  XDG_CONFIG_HOME=$scratch/xdg "$scripts/deploy.sh" --dist "$work/dist" first
  has labkey1 "$scratch/xdg/buddy-lab/buddy-lab.key"
}

# As on a Mac. The stand-in for ssh is a host where all programs run.
test_a_key_is_made_on_the_host_if_the_programs_do_not_run_here() {
  local key=$scratch/home/.config/buddy-lab/buddy-lab.key
  export HOME=$scratch/home
  cp -R "$work/dist" "$scratch/dist"
  chmod -x "$scratch/dist/chat-server"
  fake_ssh <<'END'
for words; do :; done
case $words in
  *--new-key*) sh -c "$words" ;;
  *) cat >"$(dirname "$0")/../sent" ;;
esac
END
  "$scripts/deploy.sh" --dist "$scratch/dist" first second 2>"$scratch/said"
  has "$key holds the new key" "$scratch/said"
  same 1 "$(grep -c 'new-key' "$work/calls")"
  same 600 "$(stat -c %a "$key")"
  same "$(cat "$key")" "$(tar -xzOf "$work/sent" lab-key)"
  same buddy-lab.key "$(ls "${key%/*}")"
  # A host that cannot either.
  rm "$key"
  fake_ssh <<'END'
cat >/dev/null
case "$*" in *--new-key*) echo "Exec format error" >&2; exit 126 ;; esac
END
  exits 1 "$scripts/deploy.sh" --dist "$scratch/dist" first 2>"$scratch/said"
  has 'Exec format error' "$scratch/said"
  has 'chat-server --new-key FILE' "$scratch/said"
  has_not 'deploying to' "$scratch/said"
  same '' "$(ls "${key%/*}")"
}

test_open_makes_and_sends_no_key() {
  export HOME=$scratch/home
  fake_ssh <<'END'
cat >"$(dirname "$0")/../sent"
END
  "$scripts/deploy.sh" --dist "$work/dist" --open first 2>"$scratch/said"
  has 'open to everybody' "$scratch/said"
  has 'install.sh server open' "$work/calls"
  ! tar -tzf "$work/sent" | grep lab-key || fail "a key was sent"
  ! [ -e "$HOME/.config" ] || fail "a key was made"
  exits 2 "$scripts/deploy.sh" --dist "$work/dist" --open --lab-key "$scratch/lab.key" first
}

test_journals_are_kept_only_if_asked_for() {
  fake_ssh <<'END'
cat >/dev/null
END
  "$scripts/deploy.sh" --dist "$work/dist" --role client --journal first
  has 'install.sh client journal' "$work/calls"
  "$scripts/deploy.sh" --dist "$work/dist" --open --journal first
  has 'install.sh server open journal' "$work/calls"
  : >"$work/calls"
  "$scripts/deploy.sh" --dist "$work/dist" first
  has_not journal "$work/calls"
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

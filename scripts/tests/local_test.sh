#!/usr/bin/env bash
# ring.sh, secret.sh, chat.sh and demo.sh: whole runs, with their verdicts, reports and journals.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# Starts a ring of three in the background; $ring is its process id. It has sung when this returns.
start_ring() { # [OPTION]...
  export TMPDIR=$scratch/tmp
  mkdir "$TMPDIR"
  "$scripts/ring.sh" 3 40 "$@" -- --tempo 50ms >"$scratch/song" 2>"$scratch/said" &
  ring=$!
  trap 'kill $ring 2>/dev/null || true' EXIT
  within 60 grep -q '^Buddy 3: ' "$scratch/song"
}
process() { sed -n "s/^$1 is process \([0-9]*\),.*/\1/p" "$scratch/said"; } # NAME
nothing_is_left() { same '' "$(ls -A "$TMPDIR")"; }

test_all_three_tasks_and_one_report() {
  cd "$scratch"
  "$scripts/demo.sh" --report report.html --journal kept >out 2>said || { cat out said; return 1; }
  same 3 "$(grep -c ' ok ' out)"
  has '99 bottles, 3 buddies' said
  has 'room lobby: 9 messages' said
  same 2 "$(grep -c '^107 words, 3 servers' said)"
  has_not NO said
  has '</html>' report.html
  same 700 "$(stat -c %a kept/demo.*)"
  same "$scratch/$(ls -d kept/demo.*)" "$(sed -n 's/^the journals are in //p' said)"
}

test_a_killed_buddy_is_in_the_verdict_and_costs_nothing() {
  start_ring --report "$scratch/report.html"
  kill -9 "$(process 'Buddy 2')"
  exits 0 wait "$ring"
  has 'Buddy 2 ended with 137' "$scratch/said"
  has 'was killed: its journal has no end' "$scratch/said"
  has '</html>' "$scratch/report.html"
  same "$(seq 40 -1 1)" "$(sed -n 's/^Buddy [0-9]: \([0-9]*\) .*/\1/p' "$scratch/song" | uniq)"
  nothing_is_left
}

test_a_server_that_is_killed_is_lost_and_the_shell_says_nothing() {
  mkfifo "$scratch/words"
  "$scripts/secret.sh" 2 - -- --delay 10ms <"$scratch/words" >"$scratch/answers" 2>"$scratch/said" &
  secret=$!
  exec 3>"$scratch/words"
  echo one >&3
  within 60 grep -q '^Server 2 is' "$scratch/said"
  kill -9 "$(process 'Server 1')"
  echo two >&3
  exec 3>&-
  exits 0 wait "$secret"
  same "$(printf 'eno\nowt')" "$(cat "$scratch/answers")"
  has_not Killed "$scratch/said"
}

test_a_song_that_was_not_as_promised_is_1() {
  start_ring --journal "$scratch/kept"
  kill "$(process 'Buddy 2')" # which is no reason to fail
  echo '{"t":1,"e":"sing","left":38}' >>"$(ls "$scratch"/kept/ring.*/'Buddy 3'/*)"
  exits 1 wait "$ring"
  has 'NO       nobody sang a verse twice' "$scratch/said"
  has 'was told to leave, and left in order' "$scratch/said"
}

test_what_cannot_be_known_is_3() {
  start_ring --journal "$scratch/kept"
  rm "$scratch"/kept/ring.*/'Buddy 2'/*
  exits 3 wait "$ring"
  has 'unknown' "$scratch/said"
  nothing_is_left
}

# Somebody who works in tmux starts the clients from there.
test_clients_are_side_by_side_also_within_tmux() {
  command -v tmux >/dev/null || skip 'there is no tmux'
  unset TMUX # so that no tmux of the person who runs this is touched
  export TMUX_TMPDIR=$scratch
  local outer='tmux -L outer -f /dev/null' code=$scratch/code
  # shellcheck disable=SC2329 # called by within
  two_are_in() { [ "$($outer capture-pane -p | grep -o '#lobby>' | wc -l)" -eq 2 ]; }
  $outer new-session -d -x 100 -y 30 \
    "$scripts/chat.sh 2 2>'$scratch/said'; echo \$? >'$code.new'; mv '$code.new' '$code'"
  trap 'tmux -L outer kill-server 2>/dev/null || true; tmux kill-server 2>/dev/null || true' EXIT
  within 60 two_are_in || { $outer capture-pane -p; cat "$scratch/said"; return 1; }
  tmux detach-client -s "$(tmux list-sessions -F '#S')"
  within 60 [ -e "$code" ]
  same 0 "$(cat "$code")"
  has 'room lobby: 0 messages' "$scratch/said"
}

test_an_interrupted_ring_ends_its_buddies_and_leaves_nothing() {
  start_ring
  kill "$ring"
  exits 143 wait "$ring"
  nothing_is_left
  ! kill -0 "$(process 'Buddy 1')" 2>/dev/null || fail 'Buddy 1 sings on'
}

test_a_run_that_cannot_begin_says_why() {
  exits 1 "$scripts/ring.sh" 3 5 -- --tempo sometimes 2>"$scratch/said"
  has "invalid value 'sometimes'" "$scratch/said"
  exits 1 "$scripts/secret.sh" 1 no-such-list 2>"$scratch/said"
  has 'no-such-list' "$scratch/said"
  exits 2 "$scripts/chat.sh" --report 2>"$scratch/said"
  has '--report needs a value' "$scratch/said"
}

build_programs || exit
run_tests

#!/usr/bin/env bash
# A ring over four machines that is cut in two: both halves sing on, and become one ring again.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

buddy=$target/debug/buddy

# Starts a buddy. All verses and notices go to one file, in the order in which they are written.
start() { # HOST NEXT [FLAG]...
  local host=$1 next=$2
  shift 2
  on "$host" "$buddy" --next "$next:8030" --tempo 50ms --patience 600ms "$@" \
    >>"$scratch/song" 2>&1 &
  children="$children $!"
}

# Prints how many verses Buddy $1 has sung.
sung() { grep -c "^Buddy $1: " "$scratch/song"; }
sings_on() { [ "$(sung "$1")" -gt "$2" ]; }

cables() { # cut|heal: all cables from one and two to three and four
  local here there
  for here in one two; do
    for there in three four; do lab "$1" "$here" "$there"; done
  done
}

test_a_ring_that_is_cut_in_two_sings_twice_and_becomes_one_again() {
  local n before ended=0 child
  start four 203.0.113.21
  start three 203.0.113.24
  start two 203.0.113.23
  start one 203.0.113.22 --bottles 400
  within 60 sings_on 4 1
  cables cut
  for n in 1 2 3 4; do
    before=$(sung "$n")
    within 60 sings_on "$n" $((before + 3)) # each half without the other
  done
  cables heal
  for child in $children; do wait "$child" || ended=$?; done
  children=''
  same 0 "$ended"
  # Every verse was heard, the first time in order. Some were heard twice, but the ending only once.
  sed -n 's/^Buddy [0-9]*: \([0-9]*\) bottle.*/\1/p' "$scratch/song" >"$scratch/verses"
  same "$(seq 400 -1 1)" "$(awk '!heard[$1]++' "$scratch/verses")"
  [ "$(wc -l <"$scratch/verses")" -gt 400 ] || fail "no verse was sung on both sides"
  same 1 "$(grep -c ': No more bottles' "$scratch/song")"
  has 'song over: 401 verses, 4 buddies' "$scratch/song"
}

[ -n "${IN_LAB:-}" ] || build_programs || exit
# shellcheck disable=SC2034 # read by enter_lab
lab_hosts='one=203.0.113.21 two=203.0.113.22 three=203.0.113.23 four=203.0.113.24'
enter_lab
run_tests

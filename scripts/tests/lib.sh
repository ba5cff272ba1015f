#!/usr/bin/env bash
# What every test file uses. Sourced, not run.
#
# A test file defines functions test_* and ends with `run_tests`. Each runs in a subshell under
# `set -e`, in a scratch folder $scratch of its own. Its output is shown if it fails. `skip WHY`
# ends it. Processes in $children are ended with the test, or with the file that started them.
set -uo pipefail

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
project=$(dirname "$scripts")
target=${CARGO_TARGET_DIR:-$project/target}
tools=$target/lab-tools
suite=$(basename "$0" _test.sh)
readonly SKIPPED=77 A_KEY=labkey1aaaqeayeaudaocajbifqydiob5322

work=$(mktemp -d)
children=''
clean_up() {
  local child
  # And woken, because a test that failed may have left one stopped, which would be waited for.
  for child in $children; do kill "$child" 2>/dev/null && kill -CONT "$child" 2>/dev/null; done
  [ -z "$children" ] || wait 2>/dev/null
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# Until a stand-in for AWS is started, no AWS can be reached: a call by mistake finds no credentials
# of the person who runs this, and an address where nothing listens.
export AWS_ENDPOINT_URL=http://127.0.0.1:9 AWS_EC2_METADATA_DISABLED=true
export AWS_ACCESS_KEY_ID=testing AWS_SECRET_ACCESS_KEY=testing AWS_DEFAULT_REGION=us-east-1
export AWS_CONFIG_FILE=$work/no-config AWS_SHARED_CREDENTIALS_FILE=$work/no-credentials
unset AWS_PROFILE AWS_REGION AWS_SESSION_TOKEN
# Nor is a key of that person used or made.
unset LAB_KEY LAB_JOURNAL XDG_CONFIG_HOME
touch "$AWS_CONFIG_FILE" "$AWS_SHARED_CREDENTIALS_FILE"

skip() { echo "skipped: $*" >&4; exit "$SKIPPED"; }
fail() { echo "$*" >&2; return 1; }
verdict() { printf '%-7s %s: %s%s\n' "$1" "$suite" "$2" "${3:+: $3}"; }

# Runs a test in a subshell, whose list of children is unknown outside. It begins with none, because
# those of the file are needed by the tests after it. They are not waited for at its end, because a
# test may have stopped one.
run_test() { # TEST
  children=''
  trap 'kill $children 2>/dev/null || :' EXIT
  set -e
  "$1"
}

run_tests() {
  local test code name why
  for test in $(compgen -A function test_ | grep -e "${ONLY:-.}"); do
    name=${test#test_} scratch=$work/$test
    mkdir "$scratch"
    ( run_test "$test" ) >"$work/log" 2>&1 4>"$work/why"
    code=$?
    name=${name//_/ }
    case $code in
      0) verdict ok "$name"; outcome=passed ;;
      "$SKIPPED") why=$(cat "$work/why"); verdict skipped "$name" "${why#skipped: }"; outcome=skipped ;;
      *) verdict FAILED "$name" "exit $code"; sed 's/^/  | /' "$work/log"; outcome=failed ;;
    esac
    [ -z "${TALLY:-}" ] || echo "$outcome" >>"$TALLY"
  done
}

# Skips all tests, because what all of them need is missing.
skip_tests() { # WHY
  local test
  # shellcheck disable=SC2034 # read by the functions made here
  why_none=$1
  for test in $(compgen -A function test_); do eval "$test() { skip \"\$why_none\"; }"; done
  run_tests
}

# has TEXT FILE: the file has the text; otherwise shows what it has.
has() { grep -qF -- "$1" "$2" || { echo "no '$1' in $2:"; cat "$2"; return 1; }; }
has_not() { ! grep -F -- "$1" "$2" || { echo "'$1' is in $2"; return 1; }; }
same() { [ "$1" = "$2" ] || { echo "expected: $1"; echo "found:    $2"; return 1; }; }
exits() { # CODE COMMAND...
  local want=$1 code=0
  shift
  "$@" || code=$?
  [ "$code" = "$want" ] || fail "exit $code instead of $want: $*"
}

# within SECONDS COMMAND...: tries until the command succeeds. The time is a limit for a broken
# program, not a measure of a working one.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || fail "not in time: $*" || return
    sleep 0.1
  done
}

# need_tool NAME [PACKAGE]: installs a tool of PyPI into target/lab-tools, once.
need_tool() {
  [ ! -x "$tools/bin/$1" ] || return 0
  one_at_a_time
  need_command python3 python3 || return 1
  # Debian has this part of Python in a package of its own.
  python3 -c 'import ensurepip' 2>/dev/null || install python3-venv || return 1
  { [ -x "$tools/bin/pip" ] || python3 -m venv "$tools"; } >"$work/pip" 2>&1 &&
    "$tools/bin/pip" install --quiet "${2:-$1}" >>"$work/pip" 2>&1
  [ -x "$tools/bin/$1" ] || { echo "cannot install ${2:-$1}: $(tail -1 "$work/pip")"; return 1; }
}

# A lock, because test files run side by side, and two must not install the same things at once.
# Held until the subshell that asked for it ends.
one_at_a_time() {
  mkdir -p "$target"
  ! command -v flock >/dev/null || { exec 8>"$target/lab-tools.lock" && flock 8; }
}

# need_command NAME PACKAGE: installs a program of Debian if that is possible.
need_command() { command -v "$1" >/dev/null || install "$2"; }

install() { # PACKAGE
  { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; } || { echo "$1 is not installed"; return 1; }
  one_at_a_time
  export DEBIAN_FRONTEND=noninteractive
  { apt-get install -y --no-install-recommends "$1" ||
    { apt-get update && apt-get install -y --no-install-recommends "$1"; }; } >"$work/apt" 2>&1 ||
    { echo "cannot install $1: $(tail -1 "$work/apt")"; return 1; }
}

# Makes a dist/ whose chat-server can only make a key.
make_dist() { # FOLDER
  mkdir -p "$1"
  : >"$1/SHA256SUMS"
  echo x86_64-unknown-linux-gnu >"$1/TARGET"
  cat >"$1/chat-server" <<'END'
#!/bin/sh
case $1 in --new-key) echo labkey1aaaqeayeaudaocajbifqydiob5322 >"$2" && echo "$2 holds the new key" >&2 ;; esac
END
  chmod +x "$1/chat-server"
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Starts moto, which stands in for AWS, and makes it the only AWS that anything below can reach.
start_moto() {
  local port
  port=$(free_port)
  "$tools/bin/moto_server" -H 127.0.0.1 -p "$port" >"$work/moto" 2>&1 &
  children="$children $!"
  start_cli
  aws_only_here "http://127.0.0.1:$port"
  within 60 curl -fsS "$AWS_ENDPOINT_URL/moto-api/" || { cat "$work/moto"; return 1; }
  # This account number is moto's and cannot be another's.
  [ "$(aws_test sts get-caller-identity --query Account)" = 123456789012 ] || fail "this is not moto"
}

# Loads the AWS CLI once for all calls of this file: see aws_fork.py. Not on macOS, which does not let
# a process fork that has used its network libraries.
start_cli() {
  aws_forks=$tools/bin/aws
  [ "$(uname)" = Linux ] || return 0
  "$tools/bin/python3" "$scripts/tests/aws_fork.py" serve "$work/cli" >"$work/cli.log" 2>&1 &
  children="$children $!"
  aws_forks="$tools/bin/python3 -I -S $scripts/tests/aws_fork.py $work/cli"
  within 60 test -S "$work/cli" || { cat "$work/cli.log"; return 1; }
}

reset_moto() { curl -fsS -X POST "$AWS_ENDPOINT_URL/moto-api/reset" >/dev/null; : >"$AWS_CALLS"; }

# Makes URL the AWS of everything below, with a guard in front of the AWS CLI that refuses every
# call which does not name it. The guard also writes all calls to $AWS_CALLS, and lets a test
# interfere. $AWS_TEST_CLI is the CLI to call instead of that of start_cli. After a call with the word $DISTURB_AT it sends signal $DISTURB_WITH to the process in
# the file $DISTURB_WHOM. The file $AWS_PLAY may define a function `play`, which then answers each
# call; `call` asks the stand-in.
aws_only_here() { # URL
  mkdir -p "$work/bin" "$work/home"
  export AWS_ENDPOINT_URL=$1 AWS_CALLS=$work/calls HOME=$work/home
  : >"$AWS_CALLS"
  cat >"$work/bin/aws" <<END
#!/usr/bin/env bash
case " \$* " in
  *" --endpoint-url $1 "*) ;;
  *) echo "REFUSED, no --endpoint-url of the test: aws \$*" | tee -a "$AWS_CALLS" >&2; exit 99 ;;
esac
printf '%q ' "\$@" >>"$AWS_CALLS"; echo >>"$AWS_CALLS"
call() { \${AWS_TEST_CLI:-$aws_forks} "\$@"; }
play() { call "\$@"; }
[ ! -e "\${AWS_PLAY:-}" ] || . "\$AWS_PLAY"
play "\$@"
code=\$?
case " \$* " in *" \${DISTURB_AT:-nothing} "*) kill -s "\$DISTURB_WITH" "\$(cat "\$DISTURB_WHOM")" ;; esac
exit \$code
END
  chmod +x "$work/bin/aws"
  PATH=$work/bin:$PATH
}

aws_test() { aws --endpoint-url "$AWS_ENDPOINT_URL" --output text "$@"; }

# Builds the programs once. All, because each choice of packages has dependencies with other
# features, and so would be a build of its own.
build_programs() { (cd "$project" && cargo build --quiet --locked --workspace --bins); }

# Seals all connections below, or none, because the promises are the same and each test takes its
# time: by $SEED, which is drawn and printed.
choose_seal() {
  export SEED=${SEED:-$RANDOM}
  if ((SEED % 2)); then
    export LAB_KEY=$A_KEY
    echo "$suite: SEED=$SEED, sealed"
  else
    echo "$suite: SEED=$SEED, plain"
  fi
}

# Runs this file again inside a lab of network namespaces, or skips its tests. Inside the lab it
# does nothing, and `on HOST COMMAND...` runs a command on a host. $lab_hosts names other hosts.
enter_lab() {
  local why
  [ -z "${IN_LAB:-}" ] || return 0
  if ! why=$(need_command nft nftables && need_command ip iproute2); then
    skip_tests "$why"
  elif ! why=$("$scripts/netlab.sh" run true 2>&1); then
    skip_tests "no network namespaces here: $(echo "$why" | head -1)"
  else
    # shellcheck disable=SC2086 # a list of words
    IN_LAB=yes "$scripts/netlab.sh" run ${lab_hosts:-} bash "$0"
  fi
  exit
}
lab() { "$scripts/netlab.sh" "$@"; }
on() { lab exec "$@"; }

# serve HOST NAME COMMAND...: starts a server and waits for its ready line, the first on stderr.
# Sets $served to its process id; its stderr is in $work/NAME.
serve() {
  local host=$1 name=$2
  shift 2
  "$scripts/netlab.sh" exec "$host" "$@" 2>"$work/$name" >"$work/$name.out" &
  served=$!
  children="$children $served"
  within 20 grep -q '^listening on ' "$work/$name" || { cat "$work/$name"; return 1; }
}

#!/usr/bin/env bash
# What ring.sh, secret.sh, chat.sh, cluster.sh and demo.sh have in common. Sourced, in the project's
# folder, by a script that has set $here to the folder of its caller.
#
# Takes these options out of the script's words, as far as `--`:
#
#   --report FILE    draws what happened: one page for any browser
#   --journal DIR    keeps the journals of the programs, in a new folder below DIR; so does
#                    LAB_JOURNAL=DIR. Without it they are removed in the end
#
# Whatever the script has started is ended with it, by its process id.
# shellcheck disable=SC2034,SC2154 # set here and used there, and the other way round

me=${0##*/}

# Prints the head of the script, and the options above.
usage() {
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "scripts/$me"
  printf '\nOptions:\n'
  sed -n '7,9s/^# \{0,1\}//p' scripts/local/lib.sh
}

bad_usage() { # MESSAGE
  echo "$me: $1" >&2
  sed -n '4s/^# */help: /p' "scripts/$me" >&2
  echo "help: scripts/$me --help says more" >&2
  exit 2
}

# Ends the script unless VALUE is a number of things, 1 or more, and MOST at most.
must_count() { # NAME VALUE [MOST]
  case $2 in '' | *[!0-9]* | 0* | ????????*) bad_usage "$1 is a number from 1, and not '$2'" ;; esac
  [ "$2" -le "${3:-$2}" ] || bad_usage "$1 is at most $3, and not $2"
}

# Prints the path as it is from here.
from_there() { case $1 in /*) echo "$1" ;; *) echo "$here/$1" ;; esac; }

report='' keep=${LAB_JOURNAL:-} words=$# whose=ours
while [ "$words" -gt 0 ]; do
  words=$((words - 1)) word=$1
  shift
  case $whose:$word in
    ours:-h | ours:--help) usage; exit ;;
    ours:--report | ours:--journal)
      [ "$words" -gt 0 ] || bad_usage "$word needs a value"
      case $word in --report) report=$(from_there "$1") ;; *) keep=$1 ;; esac
      words=$((words - 1))
      shift ;;
    ours:--) whose=theirs; set -- "$@" -- ;;
    ours:-?*) bad_usage "no such option: $word" ;;
    *) set -- "$@" "$word" ;; # to the end, so that after all of them the order is as it was
  esac
done

dir=$(mktemp -d)
children='' quiet='' features=''
# Quiet, because the shell would otherwise report a child that somebody has killed.
end_all() {
  # shellcheck disable=SC2086 # process ids, to be split
  kill $children 2>/dev/null || true
  wait 2>/dev/null
  children=''
}
trap 'end_all; rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

journals=$dir/journals
if [ -n "$keep" ]; then
  keep=$(from_there "$keep")
  mkdir -p "$keep"
  journals=$(mktemp -d "$keep/${me%.sh}.XXXXXX")
fi

# Builds all programs, and sets $bin to their folder. All, because each choice of packages has
# dependencies with other features, and so would be a build of its own.
# Features that the script needs are in $features.
build() {
  local quiet_build=--quiet
  # The first build takes minutes, in which cargo shows how far it is; so may one with features. Later
  # ones say nothing.
  { [ -z "$features" ] && [ -e "${CARGO_TARGET_DIR:-target}/debug/lab-report" ]; } || quiet_build=''
  # shellcheck disable=SC2086 # a word or none
  cargo build $quiet_build --workspace --bins ${features:+--features "$features"}
  bin=$(cd "${CARGO_TARGET_DIR:-target}/debug" && pwd)
}

# Each program has a folder of its own, because a folder takes no more than 64 journals.
journaled() { # NAME COMMAND...
  local journal=$journals/$1
  shift
  LAB_JOURNAL=$journal exec "$@"
}

# Starts a program and waits until it listens. Sets $address. What else it says goes to stderr.
serve() { # NAME COMMAND...
  local name=$1 line
  mkfifo "$dir/$name"
  journaled "$@" 2>"$dir/$name" &
  children="$children $!"
  {
    while read -r line || { echo "[$name] has ended" >&2; return 1; }; do
      case $line in "listening on "*) break ;; *) echo "[$name] $line" >&2 ;; esac
    done
    address=${line#listening on }
    [ -n "$quiet" ] || echo "$name is process $!, $line" >&2
    while read -r line; do echo "[$name] $line" >&2; done <&0 &
  } <"$dir/$name"
}

# Ends what still runs, prints the verdict on all of it, and exits with its code (0 all was as
# promised, 1 something was not, 3 it cannot be known), or with CODE if that is not 0.
judge() { # CODE
  local code=$1 verdict=0
  end_all
  "$bin/lab-report" "$journals" ${report:+--html "$report"} >&2 || verdict=$?
  [ -z "$keep" ] || echo "the journals are in $journals" >&2
  [ "$code" != 0 ] || code=$verdict
  exit "$code"
}

#!/usr/bin/env bash
# Part of ec2.sh: `stop` and `down`. Sourced.
# shellcheck disable=SC2154 # the options are ec2.sh's

# One call each, because AWS refuses a whole list for one instance that is gone meanwhile. Adds them
# to `asked`.
stop_each() { # ID...
  local id
  for id in "$@"; do
    asked="$asked $id"
    say "stopping $id in $region"
    change_unless IncorrectInstanceState ec2 stop-instances --instance-ids "$id" >/dev/null
  done
}

# Lets these be what AWS lists, because it is known that they have stopped.
forget() { # ID...
  local id
  for id in "$@"; do
    grep -vwF "$id" "$tmp/mine" >"$tmp/mine.new" || :
    mv "$tmp/mine.new" "$tmp/mine"
  done
}

stop() {
  local id waiting asked='' left=''
  look
  warn_of_sessions
  # shellcheck disable=SC2046 # a list of ids
  stop_each $(ids running)
  for id in $(ids pending); do
    # First, because AWS refuses to stop an instance that is still starting. One that never starts
    # must not keep the others from being stopped.
    ! (await instance-running --instance-ids "$id") || stop_each "$id"
  done
  [ -z "$dry_run" ] || return 0
  look
  waiting="$asked $(ids stopping)"
  # shellcheck disable=SC2086 # a list of ids
  [ -z "${waiting// /}" ] || await instance-stopped --instance-ids $waiting
  # shellcheck disable=SC2086
  forget $asked
  look
  table
  # AWS may still list an older state of those that it was asked to stop.
  for id in $(ids pending running); do case " $asked " in *" $id "*) ;; *) left="$left $id" ;; esac; done
  [ -z "$left" ] || die "not stopped:$left in $region" "again: $me stop" \
    "or stop them in the AWS console"
}

down() {
  local id group all
  look
  warn_of_sessions
  confirm_down
  for id in $(ids pending running stopping stopped); do
    say "terminating $id in $region"
    change_unless InvalidInstanceID.NotFound ec2 terminate-instances --instance-ids "$id" >/dev/null
  done
  # Also those that an earlier `down` left going, because a group in use cannot be deleted.
  all=$(ids pending running stopping stopped shutting-down)
  # shellcheck disable=SC2086 # a list of ids
  [ -z "$all" ] || await instance-terminated --instance-ids $all
  group=$(group_id)
  if [ -n "$group" ]; then
    say "deleting security group $name ($group)"
    delete_group "$group"
  fi
  if [ -n "$(key_pair)" ]; then
    say "deleting key pair $name (your own $key stays)"
    change ec2 delete-key-pair --key-name "$name" >/dev/null
  fi
  [ -z "$dry_run" ] || return 0
  rm -f "$(known_hosts)"
  [ -z "$lab_key" ] || [ ! -e "$lab_key" ] || say "the lab's key $lab_key stays, for the next lab"
  say "nothing of $name is left in $region; elsewhere? $me status --all-regions"
}

confirm_down() {
  local answer=''
  [ -z "$yes$dry_run" ] || return 0
  table
  printf 'Remove these, their disks, the security group and the key pair? [y/N] ' >&2
  read -r answer || :
  case $answer in y | Y | yes) ;; *) die "nothing was removed" "--yes does not ask" ;; esac
}

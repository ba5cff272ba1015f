#!/usr/bin/env bash
# Part of ec2.sh: `session`, and what it knows of other sessions on the same instances. Sourced.
# shellcheck disable=SC2154 # the options are ec2.sh's
#
# A session that uses the instances writes a tag on them, `session:WHO`, with the time, twice a
# minute. At its end it stops them, unless the tag of another session is fresh: then that one will.
# So a session that was killed keeps nothing running for longer than LEASE_SECONDS.

readonly RENEW_SECONDS=30
readonly LEASE_SECONDS=120 # because a busy machine or a lost call may skip a renewal or two

session() {
  local others
  who=$(printf '%s' "${USER:-$(id -un)}@$(uname -n):$$" | tr -cd 'A-Za-z0-9@._:-')
  # Asked before there is anything to stop.
  check_key
  has_dist
  look
  trap leave_session EXIT
  # Exit, and let the line above stop the instances.
  trap 'exit 130' INT TERM HUP
  up
  if [ -z "$dry_run" ]; then
    sign_in
    others=$(other_sessions)
    [ -z "$others" ] || say "also used by session ${others//[[:space:]]/ }:" \
      "the session that ends last stops both instances"
  fi
  deploy
  [ -z "$dry_run" ] || return 0
  connect
  say "Enter or Ctrl-C stops both instances"
  read -r _ || :
}

# Prints WHO of every other session whose tag is fresh.
other_sessions() {
  session_tags | awk -v now="$(date +%s)" -v lease="$LEASE_SECONDS" '$2 > now - lease { print $1 }'
}

# Prints WHO TIME of every other session that has a tag.
session_tags() {
  printf '%s\n' "$list" | tr -s '[:blank:]' '\n' | awk -F= -v me="$who" '
    sub(/^session:/, "", $1) && $1 != me && !seen[$1]++ { print $1, $2 }'
}

warn_of_sessions() {
  local others
  others=$(other_sessions)
  [ -z "$others" ] || say "used by session ${others//[[:space:]]/ }"
}

# Writes this session's tag, and has it renewed until the session ends. Removes stale tags, because
# an instance has room for 50.
sign_in() {
  local stale
  renew
  stale=$(session_tags | awk -v now="$(date +%s)" -v lease="$LEASE_SECONDS" \
    '$2 <= now - lease { print "Key=session:" $1 }')
  # shellcheck disable=SC2046,SC2086 # lists
  [ -z "$stale" ] || change ec2 delete-tags --resources $(ids running) --tags $stale
  keep_renewing $$ 3>&- &
  renewer=$!
}

renew() {
  # shellcheck disable=SC2046 # a list of ids
  change ec2 create-tags --resources $(ids running) --tags "Key=session:$who,Value=$(date +%s)"
}

# Runs beside the session. Ends with it, also if it is killed. Says if others stopped the instances.
keep_renewing() { # SESSION-PROCESS
  local running
  trap - EXIT
  tmp=$tmp/renewer
  mkdir "$tmp"
  : >"$tmp/mine"
  # Without our descriptors, because a sleep that outlives us would keep a reader waiting.
  while sleep "$RENEW_SECONDS" <&- >/dev/null 2>&1 && kill -0 "$1" 2>/dev/null; do
    running=$(look && ids running) 2>/dev/null || continue
    if [ -z "$running" ]; then
      say "the instances were stopped or removed elsewhere: nothing of $name runs in $region"
      return
    fi
    (look && renew) 2>/dev/null || :
  done
}

# In a subshell, so that an error cannot prevent the second look, and always with one, because what
# AWS lists is some seconds late.
leave_session() {
  local code=$? ended=0 made=''
  trap '' INT TERM HUP
  set +e
  [ -z "$renewer" ] || kill "$renewer" 2>/dev/null
  made=$making$(cat "$tmp/mine")
  (set -e; end_session)
  ended=$?
  if [ -n "$made" ]; then
    sleep "$SETTLE_SECONDS"
    (set -e; look_again)
    ended=$((ended + $?))
  fi
  if [ "$ended" != 0 ]; then
    code=1
    say "COULD NOT STOP THE INSTANCES in $region: run $me stop, or stop them in the AWS console;"
    say "they power themselves off $ttl minutes after their start"
  fi
  rm -rf "$tmp"
  exit "$code"
}

end_session() {
  local others
  look
  if [ -n "$renewer" ]; then
    # shellcheck disable=SC2046 # a list of ids
    change ec2 delete-tags --resources $(ids pending running stopping stopped) \
      --tags "Key=session:$who"
  fi
  others=$(other_sessions)
  if [ -n "$others" ]; then
    say "RUNNING on in $region, because session ${others//[[:space:]]/ } uses them and will stop them;"
    say "to stop them now: $me stop"
    return
  fi
  stop
}

# Finds what AWS lists only now, and another session that has ended at the same moment.
look_again() {
  look
  [ -z "$(ids pending running)" ] || [ -n "$(other_sessions)" ] || stop >/dev/null
}

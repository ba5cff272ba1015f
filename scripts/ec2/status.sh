#!/usr/bin/env bash
# Part of ec2.sh: `status`, in one region or in all. Sourced.
# shellcheck disable=SC2154 # the options are ec2.sh's

# Exit 3 if anything runs.
status() {
  if [ -n "$everywhere" ]; then
    status_everywhere
    return
  fi
  look
  table
  if [ -z "$(ids pending running)" ]; then
    [ -n "$list" ] || say "in another region, perhaps: $me status --all-regions"
    return 0
  fi
  warn_of_sessions
  say "RUNNING in $region, and charged by the second until you say: $me stop"
  exit 3
}

# Prints the tables of the regions that have something. The status of a region that cannot be looked
# at is not hidden by the others.
status_everywhere() {
  local places place number=0 dir=$tmp/regions running='' failed=''
  mkdir "$dir"
  places=$(ask ec2 describe-regions --query 'Regions[].RegionName')
  for place in $places; do
    status_of "$place" >"$dir/$place.out" 2>"$dir/$place.err" &
    number=$((number + 1))
    # Four at a time, because each is an AWS CLI of its own, of 100 MB.
    [ $((number % 4)) != 0 ] || wait
  done
  wait
  for place in $places; do
    case $(cat "$dir/$place.code") in
      0) ! grep -q '^ROLE' "$dir/$place.out" || cat "$dir/$place.out" ;;
      3) running=yes; cat "$dir/$place.out"; cat "$dir/$place.err" >&2 ;;
      *) failed="$failed $place"; cat "$dir/$place.err" >&2 ;;
    esac
  done
  grep -q '^ROLE' "$dir"/*.out || echo "no instances of $name in $number regions"
  [ -z "$running" ] || exit 3
  [ -z "$failed" ] || die "could not look in$failed"
}

status_of() { # REGION
  local code=0
  "$here/ec2.sh" --name "$name" --region "$1" status || code=$?
  echo "$code" >"$tmp/regions/$1.code"
}

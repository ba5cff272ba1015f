#!/usr/bin/env bash
# Part of ec2.sh: which instances there are. Sourced.
# shellcheck disable=SC2154,SC2034 # the options are ec2.sh's; other parts read what is set here

# Sets `list`: for each instance that is not terminated a line of
#   1 ROLE  2 ID  3 STATE  4 PUBLIC  5 PRIVATE  6 ZONE  7 ACCOUNT  8 SESSION-TAG...
# None stands for what it does not have. Sets `dead` to such lines of those that are gone or going,
# which AWS still shows for an hour.
look() {
  local seen role id
  local fields="Tags[?Key=='Role']|[0].Value,InstanceId,State.Name,PublicIpAddress,PrivateIpAddress"
  fields="$fields,Placement.AvailabilityZone,NetworkInterfaces[0].OwnerId"
  fields="$fields,join(' ',Tags[?starts_with(Key,'session:')].join('=',[Key,Value]))"
  seen=$(ask ec2 describe-instances --filters "Name=tag:Project,Values=$name" \
    --query "Reservations[].Instances[].[$fields]")
  # AWS may list an instance some seconds after it was made; its id is known all the same.
  while read -r role id; do
    case $seen in *"$id"*) ;; *) seen="$seen
$role $id pending None None None None" ;; esac
  done <"$tmp/mine"
  list=$(printf '%s\n' "$seen" | awk 'NF && $3 != "terminated"')
  dead=$(printf '%s\n' "$seen" | awk '$3 == "terminated" || $3 == "shutting-down"')
}

# Prints the ids of listed instances in one of the states.
ids() {
  local state
  for state in "$@"; do
    printf '%s\n' "$list" | awk -v state="$state" '$3 == state { print $2 }'
  done
}

# Prints field N of the first instance in ROLE, if there is one.
field() { # ROLE N
  printf '%s\n' "$list" |
    awk -v role="$1" -v n="$2" '$1 == role && $3 != "shutting-down" { print $n; exit }'
}

# Prints the ids in ROLE if there are several.
doubles() { # ROLE
  printf '%s\n' "$list" | awk -v role="$1" '
    $1 == role && $3 != "shutting-down" { found = found (n++ ? " and " : "") $2 }
    END { if (n > 1) print found }'
}

warn_of_doubles() {
  local role found
  for role in server client; do
    found=$(doubles "$role")
    [ -z "$found" ] || say "instances in $region that are all called $role: $found;" \
      "\`$me stop\` stops all, \`$me down\` removes all"
  done
}

table() {
  local account
  if [ -z "$list" ]; then
    echo "no instances of $name in $region"
    return
  fi
  account=$(printf '%s\n' "$list" | awk '$7 != "None" { print $7; exit }')
  echo "$name in $region${account:+, account $account}"
  { echo "ROLE ID STATE PUBLIC PRIVATE ZONE"; printf '%s\n' "$list" | sed 's/None/-/g'; } |
    awk '{ printf "%-7s %-20s %-13s %-16s %-16s %s\n", $1, $2, $3, $4, $5, $6 }'
  warn_of_doubles
}

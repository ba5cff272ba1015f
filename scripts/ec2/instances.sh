#!/usr/bin/env bash
# Part of ec2.sh: `up`, from nothing or from anything to two instances that run. Sourced.
# shellcheck disable=SC2154 # the options are ec2.sh's
#
# The file $tmp/mine has a line ROLE ID for each instance that this process made or started. AWS
# writes the id in its answer, so it is known before AWS lists the instance.

# What an instance is told at its first boot: to power itself off. By a timer, because that starts
# again at every boot, while `shutdown -h +120` would count only once. Never put secrets here,
# because everybody who may describe the instance can read this.
user_data() {
  cat <<END
#cloud-config
write_files:
  - path: /etc/systemd/system/lab-autostop.service
    content: |
      [Unit]
      Description=Power off: nobody stopped this lab instance
      [Service]
      Type=oneshot
      ExecStart=/usr/bin/systemctl poweroff
  - path: /etc/systemd/system/lab-autostop.timer
    content: |
      [Unit]
      Description=Power off after $ttl minutes
      [Timer]
      OnBootSec=${ttl}min
      [Install]
      WantedBy=timers.target
runcmd:
  - [systemctl, daemon-reload]
  - [systemctl, enable, --now, lab-autostop.timer]
END
}

# Prints the token of an instance. AWS makes one instance for a token, however often and by how many
# processes it is asked: so two `up` at once make one in each role. At most 64 letters.
token() { # ROLE SUBNET GENERATION
  echo "$1-$group-$2-$3"
}

# Asks for an instance, and returns whether it is made. The answer goes straight into the file,
# because a signal may come between any two commands.
run_instance() { # ROLE SUBNET GENERATION
  local credits=''
  local tags="Tags=[{Key=Name,Value=$name-$1},{Key=Project,Value=$name},{Key=Role,Value=$1}]"
  # Otherwise T3 instances may cost more than their price.
  case $type in t[0-9]*) credits=CpuCredits=standard ;; esac
  try ec2 run-instances --image-id "$ami" --instance-type "$type" --key-name "$name" \
    --client-token "$(token "$@")" --query "Instances[].['$1',InstanceId]" \
    --subnet-id "$2" --security-group-ids "$group" --user-data "file://$tmp/user-data" \
    --metadata-options HttpTokens=required,HttpEndpoint=enabled \
    ${credits:+--credit-specification "$credits"} --instance-initiated-shutdown-behavior stop \
    --tag-specifications "ResourceType=instance,$tags" "ResourceType=volume,$tags" >>"$tmp/mine"
}

# Asks with the token of the first generation that has not ended, and returns whether it is made. A
# generation has ended if its instance is terminated, here or in the console.
run_generation() { # ROLE SUBNET
  local generation
  generation=$(printf '%s\n' "$dead" | awk -v role="$1" '$1 == role { n++ } END { print n + 0 }')
  until run_instance "$1" "$2" "$generation"; do
    if refused IdempotentParameterMismatch; then
      # Another `up` with other options makes it now, or has made one that is gone.
      sleep "$SETTLE_SECONDS"
      look
      [ -z "$(field "$1" 2)" ] || return 0
    elif ! refused IdempotentInstanceTerminated; then
      return 1
    fi
    generation=$((generation + 1))
    [ "$generation" -lt "$MAX_GENERATIONS" ] || return 1
  done
}

# Makes an instance in the first zone that has room.
make_instance() { # ROLE
  local place tried=''
  if [ -z "$ami" ]; then
    ami=$(ask ssm get-parameter --name "$AMI_PARAMETER" --query Parameter.Value)
  fi
  user_data >"$tmp/user-data"
  for place in $places; do
    say "making instance $1 ($type) in ${place%=*}"
    making=$1
    if run_generation "$1" "${place#*=}"; then
      making=''
      places="$place $places" # the other one beside it, because traffic between zones costs
      return
    fi
    # An error without a code is a lost connection, and leaves open what AWS has done.
    ! grep -q 'An error occurred (' "$tmp/aws.stderr" || making=''
    refused InsufficientInstanceCapacity || refused Unsupported || aws_failed ec2 run-instances
    say "${place%=*} has no room for $type now"
    tried="$tried ${place%=*}"
  done
  die "no room for $type in$tried" "try again in some minutes" \
    "or another type or region: --type t3a.micro, --region eu-west-2"
}

# Brings ROLE from its present state towards running.
start_instance() { # ROLE
  local id
  id=$(field "$1" 2)
  case $(field "$1" 3) in
    '') make_instance "$1"; return ;;
    pending | running) return ;;
    stopping) await instance-stopped --instance-ids "$id" ;;
  esac
  say "starting instance $1 in $region"
  [ -n "$dry_run" ] || echo "$1 $id" >>"$tmp/mine"
  change ec2 start-instances --instance-ids "$id" >/dev/null
}

# Waits for both by their ids, and then until AWS also lists them with their addresses.
await_running() {
  local waiting end
  look
  waiting=$(ids pending)
  if [ -n "$waiting" ]; then
    say "waiting until they run"
    # shellcheck disable=SC2086 # a list of ids
    await instance-running --instance-ids $waiting
  fi
  end=$((SECONDS + LISTED_SECONDS))
  while look; [ "$(field server 3) $(field client 3)" != 'running running' ]; do
    [ "$SECONDS" -lt "$end" ] || die "AWS does not list both as running in $region within \
$LISTED_SECONDS s: server $(field server 2) $(field server 3), client $(field client 2) \
$(field client 3)" "look again: $me status"
    sleep 2
  done
}

up() {
  local role
  choose_callers
  find_network
  make_key_pair
  make_group
  make_rules
  look
  for role in server client; do start_instance "$role"; done
  [ -z "$dry_run" ] || return 0
  await_running
  table
  [ -z "$(doubles server)$(doubles client)" ] || die "two in one role: see above"
}

# However `up` ends: nothing that it made is left without a word.
leave_up() {
  local code=$?
  trap '' INT TERM HUP
  if [ "$code" != 0 ]; then
    if [ -s "$tmp/mine" ]; then
      say "RUNNING in $region, as far as they came, and charged by the second: $me stop"
      say "$(sed 's/^/  /' "$tmp/mine")"
    fi
    [ -z "$making" ] || say "perhaps AWS makes instance $making all the same: look with $me status"
  fi
  rm -rf "$tmp"
  exit "$code"
}

#!/usr/bin/env bash
# Part of ec2.sh: `up`, from nothing or from anything to two instances that run. Sourced.
# shellcheck disable=SC2154 # the options are ec2.sh's

# Sets `allow` to the ranges that may come in.
choose_callers() {
  local address
  if [ -z "$allow" ]; then
    address=$(curl -fsS --max-time 5 https://checkip.amazonaws.com) ||
      die "cannot find out the address that AWS sees of this machine" \
        "is this machine online? or give it: --allow ADDRESS/32"
    check_cidr "$address/32"
    allow=$address/32
  fi
}

make_key_pair() {
  local known
  known=$(key_pair)
  [ -z "$known" ] || return 0
  check_key
  say "importing $key.pub as key pair $name"
  change ec2 import-key-pair --key-name "$name" --public-key-material "fileb://$key.pub" \
    --tag-specifications "ResourceType=key-pair,Tags=[{Key=Project,Value=$name}]" >/dev/null
}

# Sets `group`, and `subnet` in a zone that offers the instance type, because not every zone does.
make_group() {
  local vpc zones
  vpc=$(ask ec2 describe-vpcs --filters Name=is-default,Values=true --query 'Vpcs[].VpcId')
  [ -n "$vpc" ] || die "this region has no default network" "make one: aws ec2 create-default-vpc"
  zones=$(ask ec2 describe-instance-type-offerings --location-type availability-zone \
    --filters "Name=instance-type,Values=$type" --query 'InstanceTypeOfferings[].Location' |
    tr '\t' ,)
  [ -n "$zones" ] || die "instance type $type is not offered in this region" \
    "try --type t3.micro or --type t2.micro; \`$me --type TYPE doctor\` tells"
  subnet=$(ask ec2 describe-subnets --filters "Name=vpc-id,Values=$vpc" \
    Name=default-for-az,Values=true "Name=availability-zone,Values=$zones" --query 'Subnets[0].SubnetId')
  [ "$subnet" != None ] || die "no default subnet in a zone that offers $type ($zones)" \
    "make one: aws ec2 create-default-subnet --availability-zone ZONE"
  group=$(group_id)
  [ -z "$group" ] || return 0
  say "making security group $name"
  group=$(change ec2 create-security-group --group-name "$name" --vpc-id "$vpc" \
    --description "Distributed lab: made and removed by scripts/ec2.sh" --query GroupId \
    --tag-specifications "ResourceType=security-group,Tags=[{Key=Project,Value=$name}]")
  group=${group:-sg-new}
}

# Prints lines FROM TO SOURCE: ssh and the programs from outside, the programs from each other.
rules_wanted() {
  local cidr
  for cidr in $allow; do
    echo "22 22 $cidr"
    echo "${ports%-*} ${ports#*-} $cidr"
  done
  echo "${ports%-*} ${ports#*-} $group"
}

# Prints lines FROM TO SOURCE RULE-ID.
rules_present() {
  [ "$group" != sg-new ] || return 0
  local source='CidrIpv4||ReferencedGroupInfo.GroupId||CidrIpv6'
  ask ec2 describe-security-group-rules --filters "Name=group-id,Values=$group" \
    --query "SecurityGroupRules[?!IsEgress].[FromPort,ToPort,$source,SecurityGroupRuleId]" |
    tr '\t' ' '
}

# Makes the group exactly what is wanted, so that an address which this machine no longer has is
# shut out.
make_rules() {
  local wanted present from to source rule
  wanted=$(rules_wanted)
  present=$(rules_present)
  while read -r from to source rule; do
    [ -n "$from" ] || continue
    ! printf '%s\n' "$wanted" | grep -qxF "$from $to $source" || continue
    say "closing ports $from-$to to $source"
    change ec2 revoke-security-group-ingress --group-id "$group" \
      --security-group-rule-ids "$rule" >/dev/null
  done <<<"$present"
  while read -r from to source; do
    ! printf '%s\n' "$present" | grep -qF "$from $to $source " || continue
    say "opening ports $from-$to to $source"
    change ec2 authorize-security-group-ingress --group-id "$group" \
      --ip-permissions "IpProtocol=tcp,FromPort=$from,ToPort=$to,$(rule_source "$source")" \
      >/dev/null
  done <<<"$wanted"
}

rule_source() {
  case $1 in
    sg-*) echo "UserIdGroupPairs=[{GroupId=$1,Description=lab}]" ;;
    *) echo "IpRanges=[{CidrIp=$1,Description=outside}]" ;;
  esac
}

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

make_instance() { # ROLE
  local credits=''
  local tags="Tags=[{Key=Name,Value=$name-$1},{Key=Project,Value=$name},{Key=Role,Value=$1}]"
  # Otherwise T3 instances may cost more than their price.
  case $type in t[0-9]*) credits=CpuCredits=standard ;; esac
  if [ -z "$ami" ]; then
    ami=$(ask ssm get-parameter --name "$AMI_PARAMETER" --query Parameter.Value)
  fi
  user_data >"$tmp/user-data"
  say "making instance $1 ($type)"
  change ec2 run-instances --image-id "$ami" --instance-type "$type" --key-name "$name" \
    --subnet-id "$subnet" --security-group-ids "$group" --user-data "file://$tmp/user-data" \
    --metadata-options HttpTokens=required,HttpEndpoint=enabled \
    ${credits:+--credit-specification "$credits"} --instance-initiated-shutdown-behavior stop \
    --tag-specifications "ResourceType=instance,$tags" "ResourceType=volume,$tags" >/dev/null
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
  say "starting instance $1"
  change ec2 start-instances --instance-ids "$id" >/dev/null
}

up() {
  local role waiting
  choose_callers
  make_key_pair
  make_group
  make_rules
  look
  for role in server client; do start_instance "$role"; done
  look
  waiting=$(ids pending)
  if [ -n "$waiting" ]; then
    say "waiting until they run"
    # shellcheck disable=SC2086 # a list of ids
    await instance-running --instance-ids $waiting
    look
  fi
  [ -n "$dry_run" ] || table
}

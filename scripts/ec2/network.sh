#!/usr/bin/env bash
# Part of ec2.sh: where the instances are placed, and who may reach them. Sourced.
# shellcheck disable=SC2154 # the options are ec2.sh's

# Sets `allow` to the ranges that may come in.
choose_callers() {
  local address
  [ -z "$allow" ] || return 0
  address=$(curl -fsS --max-time 5 https://checkip.amazonaws.com) ||
    die "cannot find out the address that AWS sees of this machine" \
      "is this machine online? or give it: --allow ADDRESS/32"
  check_cidr "$address/32"
  allow=$address/32
}

# Sets `vpc` and `places`: ZONE=SUBNET of each zone that offers the instance type, because not every
# zone does. `doctor` calls this where set -e does not count.
find_network() {
  local zones=''
  vpc=$(ask ec2 describe-vpcs --filters Name=is-default,Values=true --query 'Vpcs[].VpcId') || exit 1
  [ -n "$vpc" ] || die "$region has no default network" "$(advice_for_network)" \
    "or choose another region: --region REGION"
  zones=$(ask ec2 describe-instance-type-offerings --location-type availability-zone \
    --filters "Name=instance-type,Values=$type" --query 'InstanceTypeOfferings[].Location') || exit 1
  [ -n "$zones" ] || die "instance type $type is not offered in $region" \
    "try --type t3.micro or --type t2.micro"
  case $zone in ?) zone=$region$zone ;; esac # `b` is short for eu-west-2b
  if [ -n "$zone" ]; then
    printf '%s\n' "$zones" | tr '\t' '\n' | grep -qxF "$zone" ||
      die "$zone does not offer $type" "these zones do: ${zones//[[:space:]]/ }"
    zones=$zone
  fi
  zones=$(printf '%s' "$zones" | tr -s '\t\n' ,)
  places=$(ask ec2 describe-subnets --filters "Name=vpc-id,Values=$vpc" \
    Name=default-for-az,Values=true "Name=availability-zone,Values=$zones" \
    --query "sort_by(Subnets,&AvailabilityZone)[].join('=',[AvailabilityZone,SubnetId])") || exit 1
  [ -n "$places" ] || die "the default network of $region has no subnet in ${zones//,/, }" \
    "make one: aws ec2 create-default-subnet --region $region --availability-zone ${zones%%,*}"
}

group_id() {
  ask ec2 describe-security-groups --filters "Name=group-name,Values=$name" \
    "Name=tag:Project,Values=$name" --query 'SecurityGroups[].GroupId'
}

# Sets `group`.
make_group() {
  group=$(group_id)
  [ -z "$group" ] || return 0
  say "making security group $name in $region"
  if group=$(try ec2 create-security-group --group-name "$name" --vpc-id "$vpc" \
    --description "Distributed lab: made and removed by scripts/ec2.sh" --query GroupId \
    --tag-specifications "ResourceType=security-group,Tags=[{Key=Project,Value=$name}]"); then
    group=${group:-sg-new} # in a dry run
    return
  fi
  # Another `up` was first.
  refused InvalidGroup.Duplicate || aws_failed ec2 create-security-group
  group=$(group_id)
  [ -n "$group" ] || die "security group $name in $region is not ours, it has no tag Project=$name" \
    "call the lab otherwise: --name NAME"
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
# shut out. A rule may be gone or there already, because another `up` is at work.
make_rules() {
  local wanted present from to source rule
  wanted=$(rules_wanted)
  present=$(rules_present)
  while read -r from to source rule; do
    [ -n "$from" ] || continue
    ! printf '%s\n' "$wanted" | grep -qxF "$from $to $source" || continue
    say "closing ports $from-$to to $source"
    change_unless InvalidSecurityGroupRuleId.NotFound ec2 revoke-security-group-ingress \
      --group-id "$group" --security-group-rule-ids "$rule" >/dev/null
  done <<<"$present"
  while read -r from to source; do
    ! printf '%s\n' "$present" | grep -qF "$from $to $source " || continue
    say "opening ports $from-$to to $source"
    change_unless InvalidPermission.Duplicate ec2 authorize-security-group-ingress \
      --group-id "$group" \
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

# A network interface of a terminated instance may hold the group a little longer.
delete_group() { # ID
  local end=$((SECONDS + RELEASE_SECONDS))
  until try ec2 delete-security-group --group-id "$1" >/dev/null || refused InvalidGroup.NotFound; do
    refused DependencyViolation || aws_failed ec2 delete-security-group
    [ "$SECONDS" -lt "$end" ] || die "security group $name ($1) in $region is still in use" \
      "by what: aws ec2 describe-network-interfaces --region $region --filters Name=group-id,Values=$1" \
      "when that is gone: $me down"
    sleep 5
  done
}

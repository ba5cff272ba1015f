#!/usr/bin/env bash
# Part of ec2.sh: the one way to AWS, and what there is. Sourced.
# shellcheck disable=SC2154 # the options are ec2.sh's

# The only line that calls AWS. The variable alone is not enough, because old CLIs (2.9 in
# Debian 12) ignore it and would turn a rehearsal into a bill.
aws_cli() {
  AWS_PAGER='' aws ${AWS_ENDPOINT_URL:+--endpoint-url "$AWS_ENDPOINT_URL"} \
    ${region:+--region "$region"} --output text "$@"
}

# Calls AWS to read.
ask() { aws_cli "$@" 2>"$tmp/aws.stderr" || aws_failed "$@"; }

# Calls AWS to change something; a dry run only prints the call.
change() {
  if [ -n "$dry_run" ]; then
    { printf 'would run: aws'; printf ' %q' "$@"; printf '\n'; } >&3
  else
    aws_cli "$@" 2>"$tmp/aws.stderr" || aws_failed "$@"
  fi
}

# Waits until AWS reports a state, ten minutes at most, which is the CLI's own limit.
await() { [ -n "$dry_run" ] || ask ec2 wait "$@"; }

aws_failed() {
  local cause help
  cause=$(grep . "$tmp/aws.stderr" | tail -1)
  case $cause in
    *[Uu]nable\ to\ locate\ credentials*)
      help="run \`aws configure\` once, or use AWS CloudShell in the browser, which needs none" ;;
    *ExpiredToken* | *RequestExpired* | *InvalidClientTokenId* | *UnrecognizedClient* | \
      *SignatureDoesNotMatch* | *InvalidAccessKeyId* | *InvalidSignature*)
      help="the credentials are wrong or have expired: fetch new ones and run \`aws configure\`" ;;
    *AuthFailure*)
      help="the credentials are wrong, or your account has not enabled this region: $me doctor" ;;
    *OptInRequired*)
      help="finish signing up for AWS in the console, or choose another region: --region eu-west-2" ;;
    *UnauthorizedOperation* | *AccessDenied*)
      help='these credentials may not do that: ask whoever gave them to you' ;;
    *specify\ a\ region*)
      help="choose one: --region eu-west-2, or \`aws configure set region eu-west-2\`" ;;
    *LimitExceeded*)
      help='your account allows no more instances: stop others, or ask AWS for a higher quota' ;;
    *connect\ to\ the\ endpoint* | *supported\ format*)
      help='is this machine online, and the region spelled right?' ;;
    *Max\ attempts\ exceeded*)
      help="AWS takes more than ten minutes: look again with \`$me status\`" ;;
    *) help="$me doctor checks what this needs" ;;
  esac
  die "aws $1 $2: ${cause:-failed}" "$help"
}

# Sets `list`: a line ROLE ID STATE PUBLIC PRIVATE for each instance that is not terminated. None
# stands for no address.
look() {
  local fields="Tags[?Key=='Role']|[0].Value,InstanceId,State.Name,PublicIpAddress,PrivateIpAddress"
  list=$(ask ec2 describe-instances --filters "Name=tag:Project,Values=$name" \
    Name=instance-state-name,Values=pending,running,stopping,stopped \
    --query "Reservations[].Instances[].[$fields]")
}

# Prints the ids of listed instances in one of the states.
ids() {
  local state
  for state in "$@"; do
    printf '%s\n' "$list" | awk -v state="$state" '$3 == state { print $2 }'
  done
}

# Prints field 2 ID, 3 STATE, 4 PUBLIC or 5 PRIVATE of the first instance in ROLE, if there is one.
field() { printf '%s\n' "$list" | awk -v role="$1" -v n="$2" '$1 == role { print $n; exit }'; }

group_id() {
  ask ec2 describe-security-groups --filters "Name=group-name,Values=$name" \
    "Name=tag:Project,Values=$name" --query 'SecurityGroups[].GroupId'
}

# Prints the name of our key pair at AWS, if it is there.
key_pair() {
  ask ec2 describe-key-pairs --filters "Name=key-name,Values=$name" --query 'KeyPairs[].KeyName'
}

table() {
  [ -n "$list" ] || { echo "no instances"; return; }
  { echo "ROLE ID STATE PUBLIC PRIVATE"; printf '%s\n' "$list" | sed 's/None/-/g'; } |
    awk '{ printf "%-7s %-20s %-9s %-16s %s\n", $1, $2, $3, $4, $5 }'
}

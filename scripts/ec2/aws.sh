#!/usr/bin/env bash
# Part of ec2.sh: the one way to AWS. Sourced.
# shellcheck disable=SC2154 # the options are ec2.sh's

# The only line that calls AWS. The variable alone is not enough, because old CLIs (2.9 in
# Debian 12) ignore it and would turn a rehearsal into a bill.
aws_cli() {
  AWS_PAGER='' aws ${AWS_ENDPOINT_URL:+--endpoint-url "$AWS_ENDPOINT_URL"} \
    ${region:+--region "$region"} --output text "$@"
}

# Calls AWS to read.
ask() { aws_cli "$@" 2>"$tmp/aws.stderr" || aws_failed "$@"; }

# Calls AWS to change something, and returns whether it did; a dry run only prints the call.
try() {
  if [ -n "$dry_run" ]; then
    { printf 'would run: aws'; printf ' %q' "$@"; printf '\n'; } >&3
  else
    aws_cli "$@" 2>"$tmp/aws.stderr"
  fi
}

# Like try, but ends with the reason if it did not.
change() { try "$@" || aws_failed "$@"; }

# Like change, but a refusal with CODE is fine, because another process has made the same change.
change_unless() { # CODE CALL...
  local code=$1
  shift
  try "$@" || refused "$code" || aws_failed "$@"
}

# Succeeds if AWS refused the last call with this error code.
refused() { grep -q "($1)" "$tmp/aws.stderr"; }

# Waits until AWS reports a state, ten minutes at most, which is the CLI's own limit.
await() { [ -n "$dry_run" ] || ask ec2 wait "$@"; }

# Ends with what AWS said about a call, and the next step.
aws_failed() {
  local cause line
  cause=$(grep . "$tmp/aws.stderr" | tail -1)
  say "ec2.sh: aws $1 $2${region:+ in $region}: ${cause:-failed}"
  advice_for "$cause" | while IFS= read -r line; do say "help: $line"; done
  exit 1
}

# Sets `region`. It goes into every call, so that the region that is printed is the one that is used.
find_region() {
  [ -z "$region" ] || return 0
  region=${AWS_REGION:-${AWS_DEFAULT_REGION:-}}
  [ -z "$region" ] || return 0
  region=$(aws_cli configure get region 2>"$tmp/aws.stderr") || :
  [ -z "$region" ] || return 0
  ! grep -q . "$tmp/aws.stderr" || aws_failed configure 'get region'
  [ -z "$everywhere" ] || { region=us-east-1; return; } # where AWS lists the regions
  die "no region is chosen" "choose one: --region eu-west-2, or \`aws configure set region eu-west-2\`"
}

#!/usr/bin/env bash
# Part of ec2.sh: `doctor`, and the checks that other commands make first. Sourced.
# shellcheck disable=SC2154 # the options are ec2.sh's

doctor() {
  local failed='' usable=''
  ! check "key $key" check_key || usable=yes
  [ -n "$usable" ] || failed=yes
  check "dist" has_dist || failed=yes
  # Said only once if AWS cannot be called at all.
  if check 'tools' has_tools && check 'region' has_region && find_region &&
    check 'credentials' has_credentials; then
    check "instance type $type" has_type || failed=yes
    [ -z "$usable" ] || check "key pair $name" has_key_pair || failed=yes
    # Without a network AWS refuses instances anyway.
    { check 'network' has_network && check 'permission to make instances' may_run; } || failed=yes
  else
    failed=yes
  fi
  [ -z "$failed" ] || die "not ready: see FAILED above"
}

# Runs a check in a subshell, which may `die`, and prints its output behind the verdict. Bash
# ignores `set -e` in there, so a check must say `|| exit 1` itself.
check() { # NAME FUNCTION
  local words
  if words=$("$2" 2>&1); then
    echo "ok      $1${words:+: $words}"
  else
    echo "FAILED  $1: $words" | sed 's/ec2.sh: //'
    return 1
  fi
}

has_tools() {
  local tool help
  for tool in aws ssh ssh-keygen tar curl awk; do
    command -v "$tool" >/dev/null && continue
    help="install it with this machine's package manager"
    case $tool in
      aws) help="AWS CLI: pip install awscli, or AWS CloudShell in the browser, which has all" ;;
      ssh | ssh-keygen) help="sudo apt-get install openssh-client, or sudo dnf install openssh-clients" ;;
    esac
    die "$tool is not installed" "$help"
  done
}

has_dist() {
  local built_for
  [ -r "$dist/SHA256SUMS" ] || die "there is nothing in $dist" \
    "scripts/build-static.sh makes it, or unpack the release archive"
  built_for=$(cat "$dist/TARGET")
  case $built_for in
    x86_64-*-linux-*) ;;
    *) die "$dist is for $built_for, and the instances are x86_64 Linux" \
      "scripts/build-static.sh on such a machine, or unpack that release archive" ;;
  esac
}

has_region() {
  find_region || exit 1
  echo "$region"
}

has_credentials() {
  local account
  account=$(ask sts get-caller-identity --query Account) || exit 1
  echo "account $account"
}

has_network() {
  find_network || exit 1
  printf '%s\n' "$places" | tr '\t' ' ' | sed 's/=[^ ]*//g'
}

has_key_pair() {
  local pair
  pair=$(key_pair) || exit 1
  if [ -n "$pair" ]; then
    check_key_pair "$pair"
  else
    echo "none yet; \`up\` makes it from $key.pub"
  fi
}

has_type() {
  local found
  found=$(ask ec2 describe-instance-type-offerings --filters "Name=instance-type,Values=$type" \
    --query 'InstanceTypeOfferings[].InstanceType') || exit 1
  [ -n "$found" ] || die "not offered in $region" "try --type t3.micro or --type t2.micro"
  found=$(ask ec2 describe-instance-types --filters "Name=instance-type,Values=$type" \
    --query "InstanceTypes[].[FreeTierEligible,join(',',ProcessorInfo.SupportedArchitectures)]") ||
    exit 1
  case $found in
    *x86_64*) ;;
    *) die "it is not x86-64 ($found)" "dist/ holds x86-64 programs: --type t3.micro" ;;
  esac
  case $found in
    True*) echo "AWS calls it free-tier eligible; your account's allowance may be another" ;;
    *) echo "NOT free-tier eligible: it costs money while it runs" ;;
  esac
}

may_run() {
  local image
  image=${ami:-$(ask ssm get-parameter --name "$AMI_PARAMETER" --query Parameter.Value)} || exit 1
  # With --dry-run AWS only says whether it would succeed: the error DryRunOperation means yes.
  ! aws_cli ec2 run-instances --dry-run --image-id "$image" --instance-type "$type" \
    2>"$tmp/aws.stderr" || return 0
  grep -q DryRunOperation "$tmp/aws.stderr" || aws_failed ec2 run-instances
}

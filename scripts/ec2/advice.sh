#!/usr/bin/env bash
# Part of ec2.sh: what a person can do about an error of AWS. Sourced.
# shellcheck disable=SC2154 # the options are ec2.sh's

# Prints the next step, a line or two, for the last line that the AWS CLI wrote. What is narrow comes
# first: an expired token of SSO is also an expired token.
advice_for() { # CAUSE
  case $1 in
    *[Uu]nable\ to\ locate\ credentials* | *NoCredentials*)
      echo "run \`aws configure\` once, or use AWS CloudShell in the browser, which needs none" ;;
    *"aws sso login"* | *[Ss][Ss][Oo]\ [Tt]oken* | *[Ss][Ss][Oo]\ [Ss]ession* | *from\ sso* | \
      *UnauthorizedSSOToken* | *GetRoleCredentials* | *Token\ has\ expired\ and\ refresh\ failed*)
      echo "log in again: \`aws sso login${AWS_PROFILE:+ --profile $AWS_PROFILE}\`" ;;
    *"aws login"*)
      echo "log in again: \`aws login${AWS_PROFILE:+ --profile $AWS_PROFILE}\`" ;;
    *config\ profile*could\ not\ be\ found*) advice_for_profile "$1" ;;
    *Signature\ expired* | *not\ yet\ current* | *RequestTimeTooSkewed* | *RequestExpired*)
      # EC2 has one and the same error for both.
      case $1 in *RequestExpired*) echo "fetch new credentials, if yours are temporary; otherwise" ;; esac
      echo "this machine's clock is wrong, it says $(date -u '+%Y-%m-%d %H:%M:%S') UTC"
      echo "set it: sudo timedatectl set-ntp true; on a Mac: sudo sntp -sS time.apple.com" ;;
    *ExpiredToken* | *InvalidClientTokenId* | *UnrecognizedClient* | *SignatureDoesNotMatch* | \
      *InvalidAccessKeyId* | *InvalidSignature*)
      echo "the credentials are wrong or have expired: fetch new ones and run \`aws configure\`" ;;
    *AuthFailure*)
      echo "the credentials or this machine's clock are wrong, or your account has not enabled $region"
      echo "see the console, Account, AWS Regions; or choose another: --region us-east-1" ;;
    *OptInRequired* | *Blocked*)
      echo "finish signing up for AWS in the console, or ask AWS support about the account" ;;
    *PendingVerification*)
      echo "AWS is still checking your account for $region: minutes as a rule, four hours at most"
      echo "try again later, or another region: --region eu-west-2" ;;
    *) advice_for_instances "$1" ;;
  esac
}

advice_for_instances() { # CAUSE
  case $1 in
    *[Ff]ree\ [Tt]ier*)
      echo "choose with --type one of those that are free for your account:"
      echo "aws ec2 describe-instance-types --region $region --filters" \
        "Name=free-tier-eligible,Values=true --query 'InstanceTypes[].InstanceType'" ;;
    *InsufficientInstanceCapacity*)
      echo "try again in some minutes, or another --type or --region;" \
        "an instance that is stopped stays in its zone until \`$me down\`" ;;
    *VPCIdNotSpecified* | *No\ default\ VPC*) advice_for_network ;;
    *UnauthorizedOperation* | *AccessDenied*)
      echo 'these credentials may not do that: ask the person who gave them to you' ;;
    *RequestLimitExceeded* | *Throttling*) echo "AWS is asked too often: try again in a minute" ;;
    *TagLimitExceeded*) echo "50 tags are on the instance: remove some in the AWS console" ;;
    *LimitExceeded*)
      echo 'your account allows no more instances: stop others, or ask AWS for a higher quota' ;;
    *connect\ to\ the\ endpoint* | *supported\ format* | *Invalid\ endpoint* | *EndpointConnection*)
      echo "is this machine online, and the region $region spelled right?" ;;
    *Max\ attempts\ exceeded*)
      echo "AWS takes more than ten minutes: look again with \`$me status\`" ;;
    *terminal\ failure\ state*)
      echo "it was stopped or removed meanwhile, or could not start: \`$me status\`" ;;
    *)
      echo "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html explains" \
        "the code in brackets"
      # The doctor must not send anybody to the doctor.
      [ "$command" = doctor ] || echo "$me doctor checks what this needs" ;;
  esac
}

advice_for_network() {
  echo "make one: aws ec2 create-default-vpc --region $region"
}

# The message has the name of the profile in brackets.
advice_for_profile() { # CAUSE
  local profile=${1#*config profile (}
  profile=${profile%%)*}
  if [ "${AWS_PROFILE:-${AWS_DEFAULT_PROFILE:-}}" = "$profile" ]; then
    echo "AWS_PROFILE chooses it: \`unset AWS_PROFILE AWS_DEFAULT_PROFILE\` takes the default one"
  fi
  echo "make it: \`aws configure --profile $profile\`, or \`aws configure sso --profile $profile\`"
}

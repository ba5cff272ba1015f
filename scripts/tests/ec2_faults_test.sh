#!/usr/bin/env bash
# scripts/ec2.sh on a bad day: AWS is late, refuses, or two people work at once. moto never does so
# by itself; each test plays it (see `faulty` in moto.sh).
# shellcheck source=moto.sh
. "$(dirname "$0")/moto.sh"

# Prints the role of each instance that runs, or with 3 its id.
roles() { # [3]
  aws_test ec2 describe-instances \
    --query "Reservations[].Instances[].[State.Name,Tags[?Key=='Role']|[0].Value,InstanceId]" |
    awk -v n="${1:-2}" '$1 == "running" { print $n }' | sort | xargs
}
zones() { instances Placement.AvailabilityZone | xargs; }
terminate_all() {
  # shellcheck disable=SC2046 # a list of ids
  aws_test ec2 terminate-instances --instance-ids $(instances InstanceId) >/dev/null
}

test_an_instance_that_is_listed_late_is_waited_for() {
  spoil
  faulty <<'END'
play() {
  local left code=0
  case " $* " in
    *" run-instances "*) real "$@" || code=$?; echo 4 >"$FAULT/hide"; return "$code" ;;
    *" describe-instances "*)
      left=$(cat "$FAULT/hide" 2>/dev/null || echo 0)
      [ "$left" -gt 0 ] || { real "$@"; return; }
      echo $((left - 1)) >"$FAULT/hide"
      real "$@" | sed '$d' ;;
    *) real "$@" ;;
  esac
}
END
  ec2 up >"$scratch/out"
  rm "$work/fault"
  grep '^server .* running ' "$scratch/out"
  grep '^client .* running ' "$scratch/out"
  same 'client server' "$(roles)"
}

test_up_that_fails_half_way_names_what_it_made() {
  spoil
  faulty <<'END'
play() {
  case " $* " in
    *" --client-token client-"*) refuse VcpuLimitExceeded 'You have requested more vCPU capacity' ;;
    *) real "$@" ;;
  esac
}
END
  exits 1 ec2 up 2>"$scratch/said"
  same running "$(states)"
  has "server	$(instances InstanceId)" "$scratch/said"
  has 'charged' "$scratch/said"
  has 'scripts/ec2.sh stop' "$scratch/said"
  has 'quota' "$scratch/said"
}

test_up_that_hears_no_answer_says_that_an_instance_may_run() {
  spoil
  faulty <<'END'
play() {
  case " $* " in
    *" run-instances "*) real "$@" >/dev/null; echo 'Read timeout on endpoint URL: "https://ec2/"' >&2; return 255 ;;
    *) real "$@" ;;
  esac
}
END
  exits 1 ec2 up 2>"$scratch/said"
  same running "$(states)"
  has 'perhaps AWS makes instance server all the same: look with scripts/ec2.sh status' "$scratch/said"
  exits 3 ec2 status
}

test_two_up_at_once_make_one_instance_a_role() {
  local round first
  spoil
  for round in 1 2 3; do # in the first round there is no group and no key pair either
    ec2 up >"$scratch/first" 2>&1 &
    first=$!
    ec2 up >"$scratch/second" 2>&1 || { cat "$scratch/second"; fail "the second failed"; }
    wait "$first" || { cat "$scratch/first"; fail "the first failed"; }
    echo "round $round: $(roles)"
    same 'client server' "$(roles)"
    has "$(roles 3 | cut -d ' ' -f 1)" "$scratch/second"
    terminate_all
  done
  same '22 22 203.0.113.9/32
8030 8039 203.0.113.9/32
8030 8039 itself' "$(rules)"
}

test_up_after_the_console_terminated_the_instances_makes_new_ones() {
  spoil
  ec2 up
  terminate_all
  # As an hour later, when AWS does not list the dead ones any longer.
  faulty <<'END'
play() {
  case " $* " in
    *" describe-instances "*Reservations*) real "$@" | grep -v terminated || : ;;
    *) real "$@" ;;
  esac
}
END
  ec2 up
  rm "$work/fault"
  same 'client server' "$(roles)"
}

test_two_instances_in_one_role_are_told() {
  local image
  lab_is_up
  rm "$work/lab-is-up"
  image=$(instances ImageId | head -1)
  aws_test ec2 run-instances --image-id "$image" --instance-type t3.micro --tag-specifications \
    'ResourceType=instance,Tags=[{Key=Project,Value=buddy-lab},{Key=Role,Value=server}]' >/dev/null
  exits 3 ec2 status >"$scratch/out" 2>"$scratch/said"
  same 2 "$(grep -c ^server "$scratch/out")"
  has 'that are all called server: i-' "$scratch/said"
  exits 1 ec2 up 2>"$scratch/said"
  has 'two in one role' "$scratch/said"
  ec2 stop >"$scratch/out"
  same 'stopped stopped stopped' "$(states)"
}

test_the_region_is_told_and_others_are_looked_at() {
  spoil
  faulty <<'END'
play() {
  case " $* " in
    *" describe-regions "*) printf 'us-east-1\teu-west-2\teu-west-1\n' ;;
    *) real "$@" ;;
  esac
}
END
  ec2 --region eu-west-2 up >"$scratch/up"
  has 'buddy-lab in eu-west-2, account 123456789012' "$scratch/up"
  has 'eu-west-2a' "$scratch/up"
  ec2 status >"$scratch/here" 2>"$scratch/said"
  has 'no instances of buddy-lab in us-east-1' "$scratch/here"
  has 'status --all-regions' "$scratch/said"
  ec2 --yes down 2>"$scratch/said"
  has 'nothing of buddy-lab is left in us-east-1' "$scratch/said"
  exits 3 ec2 status --all-regions >"$scratch/all" 2>"$scratch/said"
  has 'buddy-lab in eu-west-2' "$scratch/all"
  has_not 'us-east-1' "$scratch/all"
  has 'scripts/ec2.sh --region eu-west-2 stop' "$scratch/said"
  ec2 --region eu-west-2 --yes down 2>"$scratch/said"
  has 'nothing of buddy-lab is left in eu-west-2' "$scratch/said"
  ec2 status --all-regions >"$scratch/all"
  has 'no instances of buddy-lab in 3 regions' "$scratch/all"
  exits 2 ec2 up --all-regions
}

test_a_region_that_refuses_does_not_hide_another() {
  lab_is_up
  faulty <<'END'
play() {
  case " $* " in
    *" describe-regions "*) printf 'eu-west-1\tus-east-1\n' ;;
    *" eu-west-1 "*) refuse UnauthorizedOperation 'not in this region' ;;
    *) real "$@" ;;
  esac
}
END
  exits 3 ec2 status --all-regions >"$scratch/all" 2>"$scratch/said"
  rm "$work/fault"
  has 'buddy-lab in us-east-1' "$scratch/all"
  has 'aws ec2 describe-instances in eu-west-1' "$scratch/said"
}

test_the_region_of_the_configuration_is_used_and_none_is_told() {
  unset AWS_DEFAULT_REGION
  exits 1 ec2 status 2>"$scratch/said"
  has 'no region is chosen' "$scratch/said"
  has '--region eu-west-2' "$scratch/said"
  export AWS_CONFIG_FILE=$scratch/config
  printf '[default]\nregion = eu-west-3\n' >"$AWS_CONFIG_FILE"
  ec2 status >"$scratch/out"
  has 'no instances of buddy-lab in eu-west-3' "$scratch/out"
}

test_a_key_pair_of_another_key_is_refused() {
  spoil
  ssh-keygen -q -t ed25519 -N '' -f "$scratch/other"
  ec2 up
  terminate_all
  exits 1 ec2 --key "$scratch/other" doctor >"$scratch/out"
  has "FAILED  key pair buddy-lab: key pair buddy-lab in us-east-1 is of another key than $scratch/other.pub" \
    "$scratch/out"
  exits 1 ec2 --key "$scratch/other" up 2>"$scratch/said"
  has 'is of another key' "$scratch/said"
  has '--key FILE' "$scratch/said"
  has 'scripts/ec2.sh down' "$scratch/said"
  same 'terminated terminated' "$(states)"
  ec2 doctor
}

# Follows the advice, and looks at what it did to the private key.
test_advice_on_keys_never_costs_a_key() {
  local file="$scratch/a lab.pem" before
  cp "$work/key" "$file"
  before=$(cksum <"$file")
  exits 1 ec2 --key "$file" up 2>"$scratch/said"
  has 'there is no' "$scratch/said"
  has_not '-t ed25519' "$scratch/said"
  bash -c "$(sed -n 's/^help: .*: \(ssh-keygen .*\)/\1/p' "$scratch/said")"
  same "$before" "$(cksum <"$file")"
  same "$(awk '{ print $2 }' "$work/key.pub")" "$(awk '{ print $2 }' "$file.pub")"
  # The public half of another key.
  ssh-keygen -q -t ed25519 -N '' -f "$scratch/other"
  cp "$scratch/other.pub" "$file.pub"
  exits 1 ec2 --key "$file" doctor >"$scratch/said"
  has 'is not the public half' "$scratch/said"
  bash -c "$(sed -n 's/^help: .*: \(mv .*\)/\1/p' "$scratch/said")"
  same "$before" "$(cksum <"$file")"
  same "$(awk '{ print $2 }' "$work/key.pub")" "$(awk '{ print $2 }' "$file.pub")"
  # No private half: a new pair would replace the public one.
  rm "$file"
  exits 1 ec2 --key "$file" up 2>"$scratch/said"
  has_not 'ssh-keygen' "$scratch/said"
  rm "$file.pub"
  exits 1 ec2 --key "$file" up 2>"$scratch/said"
  has 'ssh-keygen -t ed25519' "$scratch/said"
}

# An earlier `down` was interrupted: the instances are going and still hold the group.
test_down_again_waits_for_what_is_going() {
  lab_is_up
  rm "$work/lab-is-up"
  faulty <<'END'
play() {
  local left
  case " $* " in
    *" wait instance-terminated "*) echo 1 >"$FAULT/held" ;; # the group is held a moment longer
    *" describe-instances "*)
      if [ -e "$FAULT/held" ]; then real "$@"; else real "$@" | sed 's/terminated/shutting-down/'; fi ;;
    *" delete-security-group "*)
      left=$(cat "$FAULT/held" 2>/dev/null || echo 9)
      [ "$left" -gt 0 ] || { real "$@"; return; }
      echo $((left - 1)) >"$FAULT/held"
      refuse DependencyViolation 'resource sg-1 has a dependent object' ;;
    *) real "$@" ;;
  esac
}
END
  terminate_all
  : >"$AWS_CALLS"
  ec2 --yes down 2>"$scratch/said"
  grep 'wait instance-terminated --instance-ids i-[^ ]* i-' "$AWS_CALLS"
  has_not 'terminate-instances' "$AWS_CALLS"
  has 'nothing of buddy-lab is left' "$scratch/said"
  same default "$(aws_test ec2 describe-security-groups --query 'SecurityGroups[].GroupName')"
}

test_a_zone_without_room_is_left_for_the_next() {
  spoil
  first=$(aws_test ec2 describe-subnets --filters Name=availability-zone,Values=us-east-1a \
    --query 'Subnets[].SubnetId')
  faulty <<END
play() {
  case " \$* " in
    *" run-instances "*" --subnet-id $first "*)
      refuse InsufficientInstanceCapacity 'We currently do not have sufficient t3.micro capacity' ;;
    *) real "\$@" ;;
  esac
}
END
  ec2 up >"$scratch/out" 2>"$scratch/said"
  has 'us-east-1a has no room for t3.micro now' "$scratch/said"
  same 1 "$(grep -c 'no room' "$scratch/said")" # the second instance goes where the first one is
  same 'us-east-1b us-east-1b' "$(zones)"
  ec2 --yes down
  ec2 --zone c up >"$scratch/out"
  same 2 "$(zones | tr ' ' '\n' | grep -c us-east-1c)"
  terminate_all
  exits 1 ec2 --zone us-east-1a up 2>"$scratch/said"
  has 'no room for t3.micro in us-east-1a' "$scratch/said"
  has '--region eu-west-2' "$scratch/said"
  has_not doctor "$scratch/said"
  exits 1 ec2 --zone z up 2>"$scratch/said"
  has 'us-east-1z does not offer t3.micro' "$scratch/said"
  exits 2 ec2 --zone 'a;b' up
}

no_network() { # REGION
  local subnet
  for subnet in $(aws_test --region "$1" ec2 describe-subnets --query 'Subnets[].SubnetId'); do
    aws_test --region "$1" ec2 delete-subnet --subnet-id "$subnet"
  done
}

test_without_a_network_the_command_that_makes_one_is_told() {
  spoil
  no_network eu-west-2
  exits 1 ec2 --region eu-west-2 up 2>"$scratch/said"
  has 'aws ec2 create-default-subnet --region eu-west-2 --availability-zone eu-west-2a' "$scratch/said"
  aws_test --region eu-west-2 ec2 delete-vpc --vpc-id "$(aws_test --region eu-west-2 ec2 describe-vpcs \
    --query 'Vpcs[].VpcId')"
  exits 1 ec2 --region eu-west-2 up 2>"$scratch/said"
  has 'help: make one: aws ec2 create-default-vpc --region eu-west-2' "$scratch/said"
  same '' "$(aws_test --region eu-west-2 ec2 describe-key-pairs --query 'KeyPairs[].KeyName')"
  exits 1 ec2 --region eu-west-2 doctor >"$scratch/out"
  has 'FAILED  network: eu-west-2 has no default network' "$scratch/out"
  spoil
}

# told ERROR ADVICE: the last line of the AWS CLI, and a part of what is advised, also by the doctor,
# who must not send anybody to the doctor.
told() {
  local command
  echo "$1" >"$scratch/words"
  faulty <<END
play() { echo >&2; cat "$scratch/words" >&2; return 254; }
END
  for command in status doctor; do
    exits 1 ec2 "$command" >"$scratch/said" 2>&1
    has "$2" "$scratch/said"
    [ "$command" = status ] || has_not 'doctor checks' "$scratch/said"
  done
  rm "$work/fault"
}

test_errors_of_the_account_get_the_right_advice() {
  local call='when calling the DescribeInstances operation'
  told "An error occurred (ExpiredToken) $call: The security token included in the request is expired" 'aws configure'
  told 'Error when retrieving token from sso: Token has expired and refresh failed' 'aws sso login'
  told 'Error loading SSO Token: Token for https://x.awsapps.com/start does not exist' 'aws sso login'
  told 'The SSO session associated with this profile has expired or is otherwise invalid. To refresh this SSO session run aws sso login with the corresponding profile.' 'aws sso login'
  told 'Your session has expired. Please reauthenticate using '\''aws login'\''.' 'aws login'
  AWS_PROFILE=lab told 'Error loading SSO Token: Token for https://x does not exist' 'aws sso login --profile lab'
  AWS_PROFILE=lab told 'The config profile (lab) could not be found' 'unset AWS_PROFILE'
  told 'The config profile (lab) could not be found' 'aws configure --profile lab'
  told "An error occurred (SignatureDoesNotMatch) $call: Signature expired: 20251126T110000Z is now earlier than 20251126T113000Z" "clock is wrong"
  told "An error occurred (RequestExpired) $call: Request has expired." 'clock is wrong'
  told "An error occurred (AuthFailure) $call: AWS was not able to validate the provided access credentials" 'clock'
  told "An error occurred (PendingVerification) $call: Your request for accessing resources in this region is being validated" 'four hours'
  told "An error occurred (InvalidParameterCombination) $call: The specified instance type is not eligible for Free Tier." \
    'free-tier-eligible'
  told "An error occurred (VPCIdNotSpecified) $call: No default VPC for this user" 'create-default-vpc --region us-east-1'
  told "An error occurred (RequestLimitExceeded) $call: Request limit exceeded." 'in a minute'
  told "An error occurred (Teapot) $call: short and stout" 'errors-overview'
}

test_a_tool_that_is_missing_is_told_with_its_package() {
  local tool
  mkdir "$scratch/bin"
  for tool in bash cat dirname mktemp rm sed find aws tar curl awk grep tail tr sort env head uname; do
    ln -s "$(command -v $tool)" "$scratch/bin/"
  done
  PATH=$scratch/bin exits 1 ec2 up 2>"$scratch/said"
  has 'ssh is not installed' "$scratch/said"
  has 'openssh-client' "$scratch/said"
  has_not 'awscli' "$scratch/said"
}

run_with_moto

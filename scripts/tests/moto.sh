#!/usr/bin/env bash
# What the tests of ec2.sh share. Sourced, not run.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

ec2() { "$scripts/ec2.sh" --allow 203.0.113.9/32 --key "$work/key" --dist "$work/dist" "$@" </dev/null; }

# Prints all that the lab made, to compare before and after.
world() {
  aws_test ec2 describe-instances --query \
    'Reservations[].Instances[].[InstanceId,State.Name,PublicIpAddress,PrivateIpAddress,Tags]'
  rules
  aws_test ec2 describe-security-groups --query 'SecurityGroups[].[GroupName,GroupId]'
  aws_test ec2 describe-key-pairs --query 'KeyPairs[].KeyName'
}
instances() { # QUERY
  aws_test ec2 describe-instances --query "Reservations[].Instances[].$1" | tr '\t' '\n' | sort
}
states() { instances State.Name | xargs; }
rules() {
  aws_test ec2 describe-security-group-rules --query \
    'SecurityGroupRules[?!IsEgress].[FromPort,ToPort,CidrIpv4||ReferencedGroupInfo.GroupId]' |
    tr '\t' ' ' | sed 's/sg-.*/itself/' | sort
}

mutating_calls() {
  grep -oE ' (import|create|run|start|stop|terminate|delete|authorize|revoke|modify|put)-[a-z-]+' "$AWS_CALLS" ||
    return 1
}

# Makes sure that a lab is up. Tests that leave it unchanged share one, because each call of the AWS
# CLI costs half a second of Python. The other tests `spoil` it.
lab_is_up() {
  [ ! -e "$work/lab-is-up" ] || return 0
  spoil
  ec2 up >"$work/lab-is-up" || { rm "$work/lab-is-up"; return 1; }
  cp "$AWS_CALLS" "$work/calls-of-up"
}
spoil() { rm -rf "$work/lab-is-up" "$work/tokens" "$work/fault"; reset_moto; }

# Adds to moto what AWS does with the token of `run-instances`: the same token is answered with the
# same instance, or with an error after that was terminated. A test adds a fault with `faulty`.
play_AWS() {
  export AWS_PLAY=$work/play
  cat >"$AWS_PLAY" <<END
tokens=$work/tokens
END
  cat >>"$AWS_PLAY" <<'END'
real() {
  local token id where code=0 words="$*"
  case " $* " in *" --client-token "*) ;; *) call "$@"; return ;; esac
  token=${words#* --client-token }
  token=$tokens/${token%% *}
  mkdir -p "$tokens"
  until mkdir "$token.lock" 2>/dev/null; do sleep 0.1; done
  if [ -s "$token" ]; then
    id=$(awk '{ print $2 }' "$token")
    where=${words#* --region }
    case $(call --endpoint-url "$AWS_ENDPOINT_URL" --region "${where%% *}" --output text ec2       describe-instances --instance-ids "$id" --query 'Reservations[].Instances[].State.Name') in
      terminated) refuse IdempotentInstanceTerminated 'a request with this token had an instance' ||
        code=$? ;;
      *) cat "$token" ;;
    esac
  else
    call "$@" >"$token" || code=$?
    cat "$token"
  fi
  rmdir "$token.lock"
  return "$code"
}
# Says an error as the AWS CLI does.
refuse() { # CODE WORDS
  printf '
An error occurred (%s) when calling an operation: %s
' "$1" "$2" >&2
  return 254
}
play() { real "$@"; }
END
  echo "[ ! -e $work/fault ] || . $work/fault" >>"$AWS_PLAY"
}

# Reads a function `play` that answers instead of AWS; `real` asks AWS. $FAULT is a folder for what
# it has to remember.
faulty() {
  export FAULT=$scratch/fault
  mkdir -p "$FAULT"
  cat >"$work/fault"
}

# Makes what a lab needs, and runs the tests.
run_with_moto() {
  local why
  if ! why=$(need_tool moto_server 'moto[server,ec2,ssm]' && need_tool aws awscli); then
    skip_tests "$why"
    return
  fi
  make_dist "$work/dist"
  ssh-keygen -q -t ed25519 -N '' -f "$work/key"
  play_AWS
  start_moto || return
  run_tests
}

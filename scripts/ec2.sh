#!/usr/bin/env bash
# Two EC2 instances for the lab: made, used, and surely stopped again.
#
#   scripts/ec2.sh [OPTIONS] COMMAND
#
#   doctor              is all in place? tools, credentials, region, key, instance type, permission
#   up                  makes or restarts the instances `server` and `client`; run it again at will
#   status              what there is, and whether it runs and costs money (then exit 3)
#   deploy              sends dist/ to both, starts the services, lets the client call the server
#   ssh NAME [COMMAND]  a shell, or one command, on `server` or `client`
#   connect [client]    the chat-client lines for this machine and for the client instance, where
#                       `connect client` runs it
#   session             up, deploy, connect; waits for Enter or Ctrl-C; stops both whatever happens
#   stop                stops both; the disks stay, and cost a little
#   down                removes instances, security group and key pair; asks first
#
#   --name NAME       tag, security group and key pair are called so (buddy-lab)
#   --type TYPE       instance type, x86-64 (t3.micro)
#   --region REGION   (as configured for the AWS CLI)
#   --ports A-B       TCP ports of the programs (8030-8039)
#   --allow CIDR      who may come in from outside; repeat for several (this machine's address)
#   --ttl MINUTES     an instance powers itself off so long after each boot (120); set when made
#   --key FILE        private ssh key; FILE.pub goes to AWS (~/.ssh/id_ed25519)
#   --dist DIR        what scripts/build-static.sh made (dist)
#   --ami ID          another image than Amazon Linux 2023, with --login USER (ec2-user)
#   --dry-run         shows what would be changed from the present state; changes nothing
#   --yes             `down` does not ask
#
# Exit: 0 done, 1 failed, 2 usage, 3 `status` found something running, 130 interrupted.
#
# All state is in AWS, found by the tags Project=NAME and Role: nothing is remembered here, so every
# command can be run again at any moment, from any machine. Nothing is ever opened to the world.
set -euo pipefail

readonly CHAT_PORT=8030 SECRET_PORT=8031 # as in the units
readonly SETTLE_SECONDS=5                # until AWS lists what was being made
readonly AMI_PARAMETER=/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64

here=$(cd "$(dirname "$0")" && pwd)
name=buddy-lab type=t3.micro region='' ports=8030-8039 allow='' ttl=120
key=$HOME/.ssh/id_ed25519 dist=$here/../dist ami='' login=ec2-user dry_run='' yes='' command=''
making='' # whether a session is in the middle of `up`
me=scripts/ec2.sh # how to call this again for the same lab

# ---- words ----

usage() { sed -n '4,31s/^# \{0,1\}//p' "$0"; }
say() { printf '%s\n' "$*" >&2 || :; } # a terminal that has gone must not keep `session` from stopping

die() { # MESSAGE [HELP]...
  say "ec2.sh: $1"
  shift
  while [ $# -gt 0 ]; do say "help: $1"; shift; done
  exit 1
}

bad_usage() {
  say "ec2.sh: $1"
  say "help: $me --help"
  exit 2
}

# ---- AWS ----

# The only line that calls AWS. The variable alone is not enough: old CLIs (2.9 in Debian 12)
# ignore it and would turn a rehearsal into a bill.
aws_cli() {
  AWS_PAGER='' aws ${AWS_ENDPOINT_URL:+--endpoint-url "$AWS_ENDPOINT_URL"} \
    ${region:+--region "$region"} --output text "$@"
}

# Reads.
ask() { aws_cli "$@" 2>"$tmp/aws.stderr" || aws_failed "$@"; }

# Changes something, or only says so in a dry run.
change() {
  if [ -n "$dry_run" ]; then
    { printf 'would run: aws'; printf ' %q' "$@"; printf '\n'; } >&3
  else
    aws_cli "$@" 2>"$tmp/aws.stderr" || aws_failed "$@"
  fi
}

# Waits until AWS says so; ten minutes at most, that is the CLI's own limit.
await() { [ -n "$dry_run" ] || ask ec2 wait "$@"; }

aws_failed() {
  local cause help
  cause=$(grep . "$tmp/aws.stderr" | tail -1)
  case $cause in
    *[Uu]nable\ to\ locate\ credentials*)
      help="run \`aws configure\` once, or use AWS CloudShell in the browser, which has credentials" ;;
    *ExpiredToken* | *RequestExpired* | *InvalidClientTokenId* | *AuthFailure*)
      help="the credentials are wrong or have expired: fetch new ones and run \`aws configure\`" ;;
    *UnauthorizedOperation* | *AccessDenied*)
      help='these credentials may not do that: ask whoever gave them to you' ;;
    *specify\ a\ region*)
      help="choose one: --region eu-west-2, or \`aws configure set region eu-west-2\`" ;;
    *LimitExceeded*)
      help='your account allows no more instances: stop others, or ask AWS for a higher quota' ;;
    *connect\ to\ the\ endpoint*)
      help='is this machine online, and the region spelled right?' ;;
    *Max\ attempts\ exceeded*)
      help="AWS takes more than ten minutes: look again with \`$me status\`" ;;
    *) help="$me doctor checks what this needs" ;;
  esac
  die "aws $1 $2: ${cause:-failed}" "$help"
}

# ---- what there is ----

# Sets `list`, a line per instance that is not terminated: ROLE ID STATE PUBLIC PRIVATE, where
# None stands for no address.
look() {
  list=$(ask ec2 describe-instances --filters "Name=tag:Project,Values=$name" \
    Name=instance-state-name,Values=pending,running,stopping,stopped \
    --query "Reservations[].Instances[].[Tags[?Key=='Role']|[0].Value,InstanceId,State.Name,PublicIpAddress,PrivateIpAddress]")
}

# The ids of listed instances in one of the states.
ids() {
  local state
  for state in "$@"; do printf '%s\n' "$list" | awk -v state="$state" '$3 == state { print $2 }'; done
}

# Field 2 ID, 3 STATE, 4 PUBLIC or 5 PRIVATE of the first instance in ROLE; empty if there is none.
field() { printf '%s\n' "$list" | awk -v role="$1" -v n="$2" '$1 == role { print $n; exit }'; }

group_id() {
  ask ec2 describe-security-groups --filters "Name=group-name,Values=$name" \
    "Name=tag:Project,Values=$name" --query 'SecurityGroups[].GroupId'
}

table() {
  [ -n "$list" ] || { echo "no instances"; return; }
  { echo "ROLE ID STATE PUBLIC PRIVATE"; printf '%s\n' "$list" | sed 's/None/-/g'; } |
    awk '{ printf "%-7s %-20s %-9s %-16s %s\n", $1, $2, $3, $4, $5 }'
}

# ---- up ----

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
  known=$(ask ec2 describe-key-pairs --filters "Name=key-name,Values=$name" --query 'KeyPairs[].KeyName')
  [ -z "$known" ] || return 0
  check_key
  say "importing $key.pub as key pair $name"
  change ec2 import-key-pair --key-name "$name" --public-key-material "fileb://$key.pub" \
    --tag-specifications "ResourceType=key-pair,Tags=[{Key=Project,Value=$name}]" >/dev/null
}

# Sets `group`, and `subnet` in a zone that offers the instance type: not every zone does.
make_group() {
  local vpc zones
  vpc=$(ask ec2 describe-vpcs --filters Name=is-default,Values=true --query 'Vpcs[].VpcId')
  [ -n "$vpc" ] || die "this region has no default network" "make one: aws ec2 create-default-vpc"
  zones=$(ask ec2 describe-instance-type-offerings --location-type availability-zone \
    --filters "Name=instance-type,Values=$type" --query 'InstanceTypeOfferings[].Location' | tr '\t' ,)
  [ -n "$zones" ] || die "instance type $type is not offered in this region" \
    "try --type t3.micro or --type t2.micro; \`$me --type TYPE doctor\` tells"
  subnet=$(ask ec2 describe-subnets --filters "Name=vpc-id,Values=$vpc" Name=default-for-az,Values=true \
    "Name=availability-zone,Values=$zones" --query 'Subnets[0].SubnetId')
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

# Lines FROM TO SOURCE: ssh and the programs from outside, the programs from each other.
rules_wanted() {
  local cidr
  for cidr in $allow; do
    echo "22 22 $cidr"
    echo "${ports%-*} ${ports#*-} $cidr"
  done
  echo "${ports%-*} ${ports#*-} $group"
}

# Lines FROM TO SOURCE RULE-ID.
rules_present() {
  [ "$group" != sg-new ] || return 0
  ask ec2 describe-security-group-rules --filters "Name=group-id,Values=$group" --query \
    'SecurityGroupRules[?!IsEgress].[FromPort,ToPort,CidrIpv4||ReferencedGroupInfo.GroupId||CidrIpv6,SecurityGroupRuleId]' |
    tr '\t' ' '
}

# Makes the group exactly what is wanted: an address that this machine no longer has is shut out.
make_rules() {
  local wanted present from to source rule
  wanted=$(rules_wanted)
  present=$(rules_present)
  while read -r from to source rule; do
    [ -n "$from" ] || continue
    ! printf '%s\n' "$wanted" | grep -qxF "$from $to $source" || continue
    say "closing ports $from-$to to $source"
    change ec2 revoke-security-group-ingress --group-id "$group" --security-group-rule-ids "$rule" >/dev/null
  done <<<"$present"
  while read -r from to source; do
    ! printf '%s\n' "$present" | grep -qF "$from $to $source " || continue
    say "opening ports $from-$to to $source"
    change ec2 authorize-security-group-ingress --group-id "$group" \
      --ip-permissions "IpProtocol=tcp,FromPort=$from,ToPort=$to,$(rule_source "$source")" >/dev/null
  done <<<"$wanted"
}

rule_source() {
  case $1 in
    sg-*) echo "UserIdGroupPairs=[{GroupId=$1,Description=lab}]" ;;
    *) echo "IpRanges=[{CidrIp=$1,Description=outside}]" ;;
  esac
}

# What an instance is told at its first boot: to power itself off. A timer, because it comes back
# at every start; `shutdown -h +120` here would count once and never again. No secrets belong here:
# anyone who may describe the instance can read this.
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
  local tags="Tags=[{Key=Name,Value=$name-$1},{Key=Project,Value=$name},{Key=Role,Value=$1}]" credits=''
  # Without this T3 instances may run up charges beyond their price.
  case $type in t[0-9]*) credits=CpuCredits=standard ;; esac
  if [ -z "$ami" ]; then
    ami=$(ask ssm get-parameter --name "$AMI_PARAMETER" --query Parameter.Value)
  fi
  say "making instance $1 ($type)"
  change ec2 run-instances --image-id "$ami" --instance-type "$type" --key-name "$name" \
    --subnet-id "$subnet" --security-group-ids "$group" --user-data "$(user_data)" \
    --metadata-options HttpTokens=required,HttpEndpoint=enabled \
    ${credits:+--credit-specification "$credits"} --instance-initiated-shutdown-behavior stop \
    --tag-specifications "ResourceType=instance,$tags" "ResourceType=volume,$tags" >/dev/null
}

# Brings ROLE from whatever state it is in towards running.
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

# ---- status, stop, down ----

status() {
  look
  table
  [ -n "$(ids pending running)" ] || return 0
  say "RUNNING, and charged by the second until you say: $me stop"
  exit 3
}

stop() {
  local starting running
  look
  starting=$(ids pending)
  # AWS refuses to stop what is still starting.
  # shellcheck disable=SC2086 # a list of ids, as below
  [ -z "$starting" ] || await instance-running --instance-ids $starting
  running=$(ids pending running)
  if [ -n "$running" ]; then
    say "stopping"
    # shellcheck disable=SC2086
    change ec2 stop-instances --instance-ids $running >/dev/null
  fi
  running=$(ids pending running stopping)
  # shellcheck disable=SC2086
  [ -z "$running" ] || await instance-stopped --instance-ids $running
  look
  [ -n "$dry_run" ] || table
}

down() {
  local all group known
  look
  all=$(ids pending running stopping stopped)
  confirm_down
  if [ -n "$all" ]; then
    # shellcheck disable=SC2086 # a list of ids, as below
    say "terminating" $all
    # shellcheck disable=SC2086
    change ec2 terminate-instances --instance-ids $all >/dev/null
    # shellcheck disable=SC2086
    await instance-terminated --instance-ids $all # a group in use cannot be deleted
  fi
  group=$(group_id)
  if [ -n "$group" ]; then
    say "deleting security group $name ($group)"
    change ec2 delete-security-group --group-id "$group" >/dev/null
  fi
  known=$(ask ec2 describe-key-pairs --filters "Name=key-name,Values=$name" --query 'KeyPairs[].KeyName')
  if [ -n "$known" ]; then
    say "deleting key pair $name (your own $key stays)"
    change ec2 delete-key-pair --key-name "$name" >/dev/null
  fi
  [ -n "$dry_run" ] || rm -f "$(known_hosts)"
  [ -n "$dry_run" ] || say "nothing of $name is left"
}

confirm_down() {
  local answer=''
  [ -z "$yes$dry_run" ] || return 0
  table
  printf 'Remove these, their disks, the security group and the key pair? [y/N] ' >&2
  read -r answer || :
  case $answer in y | Y | yes) ;; *) die "nothing was removed" "--yes does not ask" ;; esac
}

# ---- ssh, deploy, connect ----

known_hosts() { echo "$HOME/.ssh/known_hosts.$name"; }

# Writes an ssh configuration in which the instances are called `server` and `client`. A host key
# is remembered under the instance's id, because its address is another one after every start.
write_ssh_config() {
  local role
  look
  for role in server client; do
    case $(field "$role" 3) in
      running) ;;
      '') die "there is no instance $role" "$me up" ;;
      *) die "instance $role is $(field "$role" 3)" "$me up starts it" ;;
    esac
    printf 'Host %s\n HostName %s\n HostKeyAlias %s\n' "$role" "$(field "$role" 4)" "$(field "$role" 2)"
  done >"$tmp/ssh_config"
  cat >>"$tmp/ssh_config" <<END
Host *
 User $login
 IdentityFile "$key"
 IdentitiesOnly yes
 ConnectTimeout 5
 StrictHostKeyChecking accept-new
 UserKnownHostsFile "$(known_hosts)"
 LogLevel ERROR
END
}

on() { ssh -F "$tmp/ssh_config" "$@"; }

deploy() {
  local role server word
  if [ -n "$dry_run" ]; then
    for role in server client; do
      "$here/deploy.sh" --dry-run --user "$login" --dist "$dist" --role "$role" "$role"
    done
    return
  fi
  check_key
  has_dist
  write_ssh_config
  for role in server client; do
    "$here/deploy.sh" --ssh-config "$tmp/ssh_config" --dist "$dist" --role "$role" "$role" ||
      die "deploying to $role failed: see above"
  done
  server=$(field server 5)
  say "the client calls the server, $server"
  on client chat-client --server "$server:$CHAT_PORT" --name ec2.sh </dev/null >/dev/null ||
    die "client cannot chat with server" "look: $me ssh server journalctl -u chat-server"
  word=$(on client secret-client --server "$server:$SECRET_PORT" --string drawer \
    </dev/null 2>"$tmp/secret.stderr") ||
    { cat "$tmp/secret.stderr" >&2; die "client gets no answer from secret-server"; }
  [ "$word" = reward ] || die "secret-server answers '$word' for 'drawer'"
  say "both answer"
}

connect() {
  local private public
  case ${1:-} in
    '') ;;
    client)
      write_ssh_config
      on -t client chat-client --server "$(field server 5):$CHAT_PORT"
      return
      ;;
    *) bad_usage "connect is for this machine, or \`connect client\`" ;;
  esac
  look
  [ "$(field server 3)" = running ] || die "no server is running" "$me up"
  public=$(field server 4) private=$(field server 5)
  if inside; then
    echo "from here: chat-client --server $private:$CHAT_PORT"
  else
    echo "from here:     chat-client --server $public:$CHAT_PORT"
    echo "on the client: chat-client --server $private:$CHAT_PORT   ($me connect client)"
  fi
}

# Whether this machine is one of the instances.
inside() {
  local private
  for private in $(printf '%s\n' "$list" | awk '{ print $5 }'); do
    ! { ip -4 addr 2>/dev/null || ifconfig; } | grep -qwF "$private" || return 0
  done
  return 1
}

ssh_to() { # NAME [COMMAND]...
  case ${1:-} in server | client) ;; *) bad_usage "ssh to whom? server or client" ;; esac
  write_ssh_config
  on "$@"
}

# ---- session ----

session() {
  # Before there is anything to stop.
  check_key
  has_dist
  trap leave_session EXIT
  # Exit, and let the line above stop the instances. Bash runs this when the present command has
  # ended: an instance that is being made is then listed, and can be stopped.
  trap 'exit 130' INT TERM HUP
  making=yes
  up
  making=''
  deploy
  [ -z "$dry_run" ] || return 0
  connect
  say "Enter or Ctrl-C stops both instances"
  read -r _ || :
}

# Stops in a process of its own, which nothing that went wrong in this one can disturb.
leave_session() {
  # Before there is anything to stop.
  check_key
  has_dist
  local code=$? options=''
  trap '' INT TERM HUP
  options="--name $name${region:+ --region $region}${dry_run:+ --dry-run}"
  # shellcheck disable=SC2086 # a list of words
  if ! "$here/ec2.sh" $options stop; then code=1; could_not_stop; fi
  if [ -n "$making" ]; then
    # Interrupted while making them: AWS may list the newest only now.
    sleep "$SETTLE_SECONDS"
    # shellcheck disable=SC2086
    if ! "$here/ec2.sh" $options stop >/dev/null; then code=1; could_not_stop; fi
  fi
  rm -rf "$tmp"
  exit "$code"
}

could_not_stop() {
  say "COULD NOT STOP THE INSTANCES: run $me stop, or stop them in the AWS console;"
  say "they power themselves off $ttl minutes after their start"
}

# ---- doctor ----

doctor() {
  local failed=''
  check 'tools' has_tools
  check "key $key" check_key
  check "dist" has_dist
  check 'credentials' has_credentials
  check "instance type $type" has_type
  check 'permission to make instances' may_run
  [ -z "$failed" ] || die "not ready: see FAILED above"
}

# Runs a check in a subshell, which may `die`; what it prints goes behind the verdict. Bash ignores
# `set -e` in there, so a check says `|| exit 1` itself.
check() { # NAME FUNCTION
  local words
  if words=$("$2" 2>&1); then
    echo "ok      $1${words:+: $words}"
  else
    failed=yes
    echo "FAILED  $1: $words" | sed 's/ec2.sh: //'
  fi
}

has_tools() {
  local tool
  for tool in aws ssh tar curl awk; do
    command -v "$tool" >/dev/null || die "$tool is not installed" \
      "AWS CLI: pip install awscli, or AWS CloudShell in the browser, which has all"
  done
}

check_key() {
  { [ -r "$key" ] && [ -r "$key.pub" ]; } || die "there is no $key with $key.pub" \
    "make a pair: ssh-keygen -t ed25519 -f $key"
  [ -z "$(find -L "$key" \( -perm -g=r -o -perm -o=r \))" ] ||
    die "others can read $key, so ssh will not use it" "chmod 600 $key"
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

has_credentials() {
  local account
  account=$(ask sts get-caller-identity --query Account) || exit 1
  echo "account $account, region ${region:-${AWS_REGION:-${AWS_DEFAULT_REGION:-as configured}}}"
}

has_type() {
  local found
  found=$(ask ec2 describe-instance-type-offerings --filters "Name=instance-type,Values=$type" \
    --query 'InstanceTypeOfferings[].InstanceType') || exit 1
  [ -n "$found" ] || die "not offered in this region" "try --type t3.micro or --type t2.micro"
  found=$(ask ec2 describe-instance-types --filters "Name=instance-type,Values=$type" \
    --query "InstanceTypes[].[FreeTierEligible,join(',',ProcessorInfo.SupportedArchitectures)]") || exit 1
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
  if aws_cli ec2 run-instances --dry-run --image-id "$image" --instance-type "$type" 2>"$tmp/aws.stderr"; then
    return
  fi
  grep -q DryRunOperation "$tmp/aws.stderr" || aws_failed ec2 run-instances
}

# ---- arguments ----

value() { [ -n "${2:-}" ] || bad_usage "$1 needs a value"; }

is_number() { case $1 in '' | *[!0-9]* | ??????*) return 1 ;; esac; }

# A range of IPv4 addresses, and no half of the internet.
check_cidr() {
  [[ $1 =~ ^([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})/([0-9]{1,2})$ ]] ||
    bad_usage "not an IPv4 range such as 203.0.113.9/32: $1"
  [ "${BASH_REMATCH[5]}" -le 32 ] || bad_usage "not an IPv4 range such as 203.0.113.9/32: $1"
  [ "${BASH_REMATCH[5]}" -ge 8 ] ||
    bad_usage "$1 is half the world: the lab is open to addresses that you know, /32 for one"
}

check_options() {
  local cidr
  for cidr in $allow; do check_cidr "$cidr"; done
  [[ $name =~ ^[a-z][a-z0-9-]{0,40}$ ]] || bad_usage "--name takes small letters, digits and -: $name"
  [[ $type =~ ^[a-z0-9-]+\.[a-z0-9-]+$ ]] || bad_usage "not an instance type: $type"
  case $ports in *-*) ;; *) ports=$ports-$ports ;; esac
  { is_number "${ports%-*}" && is_number "${ports#*-}" && [ "${ports%-*}" -ge 1024 ] &&
    [ "${ports%-*}" -le "${ports#*-}" ] && [ "${ports#*-}" -le 65535 ]; } ||
    bad_usage "--ports takes A-B, from 1024 to 65535: $ports"
  { is_number "$ttl" && [ "$ttl" -ge 1 ] && [ "$ttl" -le 1440 ]; } ||
    bad_usage "--ttl takes 1 to 1440 minutes: without an end an instance may run for months"
}

while [ $# -gt 0 ]; do
  case $1 in
    --name) value "$@"; name=$2; shift 2 ;;
    --type) value "$@"; type=$2; shift 2 ;;
    --region) value "$@"; region=$2; shift 2 ;;
    --ports) value "$@"; ports=$2; shift 2 ;;
    --allow) value "$@"; allow="$allow $2"; shift 2 ;;
    --ttl) value "$@"; ttl=$2; shift 2 ;;
    --key) value "$@"; key=$2; shift 2 ;;
    --dist) value "$@"; dist=$2; shift 2 ;;
    --ami) value "$@"; ami=$2; shift 2 ;;
    --login) value "$@"; login=$2; shift 2 ;;
    --dry-run) dry_run=yes; shift ;;
    --yes) yes=yes; shift ;;
    -h | --help) usage; exit ;;
    -*) bad_usage "no such option: $1" ;;
    *)
      [ -z "$command" ] || break
      command=$1
      shift
      [ "$command" != ssh ] || break # what follows belongs to ssh
      ;;
  esac
done
check_options
case $command in
  ssh | connect) ;;
  *) [ $# -eq 0 ] || bad_usage "too many words: $*" ;;
esac

[ "$name" = buddy-lab ] || me="$me --name $name"
[ -z "$region" ] || me="$me --region $region"

list=''
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
exec 3>&1 # where a dry run speaks, also from inside $(...)

case $command in
  doctor | up | status | deploy | session | stop | down) "$command" ;;
  connect) connect "$@" ;;
  ssh) ssh_to "$@" ;;
  '') bad_usage "which command? doctor, up, status, deploy, ssh, connect, session, stop or down" ;;
  *) bad_usage "no such command: $command" ;;
esac

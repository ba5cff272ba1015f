#!/usr/bin/env bash
# Part of ec2.sh: `ssh`, `deploy` and `connect`. Sourced.
# shellcheck disable=SC2154 # the options are ec2.sh's

known_hosts() { echo "$HOME/.ssh/known_hosts.$name"; }

# Writes an ssh configuration in which the instances are called `server` and `client`. A host key
# is remembered under the instance's id, because its address changes at every start.
write_ssh_config() {
  local role
  look
  warn_of_doubles
  for role in server client; do
    case $(field "$role" 3) in
      running)
        [ "$(field "$role" 4)" != None ] || die "instance $role in $region has no public address" \
          "its subnet gives none: choose another zone (--zone), after $me down" ;;
      '') die "there is no instance $role in $region" "$me up" \
        "in another region, perhaps: $me status --all-regions" ;;
      *) die "instance $role in $region is $(field "$role" 3)" "$me up starts it" ;;
    esac
    printf 'Host %s\n HostName %s\n HostKeyAlias %s\n' \
      "$role" "$(field "$role" 4)" "$(field "$role" 2)"
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

# The login user of the client gets a copy, because the one of the services is root's.
send_lab_key() {
  [ -z "$lab_key" ] ||
    on client 'umask 077; cat >lab.key.new && mv lab.key.new lab.key' <"$lab_key" ||
    die "client has not taken the lab's key"
}

deploy() {
  local role server word failed='' flags="${lab_key:+--key lab.key} ${journal:+--journal journal}"
  if [ -n "$dry_run" ]; then
    for role in server client; do
      "$here/deploy.sh" --dry-run --user "$login" --dist "$dist" --role "$role" \
        ${lab_key:+--lab-key "$lab_key"} ${open:+--open} ${journal:+--journal} "$role"
    done
    return
  fi
  check_key
  has_dist
  write_ssh_config
  for role in server client; do
    "$here/deploy.sh" --ssh-config "$tmp/ssh_config" --dist "$dist" --role "$role" \
      ${lab_key:+--lab-key "$lab_key"} ${open:+--open} ${journal:+--journal} "$role" ||
      failed="$failed $role"
  done
  [ -z "$failed" ] || die "not deployed:$failed, see above"
  send_lab_key
  server=$(field server 5)
  say "the client calls the server, $server"
  # Says a line in an empty room. The client leaves when the server has acknowledged the line.
  # shellcheck disable=SC2086 # a list of words
  echo deployed | on client timeout "$ANSWER_SECONDS" chat-client $flags \
    --server "$server:$CHAT_PORT" --room ec2.sh --name ec2.sh >/dev/null ||
    die "client cannot chat with server" "look: $me ssh server journalctl -u chat-server"
  # shellcheck disable=SC2086
  word=$(on client timeout "$ANSWER_SECONDS" secret-client $flags \
    --server "$server:$SECRET_PORT" --string drawer \
    </dev/null 2>"$tmp/secret.stderr") ||
    { cat "$tmp/secret.stderr" >&2; die "client gets no answer from secret-server"; }
  [ "$word" = reward ] || die "secret-server answers '$word' for 'drawer'"
  say "both answer"
}

connect() {
  local private public here_with='' there_with="${lab_key:+--key lab.key }${journal:+--journal journal }"
  [ -z "$lab_key" ] || here_with="--key $(printf '%q' "$lab_key") "
  [ -z "$journal" ] || here_with="$here_with--journal journals/laptop "
  case ${1:-} in
    '') ;;
    client)
      write_ssh_config
      # shellcheck disable=SC2086
      on -t client chat-client $there_with --server "$(field server 5):$CHAT_PORT"
      return
      ;;
    *) bad_usage "connect is for this machine, or \`connect client\`" ;;
  esac
  look
  [ "$(field server 3)" = running ] || die "no server is running in $region" "$me up"
  [ -z "$lab_key" ] || [ -e "$lab_key" ] ||
    say "there is no $lab_key here: copy it from where the lab was deployed, or say --open if that" \
      "was without a key"
  public=$(field server 4) private=$(field server 5)
  if inside; then
    echo "from here: chat-client $here_with--server $private:$CHAT_PORT"
  else
    echo "from here:     chat-client $here_with--server $public:$CHAT_PORT"
    echo "on the client: chat-client $there_with--server $private:$CHAT_PORT   ($me connect client)"
  fi
}

# Succeeds if this machine is one of the instances.
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

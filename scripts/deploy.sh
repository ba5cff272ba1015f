#!/usr/bin/env bash
# Sends dist/ to machines that ssh reaches, checks it there, installs it and starts the services.
#
#   scripts/deploy.sh [OPTIONS] HOST...
#
#   --role ROLE        server, client or none: the services to start (server); see install.sh
#   --user USER        who logs in: root, or a user of sudo (as ssh is configured)
#   --ssh-config FILE  for ssh -F
#   --dist DIR         what scripts/build-static.sh made (dist)
#   --lab-key FILE     the lab's key for the services (~/.config/buddy-lab/buddy-lab.key); made if
#                      there is no FILE, and sent through ssh: only its holders can come in
#   --open             deploys without a key: whoever reaches a port can come in
#   --journal          the services keep journals for lab-report, in /var/lib/SERVICE/journal;
#                      without this they keep none from now on
#   --dry-run          shows the commands
#
# One connection a host: the archive goes in and is compared with its checksums. Only then are files
# replaced, one by one. Can be repeated. A host that refuses does not keep the others from their
# turn. Exit 0 if all have taken it, 1 if not; the last line then names those that have not.
set -euo pipefail

# A link in ~/bin, say, is followed. An old readlink cannot.
dist=$(cd "$(dirname "$(readlink -f "$0" 2>/dev/null || echo "$0")")/.." && pwd)/dist
# Services and containers may have none. Bash then asks the system's list of users.
[ -n "${HOME:-}" ] || { unset HOME; HOME=~; }
role=server user='' ssh_config='' dry_run='' lab_key='' open='' journal=''
readonly SSHD_SECONDS=60 # because a fresh instance runs before its sshd does
readonly KEY_SECONDS=20  # because its sshd answers before the instance has fetched the key

say() { printf '%s\n' "$*" >&2; }
usage() { sed -n '2,15s/^# \{0,1\}//p' "$0"; }
bad_usage() { say "deploy.sh: $1"; say 'help: scripts/deploy.sh --help'; exit 2; }

die() { # MESSAGE [HELP]...
  say "deploy.sh: $1"
  shift
  while [ $# -gt 0 ]; do say "help: $1"; shift; done
  exit 1
}

to() { # HOST COMMAND
  ${dry_run:+echo would run:} ssh ${ssh_config:+-F "$ssh_config"} ${user:+-l "$user"} \
    -o BatchMode=yes -o ConnectTimeout=5 -o StrictHostKeyChecking=accept-new "$@"
}

# Waits while there is no answer, or the machine may be booting. An error that waiting cannot mend
# ends it at once.
wait_for_sshd() { # HOST
  local words denied='' end=$((SECONDS + SSHD_SECONDS))
  until words=$(to "$1" true 2>&1 </dev/null); do
    case $words in
      *"Permission denied"*)
        [ -n "$denied" ] || say "$1 does not let you in; if it is booting, it soon will"
        denied=${denied:-$SECONDS}
        [ $((SECONDS - denied)) -lt "$KEY_SECONDS" ] || die "$1 does not let you in: $words" \
          "is it the key that it knows, and the right user? a key with a passphrase: ssh-add" ;;
      *"verification failed"* | *"IDENTIFICATION HAS CHANGED"*) die "$1 is not the machine it was" \
        "if that is in order (a new instance?): ssh-keygen -R $1" ;;
      *"not resolve"*) die "$1: $words" "is the name typed right?" ;;
    esac
    [ "$SECONDS" -lt "$end" ] || die "no ssh to $1 within $SSHD_SECONDS s: $words" \
      "is port 22 open for this machine's address, and the machine running?"
    sleep 2
  done
}

# Prints the script that runs on the host. The folder is removed also after an error.
receive() { # ROLE
  cat <<END
set -e
dir=\$(mktemp -d); trap 'rm -rf "\$dir"' EXIT; cd "\$dir"
tar -xzf -
sha256sum -c --quiet SHA256SUMS
[ "\$(id -u)" = 0 ] && exec_as= || exec_as='sudo -n'
\$exec_as sh install.sh $1${open:+ open}${journal:+ journal}
END
}

# Makes the lab's key if there is none, and never over another. By the chat-server of dist/: here,
# or on the host if it does not run here, because dist/ is for Linux and this may be a Mac.
make_lab_key() { # HOST
  local made
  [ -n "$lab_key" ] && [ ! -e "$lab_key" ] || return 0
  (
    umask 077
    mkdir -p "$(dirname "$lab_key")" || exit
    if "$dist/chat-server" --version >/dev/null 2>&1; then
      "$dist/chat-server" --new-key "$lab_key"
      exit
    fi
    made=$(mktemp "$lab_key.XXXXXX") || exit
    if to "$1" "$(make_key_there)" <"$dist/chat-server" >"$made" && grep -q '^labkey1' "$made"; then
      mv -n "$made" "$lab_key" && say "$lab_key holds the new key of the lab"
    fi
    rm -f "$made"
    [ -e "$lab_key" ]
  ) || die "no key for the lab could be made" \
    "make it where chat-server runs: chat-server --new-key FILE, and name it here: --lab-key FILE" \
    "or --open deploys without a key"
}

# Prints the script that makes a key on the host, with the chat-server that comes in.
make_key_there() {
  cat <<'END'
set -e; umask 077
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
cat >chat-server; chmod 700 chat-server
./chat-server --new-key key 2>said || { cat said >&2; exit 1; }
cat key
END
}

# COPYFILE_DISABLE, because macOS otherwise packs a second, hidden file with every file. The key is
# packed from a folder of its own, because what is in dist/ may be given away.
pack() {
  if [ -z "$lab_key" ]; then
    COPYFILE_DISABLE=1 tar -C "$dist" -czf - .
    return
  fi
  local folder
  folder=$(mktemp -d) # which only its owner may read
  cp "$lab_key" "$folder/lab-key"
  COPYFILE_DISABLE=1 tar -czf - -C "$dist" . -C "$folder" lab-key
  rm -rf "$folder"
}

deploy() { # HOST
  if [ -n "$dry_run" ]; then
    printf 'would run: tar -C %q -czf - . |\n' "$dist"
    to "$1" sh install.sh "$role" ${open:+open} ${journal:+journal}
    return
  fi
  wait_for_sshd "$1"
  make_lab_key "$1"
  say "deploying to $1, $([ -n "$open" ] && echo open to everybody || echo "with the key $lab_key")"
  pack | to "$1" "$(receive "$role")" || die "$1 has not taken it: see above"
}

while [ $# -gt 0 ]; do
  case $1 in
    --role | --user | --ssh-config | --dist | --lab-key)
      [ -n "${2:-}" ] || bad_usage "$1 needs a value"
      case $1 in
        --role) role=$2 ;;
        --user) user=$2 ;;
        --ssh-config) ssh_config=$2 ;;
        --dist) dist=$2 ;;
        --lab-key) lab_key=$2 ;;
      esac
      shift 2 ;;
    --open) open=yes; shift ;;
    --journal) journal=yes; shift ;;
    --dry-run) dry_run=yes; shift ;;
    -h | --help) usage; exit ;;
    -*) bad_usage "no such option: $1" ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || bad_usage "to which machines?"
case $role in server | client | none) ;; *) bad_usage "no such role: $role" ;; esac
[ -z "$open" ] || [ -z "$lab_key" ] || bad_usage "--open is without a --lab-key"
[ -n "$open" ] || lab_key=${lab_key:-${XDG_CONFIG_HOME:-$HOME/.config}/buddy-lab/buddy-lab.key}
for host in "$@"; do
  case $host in -* | '') bad_usage "options go before the machines: $host" ;; esac
done
[ -n "$dry_run" ] || [ -r "$dist/SHA256SUMS" ] || die "there is nothing in $dist" \
  "scripts/build-static.sh makes it, or unpack the release archive"

# A guest key would keep every service from starting.
if [ -n "$lab_key" ] && [ -e "$lab_key" ] && [ -z "$dry_run" ]; then
  case $(cat "$lab_key" 2>/dev/null || :) in
    labkey1*) ;;
    *) die "$lab_key holds no host key of a lab" "name another file: --lab-key FILE" ;;
  esac
elif [ -n "$lab_key" ] && [ ! -e "$lab_key" ] && [ -n "$dry_run" ]; then
  printf 'would run: %q --new-key %q\n' "$dist/chat-server" "$lab_key"
fi

refused=''
for host in "$@"; do (deploy "$host") || refused="$refused $host"; done
[ -z "$refused" ] || die "not deployed:$refused"

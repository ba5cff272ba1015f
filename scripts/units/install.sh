#!/bin/sh
# Installs the programs, man pages, shell completions and units beside it, as root, and starts the
# services of a role.
#
#   sh install.sh server|client|none [open] [journal]
#
#   server   chat-server on port 8030 and secret-server on port 8031
#   client   a second secret-server on port 8031, to split a word list over two machines
#   none     starts nothing
#   open     removes the key of the services
#   journal  has them keep journals, in /var/lib/SERVICE/journal, which lab-report reads; without
#            this word they keep none from now on
#
# Every file is written beside its place and then renamed, so that a running program can be replaced
# and half a file is never seen. A file lab-key beside this script becomes the key of all services,
# which keep it until another one or `open` is sent. With DESTDIR=FOLDER all goes below that folder and nothing is
# started. Exit 1 if a service does not start; its last lines are then shown.
set -eu

programs="chat-server chat-client secret-server secret-client buddy lab-report"
bin=${DESTDIR:-}/usr/local/bin
share=${DESTDIR:-}/usr/local/share # where man, bash, zsh and fish look without being told
units=${DESTDIR:-}/etc/systemd/system
ready_seconds=10

case ${1:-} in
  server) services="chat-server secret-server" ;;
  client) services=secret-server ;;
  none) services= ;;
  -h | --help) sed -n '2,17s/^# \{0,1\}//p' "$0"; exit ;;
  *) printf 'install.sh: which role? server, client or none\nhelp: sh install.sh --help\n' >&2; exit 2 ;;
esac
shift
open='' journal=''
for word; do
  case $word in
    open) open=yes ;;
    journal) journal=yes ;;
    *) echo "install.sh: open, journal, or nothing, instead of $word" >&2; exit 2 ;;
  esac
done
cd "$(dirname "$0")"

put() { # MODE FILE FOLDER
  file=${2##*/}
  mkdir -p "$3"
  # In its own folder, because a copy then also gets the label that SELinux wants there. Nobody else
  # may read it before it has its mode.
  (umask 077 && cp "$2" "$3/$file.new")
  chmod "$1" "$3/$file.new"
  mv -f "$3/$file.new" "$3/$file"
}

# No program is replaced unless all of them can run here.
check_programs() {
  for program in $programs; do
    chmod 755 "$program"
    "./$program" --version >/dev/null || {
      echo "install.sh: $program does not run on this machine ($(uname -sm))" >&2
      echo "help: build for it: scripts/build-static.sh --target $(uname -m)-unknown-linux-gnu" >&2
      exit 1
    }
  done
}

install_files() {
  for program in $programs; do
    put 755 "$program" "$bin"
    put 644 "man/$program.1" "$share/man/man1"
    put 644 "completions/$program.bash" "$share/bash-completion/completions"
    put 644 "completions/_$program" "$share/zsh/site-functions"
    put 644 "completions/$program.fish" "$share/fish/vendor_completions.d"
  done
  for unit in chat-server.service secret-server.service buddy@.service; do
    put 644 "$unit" "$units"
    put 644 sandbox.conf "$units/$unit.d"
    if [ -n "$journal" ]; then put 644 journal.conf "$units/$unit.d"; else rm -f "$units/$unit.d/journal.conf"; fi
  done
  mkdir -p "${DESTDIR:-}/etc/buddy-lab"
  if [ -n "$open" ]; then
    for unit in chat-server.service secret-server.service buddy@.service; do
      rm -f "$units/$unit.d/lab-key.conf"
    done
    rm -f "${DESTDIR:-}/etc/buddy-lab/lab-key"
    return
  fi
  [ -f lab-key ] || return 0
  # Before the drop-ins, because a service whose key is missing does not start.
  put 600 lab-key "${DESTDIR:-}/etc/buddy-lab"
  for unit in chat-server.service secret-server.service buddy@.service; do
    put 644 lab-key.conf "$units/$unit.d"
  done
}

# Prints what the process that runs now has said, not earlier ones.
said_by() { # SERVICE
  journalctl --quiet --no-pager --output=cat \
    "_SYSTEMD_INVOCATION_ID=$(systemctl show --property=InvocationID --value "$1")" 2>/dev/null
}

start() { # SERVICE
  systemctl enable --quiet "$1"
  systemctl restart "$1" || :
  waited=0
  while [ "$waited" -lt "$ready_seconds" ]; do
    if ready=$(said_by "$1" | grep '^listening on '); then
      echo "$1 is $ready"
      return
    fi
    ! systemctl --quiet is-failed "$1" || break
    sleep 1
    waited=$((waited + 1))
  done
  echo "install.sh: $1 does not come up; its last words:" >&2
  journalctl --quiet --no-pager --lines=20 --unit="$1" >&2 || :
  exit 1
}

check_programs
install_files
[ -z "${DESTDIR:-}" ] || exit 0
if [ ! -d /run/systemd/system ]; then
  echo "no systemd here: the programs are in $bin, start by hand what you need"
  exit 0
fi
systemctl daemon-reload
for service in $services; do start "$service"; done

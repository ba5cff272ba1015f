#!/usr/bin/env bash
# The units and install.sh, without a running systemd. rehearse.sh uses a real one.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

readonly UNITS="chat-server.service secret-server.service buddy@.service"

# Makes a dist/ of stand-ins, and installs it in a root.
install_into() { # ROOT [open] [journal]
  local root=$1
  local program completion
  shift
  mkdir -p "$scratch/dist/man" "$scratch/dist/completions" "$root"
  for program in chat-server chat-client secret-server secret-client buddy lab-report; do
    printf '#!/bin/sh\necho %s 1\n' "$program" >"$scratch/dist/$program"
    echo ".TH $program 1" >"$scratch/dist/man/$program.1"
    for completion in "$program.bash" "_$program" "$program.fish"; do
      echo "# $program" >"$scratch/dist/completions/$completion"
    done
  done
  cp "$scripts"/units/* "$scratch/dist/"
  (cd / && DESTDIR=$root sh "$scratch/dist/install.sh" server "$@")
}

test_units_are_valid() {
  local why unit root=$scratch/root
  why=$(need_command systemd-analyze systemd) || skip "$why"
  install_into "$root"
  echo labkey1aaaqeayeaudaocajbifqydiob5322 >"$scratch/dist/lab-key"
  install_into "$root" journal
  # An empty root lacks what systemd's own units name; only lines about ours count. verify exits
  # with 0 even on unknown keys, so any output is a failure.
  for unit in $UNITS; do
    case $unit in *@*) unit=${unit%@*}@8032.service ;; esac
    systemd-analyze verify --man=no --recursive-errors=no --root="$root" "$unit" 2>&1 |
      grep -v "network-online.target\|sysinit.target\|basic.target\|shutdown.target" >>"$scratch/said" || :
  done
  same '' "$(cat "$scratch/said")"
}

test_units_are_sandboxed() {
  local why unit root=$scratch/root
  why=$(need_command systemd-analyze systemd) || skip "$why"
  install_into "$root"
  for unit in $UNITS; do
    # Exposure in tenths. A unit without sandbox.conf gets 96.
    systemd-analyze security --offline=true --threshold=20 --root="$root" "$unit" >"$scratch/$unit"
    tail -1 "$scratch/$unit"
  done
}

test_install_replaces_files_whole() {
  local root=$scratch/root
  install_into "$root"
  ln "$root/usr/local/bin/buddy" "$scratch/old"
  install_into "$root"
  # Renamed over instead of written into, so the old file, which a process may run, is unchanged.
  ! [ "$scratch/old" -ef "$root/usr/local/bin/buddy" ] || fail "written in place"
  ! find "$root" -name '*.new' | grep . || fail "a half installed file is left"
  has '.TH buddy' "$root/usr/local/share/man/man1/buddy.1"
  has '# buddy' "$root/usr/local/share/bash-completion/completions/buddy.bash"
  has '# buddy' "$root/usr/local/share/zsh/site-functions/_buddy"
  has '# buddy' "$root/usr/local/share/fish/vendor_completions.d/buddy.fish"
}

test_install_refuses_programs_that_do_not_run_here() {
  local root=$scratch/root
  install_into "$root"
  printf '\177ELF from elsewhere' >"$scratch/dist/buddy"
  DESTDIR=$root exits 1 sh "$scratch/dist/install.sh" server 2>"$scratch/said"
  has 'buddy does not run on this machine' "$scratch/said"
  has 'echo buddy' "$root/usr/local/bin/buddy" # still the earlier one
  DESTDIR=$root exits 2 sh "$scratch/dist/install.sh" teapot
}

test_a_lab_key_is_for_root_and_for_every_service() {
  local root=$scratch/root unit
  install_into "$root"
  ! [ -e "$root/etc/buddy-lab/lab-key" ] || fail "a key out of nowhere"
  echo labkey1aaaqeayeaudaocajbifqydiob5322 >"$scratch/dist/lab-key"
  install_into "$root"
  same 600 "$(stat -c %a "$root/etc/buddy-lab/lab-key")"
  for unit in $UNITS; do
    has 'LoadCredential=lab-key:/etc/buddy-lab/lab-key' "$root/etc/systemd/system/$unit.d/lab-key.conf"
    has KEY_FLAGS "$root/etc/systemd/system/$unit"
  done
  # It stays when a later deployment brings none.
  rm "$scratch/dist/lab-key"
  install_into "$root"
  has labkey1 "$root/etc/buddy-lab/lab-key"
  has 'KEY_FLAGS=--key %d/lab-key' "$root/etc/systemd/system/buddy@.service.d/lab-key.conf"
  install_into "$root" open
  ! find "$root/etc" -name 'lab-key*' | grep . || fail "not open"
  exits 2 install_into "$root" closed
}

# The programs take a relative folder as below the one that the unit may write in.
test_journals_are_kept_until_a_deployment_without() {
  local root=$scratch/root unit
  install_into "$root" open journal
  for unit in $UNITS; do
    has Environment=LAB_JOURNAL=journal "$root/etc/systemd/system/$unit.d/journal.conf"
    has StateDirectory= "$root/etc/systemd/system/$unit"
  done
  install_into "$root"
  ! find "$root" -name 'journal.conf*' | grep . || fail "journals are still kept"
}

# What ec2.sh tells an instance at its first boot.
test_user_data_is_cloud_config() {
  local why
  why=$(need_command cloud-init cloud-init) || skip "$why"
  sed -n '/^  cat <<END$/,/^END$/p' "$scripts/ec2/instances.sh" | grep -A99 '^#cloud-config' |
    sed "/^END$/d; s/\\\$ttl/120/; s/\\\${ttl}/120/" >"$scratch/user-data"
  has 'OnBootSec=120min' "$scratch/user-data"
  cloud-init schema --config-file "$scratch/user-data"
}

run_tests

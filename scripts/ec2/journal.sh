#!/usr/bin/env bash
# Part of ec2.sh: `journal`. Sourced.
# shellcheck disable=SC2154 # the options are ec2.sh's

# Prints the script that packs, on an instance, the journals of the services and of the login user.
# Nothing comes out if there are none.
pack_journals() {
  cat <<'END'
cd /
files=$(sudo -n find var/lib/private "${HOME#/}/journal" -type f -path '*/journal/*.jsonl' 2>/dev/null)
[ -z "$files" ] || printf '%s\n' "$files" | sudo -n tar -cf - -T - | gzip -1
END
}

# An instance that has none does not keep the other from its turn.
fetch_journals() { # [DIR]
  local folder=${1:-journals} role missing=''
  [ $# -le 1 ] || bad_usage "one folder for the journals, not $*"
  case $folder in -*) bad_usage "options go before the folder: $folder" ;; esac
  if [ -n "$dry_run" ]; then
    for role in server client; do
      echo "would run: ssh $role, for $(printf '%q' "$folder/$role")"
      pack_journals | sed 's/^/  /'
    done
    return
  fi
  write_ssh_config
  for role in server client; do
    (fetch_from "$role" "$folder/$role") || missing="$missing $role"
  done
  [ -z "$missing" ] || die "no journals from:$missing"
  echo "lab-report $(printf '%q' "$folder") --html report.html"
}

# A file is whole before it is in FOLDER. Earlier ones stay there, because the instance may have lost
# them; of two copies of one journal lab-report takes the longer.
fetch_from() { # ROLE FOLDER
  local new=$tmp/journals.$1 count
  umask 077
  mkdir -p "$new" "$2" || die "cannot make $2" "name a folder that you may write in"
  on "$1" "$(pack_journals)" </dev/null | head -c "$JOURNAL_BYTES" >"$new.tar.gz" ||
    die "$1 has not sent its journals"
  [ -s "$new.tar.gz" ] || die "$1 has no journals" "${me% --journal} --journal deploy; then run what you want to see"
  # Not as the owner that the archive names, even if this is root.
  gzip -dc "$new.tar.gz" 2>/dev/null | head -c "$JOURNAL_BYTES" |
    tar -xf - -C "$new" --no-same-owner --no-same-permissions ||
    die "the journals of $1 came damaged, or are more than $((JOURNAL_BYTES >> 20)) MiB" \
      "look: $me ssh $1 'sudo sh -c \"du -sh /var/lib/private/*/journal\"'"
  find "$new" -type f -name '*.jsonl' -exec mv -f {} "$2/" \;
  count=$(find "$2" -type f -name '*.jsonl' | grep -c .)
  say "$1: $count journals in $2"
}

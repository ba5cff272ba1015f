#!/usr/bin/env bash
# Part of ec2.sh: the ssh key here and the key pair at AWS. Sourced.
# shellcheck disable=SC2154 # the options are ec2.sh's

# Ends unless there is a pair of files that ssh can use. No advice here may replace a private key.
check_key() {
  local file
  file=$(printf '%q' "$key")
  if [ ! -e "$key" ]; then
    [ ! -e "$key.pub" ] || die "there is $key.pub, but not its private half $key" \
      "bring that half to this machine, or use another pair: --key FILE"
    die "there is no key $key" "make a pair: ssh-keygen -t ed25519 -f $file" \
      "or use one that you have: --key FILE"
  fi
  [ -r "$key" ] || die "you may not read $key" "is it yours? or use another: --key FILE"
  [ -z "$(find -L "$key" \( -perm -g=r -o -perm -o=r \))" ] ||
    die "others can read $key, so ssh will not use it" "chmod 600 $file"
  [ -r "$key.pub" ] || die "there is no $key.pub, the public half of $key" \
    "make it from the private one: ssh-keygen -y -f $file >$file.pub"
  is_pair || die "$key.pub is not the public half of $key" \
    "make the right one: mv $file.pub $file.pub.other; ssh-keygen -y -f $file >$file.pub"
}

# Succeeds unless the two files are known to differ. A passphrase hides that.
is_pair() {
  local half
  half=$(ssh-keygen -y -P '' -f "$key" 2>/dev/null </dev/null | awk '{ print $2 }') || return 0
  [ -z "$half" ] || [ "$half" = "$(key_text "$key.pub")" ]
}

# Prints the part of a public key file that is the key.
key_text() { awk 'NF > 1 { print $2; exit }' "$1"; }

# Prints NAME TYPE KEY of our key pair at AWS, if it is there.
key_pair() {
  ask ec2 describe-key-pairs --include-public-key --filters "Name=key-name,Values=$name" \
    --query 'KeyPairs[].[KeyName,PublicKey]'
}

# Ends if the pair at AWS is of another key, because nobody could log in to what it is given to.
check_key_pair() { # PAIR, as key_pair prints it
  local theirs
  theirs=$(printf '%s\n' "$1" | awk '{ print $3 }')
  # AWS does not know the public keys of pairs that were imported years ago.
  [ -z "$theirs" ] || [ "$theirs" = "$(key_text "$key.pub")" ] ||
    die "key pair $name in $region is of another key than $key.pub" \
      "use the key that it was made from: --key FILE" \
      "or remove the lab with that pair: $me down; the next \`up\` takes $key.pub"
}

make_key_pair() {
  local pair
  check_key
  pair=$(key_pair)
  if [ -z "$pair" ]; then
    say "importing $key.pub as key pair $name in $region"
    try ec2 import-key-pair --key-name "$name" --public-key-material "fileb://$key.pub" \
      --tag-specifications "ResourceType=key-pair,Tags=[{Key=Project,Value=$name}]" >/dev/null &&
      return
    # Another `up` was first.
    refused InvalidKeyPair.Duplicate || aws_failed ec2 import-key-pair
    pair=$(key_pair)
  fi
  check_key_pair "$pair"
}

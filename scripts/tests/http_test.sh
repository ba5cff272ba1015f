#!/usr/bin/env bash
# The servers over HTTP, called by other languages: what .github/HTTP.md shows, and a client library
# of JSON-RPC from PyPI.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

document=$project/.github/HTTP.md
library=jsonrpclib-pelix==1.2.0

# open_door NAME PROGRAM FLAG...: starts a server with a door for HTTP. Sets $port to the door's.
open_door() {
  local name=$1 program=$2
  shift 2
  "$target/debug/$program" --listen 127.0.0.1:0 --http 127.0.0.1:0 "$@" 2>"$scratch/$name" &
  children="$children $!"
  within 20 grep -q http:// "$scratch/$name" || { cat "$scratch/$name"; return 1; }
  port=$(sed -n 's,.*http://127.0.0.1:\([0-9]*\)/.*,\1,p' "$scratch/$name")
}

# block LANGUAGE: the code of this language in the document, with the port of the server.
block() { sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/{//!p}" "$document" | sed "s/localhost:8080/127.0.0.1:$port/g"; }

test_the_lines_with_curl_print_what_the_document_says() {
  build_programs
  open_door secret secret-server --delay 0
  block console >"$scratch/shown"
  same 3 "$(grep -c '^\$ curl' "$scratch/shown")"
  sed -n 's/^\$ //p' "$scratch/shown" | while read -r line; do
    echo "\$ $line"
    bash -c "$line"
  done >"$scratch/found"
  diff "$scratch/shown" "$scratch/found"
}

test_the_program_in_python_chats() {
  build_programs
  open_door chat chat-server --store memory
  block python >"$scratch/bot.py"
  python3 "$scratch/bot.py" >"$scratch/said"
  has 'bot: hello' "$scratch/said"
}

test_a_client_library_walks_through_every_method_of_both_services() {
  local why python=$tools/bin/python secret
  why=$(need_tool pip) || skip "$why"
  "$python" -c 'import jsonrpclib' 2>/dev/null ||
    why=$("$tools/bin/pip" install --quiet "$library" 2>&1) || skip "cannot install $library: $why"
  build_programs
  echo 'sixteen letters!' >"$scratch/token"
  open_door secret secret-server --delay 0 --fast-delay 0
  secret=$port
  open_door chat chat-server --store memory --admin-token-file "$scratch/token"
  "$python" "$scripts/tests/http_walk.py" "$secret" "$port" "$(cat "$scratch/token")"
}

run_tests

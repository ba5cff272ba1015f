#!/usr/bin/env bash
# Do the searches have teeth? Breaks the rules of ring.rs and roll_call.rs on purpose, one at a time,
# and runs the transcripts and the searches on each: some must fail. Run by hand:
#
#   crates/buddy/tests/mutants.sh            # a quarter of an hour
#   crates/buddy/tests/mutants.sh roll_call     # only those with roll_call in the file or the title
#
# Works on a copy of the workspace; needs perl. Prints what caught each mutant; exit 1 if one lives.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit ;; esac
cd "$(dirname "$0")/../../.."
root=$PWD
which=${1-}
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -R Cargo.toml Cargo.lock crates "$copy/"
export CARGO_TARGET_DIR=$root/target/mutants
alive=0

# The searches take five seconds each; a mutant that goes round in a circle would take for ever.
seconds=60

tests() { (cd "$copy" && cargo test --quiet -p buddy --test transcript --test explore --test wirings "$@" 2>&1); }

# Applies the perl substitution $3 to src/$1.rs and expects a test to fail: of the small worlds, or
# of the world $4.
mutant() {
  local file=crates/buddy/src/$1.rs out why
  [[ "$1: $2" == *"$which"* ]] || return 0
  perl -0pi -e "$3" "$copy/$file"
  if cmp -s "$root/$file" "$copy/$file"; then
    echo "does not apply: $2"; alive=1
  elif ! out=$(tests --no-run); then
    echo "does not compile: $2"; alive=1
  elif out=$(ulimit -t "$seconds"; EXPLORE=${4-} tests); then
    echo "ALIVE: $2"; alive=1
  else
    why=$(grep -m 1 -A 1 -E 'panicked at|has overflowed its stack|SIGXCPU|SIGKILL' <<<"$out" | tail -n 1)
    echo "caught: $2 (${why:0:90})"
  fi
  cp "$root/$file" "$copy/$file"
}

mutant ring "an equal stamp is heeded" 's/progress\.at <= self\.at/progress.at < self.at/'
mutant ring "repeats are told by the verse, not the stamp" 's/progress\.at <= self\.at/progress.mark < self.mark/'
mutant ring "a gone next: the token is passed on in the same take" 's/self\.ask\(o\); \/\/ else the song/self.pass(Token::Go, o); \/\/ else the song/'
mutant ring "a new take goes straight on, without asking round" 's/self\.pass\(Token::Ask, o\);\n    \}\n\n    fn sung/self.act(Token::Go, o);\n    }\n\n    fn sung/'
mutant ring "a restarted next is passed the song in the same take" 's/self\.ask\(o\); \/\/ its earlier life/self.pass(Token::Go, o); \/\/ its earlier life/'
mutant ring "a restarted next: no question, and the watchdog is off" 's/self\.ask\(o\); \/\/ its earlier life.*?\n/\n/; s/Input::Quiet if [^\n]*\n/Input::Quiet if false => self.ask(o),\n/'
mutant ring "no watchdog" 's/Input::Quiet if [^\n]*\n/Input::Quiet if false => self.ask(o),\n/'
mutant ring "the watchdog lets one leave once over was said" 's/Input::Quiet if self/Input::Quiet if self.has_said(Mark::Over) => o.push(Output::Leave),\n            Input::Quiet if self/'
mutant ring "a question is answered while singing" 's/Some\(_\) => self\.held = Some\(token\),\n            None/Some(_) if token == Token::Go => self.held = Some(token),\n            _/'
mutant ring "no lap home: whoever hears over again leaves" 's/self\.mark = Mark::Home; [^\n]*\n\s*self\.pass\(Token::Go, o\);/o.push(Output::Leave);/'
mutant ring "the token is believed over the own mark" 's/self\.mark = self\.mark\.max\(progress\.mark\);/self.mark = progress.mark;/'
mutant ring "a gone next is jumped over by two" 's/self\.next = \(self\.next \+ 1\)/self.next = (self.next + 2)/'
mutant ring "only who asked ends the lap" 's/if self\.has_asked\(\) =>/if self.has_asked() \&\& self.at.take.by == self.incarnation =>/'
mutant ring "over heard again is said again" 's/if self\.has_said\(Mark::Over\) => \{/if false => {/'
mutant ring "the verse after next" 's/Mark::after\(n\)/Mark::after(n.saturating_sub(1))/'
mutant ring "a pass is repeated, though it was heard" 's/self\.out == Some\(\(to, token, progress\)\)/true/' "3 buddies, 1 bottle, 1 crash, 1 restart, 1 wrong, 2 million"

mutant roll_call "every call is sent on" 's/if mine\.id < call\.song\.id =>/if false =>/'
mutant roll_call "a starter keeps all calls to itself" 's/if mine\.id < call\.song\.id =>/if true =>/'
mutant roll_call "the greater song wins in one place" 's/if mine\.id < call\.song\.id =>/if mine.id > call.song.id =>/'
mutant roll_call "a call that may have replaced mine is not answered by mine" 's/return \(RollCallReply::Heard, self\.call\(\)\)/return (RollCallReply::Heard, Step::Nothing)/'
mutant roll_call "the starter is last on its roll" 's/call\.roll\.rotate_right\(1\);[^\n]*//'
mutant roll_call "my next is not put on the roll" 's/call\.roll\.push\(self\.next\.clone\(\)\);//'
mutant roll_call "a longer roll is a repeat" 's/attempt == call\.attempt && place > before/attempt == call.attempt \&\& false/'
mutant roll_call "a longer roll is sent on" 's/attempt == call\.attempt && place > before/attempt == call.attempt \&\& false/; s/if attempt >= call\.attempt =>/if attempt > call.attempt =>/'
mutant roll_call "a repeat is a longer roll" 's/place > before/place >= before/'
mutant roll_call "the loop is named from the starter on" 's/call\.roll\.split_off\(before\)/call.roll/'
mutant roll_call "whoever is passed again is not told" 's/RollCallReply::Looped, Step::Misses/RollCallReply::Heard, Step::Misses/'
mutant roll_call "a later attempt is a repeat" 's/if attempt >= call\.attempt =>/if attempt > 0 =>/'
mutant roll_call "what was heard is forgotten" 's/self\.heard\.insert\([^\n]*//'
mutant roll_call "attempts are not counted" 's/self\.attempt \+= 1;/self.attempt = 1;/'
mutant roll_call "a song is remembered by its starter only" 's/\.get\(&call\.song\.id\)/.get(\&0)/'
exit "$alive"

#!/usr/bin/env bash
# Does the search have teeth? Breaks the rules of ring.rs on purpose, one at a time, and runs the
# transcripts and the search on each: all must fail. Run by hand: crates/buddy/tests/mutants.sh
#
# Works on a copy of the workspace; needs perl. Prints what caught each mutant; exit 1 if one lives.
set -euo pipefail
cd "$(dirname "$0")/../../.."
root=$PWD
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -R Cargo.toml Cargo.lock crates "$copy/"
ring=crates/buddy/src/ring.rs
export CARGO_TARGET_DIR=$root/target/mutants
alive=0

# Applies the perl substitution $2 to ring.rs and expects the tests to fail.
mutant() {
  local out
  cp "$root/$ring" "$copy/$ring"
  perl -0pi -e "$2" "$copy/$ring"
  ! cmp -s "$root/$ring" "$copy/$ring" || { echo "does not apply: $1"; alive=1; return; }
  if out=$(cd "$copy" && cargo test --quiet --release -p buddy --test transcript --test explore 2>&1); then
    echo "ALIVE: $1"; alive=1
  elif echo "$out" | grep -q '^error\(\[\|: could not compile\)'; then
    echo "does not compile: $1"; alive=1
  else
    echo "caught: $1 ($(echo "$out" | grep -m1 -oE '(order|self|twice|overlap|last|home): [^(]*|assertion.*' || echo panicked))"
  fi
}

mutant "an equal stamp is heeded" 's/news\.at <= self\.at/news.at < self.at/'
mutant "repeats are told by the verse, not the stamp" 's/news\.at <= self\.at/news.mark < self.mark/'
mutant "a gone next: the word is passed on in the same take" 's/self\.ask\(o\); \/\/ else the song/self.pass(Word::Go, o); \/\/ else the song/'
mutant "a new take goes straight on, without asking round" 's/self\.pass\(Word::Ask, o\);\n    \}\n\n    fn sung/self.act(Word::Go, o);\n    }\n\n    fn sung/'
mutant "a restarted next is passed the song in the same take" 's/self\.ask\(o\); \/\/ its earlier life/self.pass(Word::Go, o); \/\/ its earlier life/'
mutant "a restarted next: no question, and the watchdog is off" 's/self\.ask\(o\); \/\/ its earlier life.*?\n/\n/; s/Input::Quiet if [^\n]*\n/Input::Quiet if false => self.ask(o),\n/'
mutant "no watchdog" 's/Input::Quiet if [^\n]*\n/Input::Quiet if false => self.ask(o),\n/'
mutant "the watchdog lets one leave once over was said" 's/Input::Quiet if self/Input::Quiet if self.has_said(Mark::Over) => o.push(Output::Leave),\n            Input::Quiet if self/'
mutant "a question is answered while singing" 's/Some\(_\) => self\.held = Some\(word\),\n            None/Some(_) if word == Word::Go => self.held = Some(word),\n            _/'
mutant "no lap home: whoever hears over again leaves" 's/self\.mark = Mark::Home; [^\n]*\n\s*self\.pass\(Word::Go, o\);/o.push(Output::Leave);/'
mutant "the word is believed over the own mark" 's/self\.mark = self\.mark\.max\(news\.mark\);/self.mark = news.mark;/'
mutant "a gone next is jumped over by two" 's/self\.next = \(self\.next \+ 1\)/self.next = (self.next + 2)/'
mutant "a question heard again is asked again" 's/\(Word::Ask, _\) if self\.has_asked\(\) =>/(Word::Ask, _) if false =>/'
mutant "over heard again is said again" 's/if self\.has_said\(Mark::Over\) => \{/if false => {/'
mutant "the verse after next" 's/Mark::after\(n\)/Mark::after(n.saturating_sub(1))/'
exit "$alive"

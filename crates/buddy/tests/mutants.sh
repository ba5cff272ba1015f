#!/usr/bin/env bash
# Do the tests have teeth? Breaks the rules of the pure core on purpose, one at a time, and runs the
# tests in memory on each mutant: the transcripts, the searches, the whole buddies. One of them must
# fail. Run by hand:
#
#   crates/buddy/tests/mutants.sh             # a quarter of an hour
#   crates/buddy/tests/mutants.sh roll_call   # only those with roll_call in the file or the title
#
# Works on a copy of the workspace; needs perl. Prints what caught each mutant, and what lab-report
# says of the journals of each run that broke a promise. Exits with 1 if a mutant lives or lab-report
# says yes, or at once if one does not apply, because then the code has changed and the list must too.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit ;; esac
cd "$(dirname "$0")/../../.."
which=${1-}
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -R Cargo.toml Cargo.lock crates "$copy/"
export CARGO_TARGET_DIR=$PWD/target/mutants RUST_BACKTRACE=0
bad=0
found=0

# The tests take seconds; a mutant that goes round in a circle would take for ever.
seconds=60

# Replaces code in a file: change FILE OLD NEW [OLD NEW]... OLD must be there once. Comments, line
# breaks and trailing commas do not count, so that only a change of the code can make this fail.
change() {
  perl -0777 -Mopen=:std,:utf8 -e '
    my $file = shift;
    open my $in, "<", $file or die "$file: $!\n";
    my $code = <$in>;
    $code =~ s{^\s*//.*\n|\s//\s.*}{}mg;
    $code =~ s{^#\[cfg\(test\)\].*}{}ms;
    while (my ($old, $new) = splice @ARGV, 0, 2) {
      my $pattern = join "\\s*", map quotemeta, $old =~ /\w+|[^\w\s]/g;
      $pattern =~ s/(?=\\s\*\\[\])}])/,?/g;
      $pattern =~ s/^(?=\w)/\\b/;
      $pattern =~ s/(?<=\w)$/\\b/;
      my $places = () = $code =~ /$pattern/g;
      die "in $places places instead of 1: $old\n" if $places != 1;
      $code =~ s/$pattern/$new/;
    }
    open my $out, ">", $file or die "$file: $!\n";
    print $out $code;
  ' "$@"
}

# All of the tests, because each sees other runs, and so other journals.
run() { (cd "$copy" && cargo test --quiet --no-fail-fast -p buddy "$@" 2>&1); }

# mutant FILE TITLE OLD NEW [OLD NEW]...: changes src/FILE.rs and expects a test to fail: of the
# small worlds, or of $world.
mutant() {
  local file=$copy/crates/buddy/src/$1.rs title=$2 out why said tests
  [[ "$1: $2" == *"$which"* ]] || return 0
  found=1
  case $1 in
    ring) tests=(--test explore --test transcript --test whole) ;;
    roll_call) tests=(--test wirings --test whole) ;;
    *) tests=(--test whole) ;;
  esac
  cp "$file" "$copy/original"
  if ! change "$file" "${@:3}"; then
    echo "does not apply: $title"; bad=1
  elif [ "$pass" = apply ]; then
    :
  elif ! out=$(run "${tests[@]}" --no-run); then
    echo "does not compile: $title"; bad=1
  elif out=$(ulimit -t "$seconds"; EXPLORE=${world-} run "${tests[@]}"); then
    echo "ALIVE: $title"; bad=1
  else
    why=$(awk '/^note: run with/ { print before; exit } { before = $0 }
      /overflowed its stack|signal: / { print; exit }' <<<"$out")
    echo "caught: $title (${why:0:90})"
    # How often it says what, and of which promise.
    said=$(grep -oE '^lab-report says [a-zA-Z]+: [a-z]+' <<<"$out" | cut -d ' ' -f 3- |
      sort | uniq -c | sed -E 's/ *([0-9]+) (.*)/\2 (\1)/' | paste -sd ,) || :
    [ -z "$said" ] || echo "  lab-report says ${said//,/, }"
    # The search sees what journals cannot show without a common clock: whether a buddy was given up
    # on just before another one sang its verse again, or just after.
    ! tr , '\n' <<<"$said" | grep '^yes: ' | grep -vE '^yes: (twice|alone|last) ' >&2 || bad=1
  fi
  cp "$copy/original" "$file"
}

mutants() {
  mutant ring "an equal stamp is heeded" \
    'progress.at <= self.at' 'progress.at < self.at'
  mutant ring "repeats are told by the verse, not the stamp" \
    'progress.at <= self.at' 'progress.mark < self.mark'
  mutant ring "a gone next: the token is passed on in the same take" \
    '% self.size; } if self.singing.is_none() { self.ask(o); }' \
    '% self.size; } if self.singing.is_none() { self.pass(Token::Go, o); }'
  mutant ring "a new take goes straight on, without asking round" \
    '.saturating_add(1))); self.pass(Token::Ask, o);' \
    '.saturating_add(1))); self.act(Token::Go, o);'
  mutant ring "a restarted next is passed the song in the same take" \
    'if told_mid_song && self.singing.is_none() { self.ask(o); }' \
    'if told_mid_song && self.singing.is_none() { self.pass(Token::Go, o); }'
  mutant ring "a restarted next: no question, and the watchdog is off" \
    'if told_mid_song && self.singing.is_none() { self.ask(o); }' '' \
    'Input::Quiet if self.singing.is_none() && self.out.is_none() =>' \
    'Input::Quiet if false =>'
  mutant ring "no watchdog" \
    'Input::Quiet if self.singing.is_none() && self.out.is_none() =>' \
    'Input::Quiet if false =>'
  mutant ring "the watchdog lets a buddy leave once over was said" \
    'Input::Quiet if self.singing' \
    'Input::Quiet if self.has_said(Mark::Over) => o.push(Output::Leave),
     Input::Quiet if self.singing'
  mutant ring "a question is answered while singing" \
    'Some(_) => self.held = Some(token)' \
    'Some(_) if token == Token::Go => self.held = Some(token)' \
    'None => self.act(token, o)' '_ => self.act(token, o)'
  mutant ring "no lap home: a buddy that hears over again leaves" \
    'self.mark = Mark::Home; self.pass(Token::Go, o);' 'o.push(Output::Leave);'
  mutant ring "the token is believed over the own mark" \
    'self.mark = self.mark.max(progress.mark);' 'self.mark = progress.mark;'
  mutant ring "a gone next is jumped over by two" \
    'self.next = (self.next + 1)' 'self.next = (self.next + 2)'
  mutant ring "only the buddy that asked first ends the lap" \
    'if self.has_asked() =>' 'if self.has_asked() && self.at.take.by == self.incarnation =>'
  mutant ring "over heard again is said again" \
    'if self.has_said(Mark::Over) =>' 'if false =>'
  mutant ring "the verse after next" \
    'Mark::after(n)' 'Mark::after(n.saturating_sub(1))'
  world="3 buddies, 1 bottle, 1 crash, 1 restart, 1 wrong, 2 million" \
  mutant ring "a pass is repeated, though it was heard" \
    'self.out == Some((to, token, progress))' 'true'

  mutant roll_call "every call is sent on" \
    'if mine.id < call.song.id =>' 'if false =>'
  mutant roll_call "a starter keeps all calls to itself" \
    'if mine.id < call.song.id =>' 'if true =>'
  mutant roll_call "the greater song wins in one place" \
    'if mine.id < call.song.id =>' 'if mine.id > call.song.id =>'
  mutant roll_call "a call that may have replaced mine is not answered by mine" \
    '(RollCallReply::Heard, self.call())' '(RollCallReply::Heard, Step::Nothing)'
  mutant roll_call "the starter is last on its roll" \
    'me.add(&call.roll[0]); call.roll[0] = me;' ''
  mutant roll_call "my next is not put on the roll" \
    'call.roll.push((&*self.next).into());' ''
  mutant roll_call "a longer roll is a repeat" \
    'if heard.attempt == call.attempt && place > heard.place =>' 'if heard.place == 0 =>'
  mutant roll_call "a longer roll is sent on" \
    'if heard.attempt == call.attempt && place > heard.place =>' 'if heard.place == 0 =>' \
    'if heard.attempt >= call.attempt =>' 'if heard.attempt > call.attempt =>'
  mutant roll_call "a repeat is a longer roll" \
    'place > heard.place' 'place >= heard.place'
  mutant roll_call "the loop is named from the starter on" \
    'call.roll.split_off(heard.place + 1)' 'call.roll'
  mutant roll_call "the caller of a buddy that loops is not told" \
    '(RollCallReply::Looped, Step::Misses(roll))' '(RollCallReply::Heard, Step::Misses(roll))'
  mutant roll_call "a later attempt is a repeat" \
    'if heard.attempt >= call.attempt =>' 'if heard.attempt > 0 =>'
  mutant roll_call "what was heard is forgotten" \
    'self.heard.insert(call.song.id, heard);' ''
  mutant roll_call "attempts are not counted" \
    'self.attempt = self.attempt.saturating_add(1);' 'self.attempt = 1;'
  mutant roll_call "a song is remembered by its starter only" \
    '.get_mut(&call.song.id)' '.get_mut(&0)'
  mutant roll_call "a roll is believed only from a stranger's place" \
    'heard.place == place && !heard.looped' 'heard.place > place && !heard.looped'
  mutant roll_call "the buddy after me on the roll is any" \
    'roll[(place + 1) % roll.len()].first() == self.next' '!roll.is_empty()'

  mutant roll_call "what the caller did not know of itself is not completed" \
    'call.roll[place - 1].complete(from);' ''
  mutant roll_call "a buddy puts no address of its own on the roll" \
    'call.roll[place].add(&self.own);' ''
  mutant reach "no buddy calls the one that tries to reach it" \
    'places.push((me + size - 2) % size);' ''
  mutant reach "a dead buddy is complained about" \
    'self.after_next = Some((next, to, self.beats));' 'self.after_next = Some((next, (next + 1) % 3, self.beats));'

  mutant reach "a complaint does not wait until the neighbour would know" \
    'said_at >= missed.1 + SETTLED' 'true'
  mutant stall "a stall is told again and again" \
    'self.named = news.or(self.named);' ''
  mutant ledger "a false alarm counts as a verse sung twice" \
    'if all_counted { 0 } else' 'if false { 0 } else'
  mutant singing "a buddy leaves without its tally" \
    'self.ledger.inherit(by, tally);' ''
  mutant waiting/called "a buddy that is left out waits for ever" \
    'if mark >= Mark::Over => self.give_up(End::LeftOut, out)' 'if mark > Mark::Home => self.give_up(End::LeftOut, out)' \
    'if self.left_out => { self.give_up(End::LeftOut, out); }' 'if self.left_out => {}'
  mutant waiting/called "a caller can end a buddy" \
    'self.unanswered.map(|beats| beats.saturating_add(1))' 'Some(self.unanswered.unwrap_or(0).saturating_add(1))'

  mutant waiting "a song may begin with more bottles than it has" \
    'left > song.bottles' 'left > 1_000_000'
  mutant waiting "a song of a stranger may be endless" \
    '!song.is_within_bounds() || !is_in_song' '!is_in_song'
  mutant waiting "callers have as many notices as they like" \
    'self.told_by_others.len() < MAX_FROM_OTHERS && is_new' 'is_new'
  mutant ring "a pass that was heard counts as unanswered for ever" \
    'self.out = None; if progress.mark == Mark::Home' 'if progress.mark == Mark::Home'
  mutant singing "a buddy leaves before its pass is answered" \
    'self.performing || self.ring.is_unheard()' 'self.performing'
  mutant singing "a buddy leaves while it performs a verse" \
    'self.performing || self.ring.is_unheard()' 'self.ring.is_unheard()'
  mutant state "a buddy leaves however busy it is" \
    '!singing.is_busy() && singing.has_said_farewell(out)' 'singing.has_said_farewell(out)'
}

pass=apply mutants
[ "$found" = 1 ] || echo "no such mutant: $which"
[ "$bad$found" = 01 ] || exit 1
pass=try mutants
exit "$bad"

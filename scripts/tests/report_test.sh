#!/usr/bin/env bash
# The page of lab-report in a real browser: keys, folds, narrow and wide, light and dark.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# What the browser shows, put into the title as lines of `name value`. In a function of its own,
# because it must not see the page's own names, nor they its.
# shellcheck disable=SC2016 # the browser expands it
probe='<script>
(() => {
  let errors = 0;
  addEventListener("error", () => { errors += 1; });
  const all = (what) => [...document.querySelectorAll(what)];
  const press = (key) => dispatchEvent(new KeyboardEvent("keydown", { key }));
  const open = () => all("details.fold").filter((fold) => fold.open).length;
  const outside = () => all("svg text").filter((text) => {
    const [a, b] = [text, text.closest("svg")].map((it) => it.getBoundingClientRect());
    if (!a.width) return false;
    return a.left < b.left - 1 || a.right > b.right + 1 || a.top < b.top - 1 || a.bottom > b.bottom + 1;
  }).map((text) => text.textContent);
  const overlaps = () => all("figure svg").flatMap((svg) => {
    const texts = [...svg.querySelectorAll("text")].map((text) => [text, text.getBoundingClientRect()]);
    return texts.flatMap(([one, a], at) => texts.slice(at + 1).filter(([, b]) => b.top < a.bottom - 3 &&
      a.top < b.bottom - 3 && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1.5)
      .map(([other]) => `${one.textContent} on ${other.textContent}`));
  });
  addEventListener("load", () => {
    const found = { width: innerWidth, folds: all("details.fold").length, closed: open() };
    press("o");
    found.opened = open();
    found.outside = outside().join("|") || "none";
    found.overlaps = overlaps().join("|") || "none";
    const isShown = (it) => it.getClientRects().length > 0;
    found.boxes = all("figure rect.verse").filter(isShown).length;
    const isCut = (it) => isShown(it) && it.scrollWidth > it.clientWidth;
    found.cut = all("figure").filter(isCut).length;
    press("o");
    found.closedAgain = open();
    press("n");
    found.marked = all(".here").filter(isShown).length;
    press("p"); press("p");
    found.markedStill = all(".here").length;
    const button = (key) => all(`[data-key=${key}]`).find(isShown);
    button("o")?.click();
    found.openedByButton = open();
    const root = document.documentElement;
    found.sideways = root.scrollWidth > root.clientWidth ? root.scrollWidth : "no";
    found.paper = getComputedStyle(all("section")[0]).backgroundColor.replaceAll(" ", "");
    found.errors = errors;
    document.title = Object.entries(found).map((it) => it.join(" ")).join("; ");
  });
})();
</script>'

# Without a font a text has no width, and the test would prove nothing.
need_font() { fc-list | grep -q . || install fonts-dejavu-core; }

need_browser() {
  local why
  why=$(need_command chromium chromium && need_font) || skip "$why"
  build_programs
}

# Makes journals of a ring of three in which Buddy 3 is killed, and a page about them.
setup() {
  need_browser
  local bin=$target/debug journals=$scratch/journals n pid third='' bottles='' port=$((20000 + RANDOM % 9000))
  for n in 3 2 1; do
    [ "$n" != 1 ] || bottles=40
    "$bin/buddy" --listen "127.0.0.1:$((port + n))" --next "127.0.0.1:$((port + n % 3 + 1))" \
      --tempo 20ms --journal "$journals" ${bottles:+--bottles "$bottles"} \
      >"$scratch/song.$n" 2>/dev/null &
    pid=$!
    children="$children $pid"
    [ "$n" != 3 ] || third=$pid
  done
  within 60 test -s "$scratch/song.3"
  kill -9 "$third"
  for pid in $children; do [ "$pid" = "$third" ] || wait "$pid"; done
  children=''
  "$bin/lab-report" "$journals" --html "$scratch/report.html" >"$scratch/verdict"
  { cat "$scratch/report.html"; echo "$probe"; } >"$scratch/probed.html"
}

# Shows the page, and writes what was found in it.
browse() { # WIDTH [FLAG]...
  local width=$1
  shift
  timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
    --disable-background-networking --disable-component-update --disable-sync \
    --user-data-dir="$scratch/profile" --window-size="$width,2000" --virtual-time-budget=3000 \
    "$@" --dump-dom "file://$scratch/probed.html" 2>/dev/null |
    grep -o '<title>width[^<]*' | sed 's/^<title>//; s/; /\n/g' >"$scratch/found"
  cat "$scratch/found"
}

found() { sed -n "s/^$1 //p" "$scratch/found"; }

test_the_page_works_in_a_browser() {
  setup
  browse 1280
  same 0 "$(found errors)"
  same 0 "$(found closed)"
  same "$(found folds)" "$(found opened)"
  [ "$(found folds)" -ge 1 ] || fail "nothing is folded up"
  same 0 "$(found closedAgain)"
  same 1 "$(found marked)"
  same 1 "$(found markedStill)"
  same none "$(found outside)"
  same none "$(found overlaps)"
  same "$(cat "$scratch"/journals/* | grep -c '"e":"sing"')" "$(found boxes)"
  same no "$(found sideways)"
  same 0 "$(found cut)"
  same "$(found folds)" "$(found openedByButton)"
  same 'rgb(255,255,255)' "$(found paper)"

  browse 390 --blink-settings=preferredColorScheme=0
  same 0 "$(found errors)"
  same none "$(found outside)"
  same none "$(found overlaps)"
  same no "$(found sideways)"
  same 0 "$(found cut)"
  same 1 "$(found marked)"
  [ "$(found boxes)" -ge 20 ] || fail "a phone is shown $(found boxes) verses"
  [ "$(found paper)" != 'rgb(255,255,255)' ] || fail "it is not dark"
}

test_figures_of_benchmarks_are_a_page_too() {
  need_browser
  printf '{"bench":"ring","what":"verses a second, of a raw TCP ring","at":"%s buddies","ratios":[%s]}\n' \
    3 '2.6,2.5,2.7' 10 1.0 100 '0.48,0.05' >"$scratch/figures"
  "$target/debug/lab-report" --bench "$scratch/figures" --html "$scratch/report.html"
  { cat "$scratch/report.html"; echo "$probe"; } >"$scratch/probed.html"
  browse 1280
  same 0 "$(found errors)"
  same none "$(found outside)"
  same none "$(found overlaps)"
  browse 390 --blink-settings=preferredColorScheme=0
  same none "$(found outside)"
  same none "$(found overlaps)"
  same no "$(found sideways)"
  same 0 "$(found cut)"
  [ "$(found paper)" != 'rgb(255,255,255)' ] || fail "it is not dark"
}

run_tests

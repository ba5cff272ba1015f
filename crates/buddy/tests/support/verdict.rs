//! Whether what a ring has sung, faults and all, is what it promises.

use std::collections::BTreeMap;

/// One verse heard a second time, and why that was allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Each buddy that sang it before had been killed.
    Death,
    /// A buddy that sang it had been given up on.
    GivenUp,
}

/// Judges `lines`: verses (`Buddy N: ...`), `# killed Buddy N`, and notices, of which `lost Buddy
/// N` matters. Returns the verses that were heard again.
///
/// Every verse must be there, in order. A life must not sing a verse twice. A verse may be heard
/// again only as `ring.rs` promises. This is more lenient than the promise: a notice counts from
/// the beginning, because it may come late. `explore` holds the promise to the letter.
pub(crate) fn judge(lines: &[String], bottles: u64) -> Result<Vec<Repeat>, String> {
    let left_of: BTreeMap<String, u64> = (0..=bottles)
        .map(|left| (buddy::song::verse(left, bottles), left))
        .collect();
    let was_lost = |who: &str| {
        let notice = format!("lost {who} at ");
        lines.iter().any(|line| line.starts_with(&notice))
    };
    let mut singers: BTreeMap<u64, Vec<(&str, usize)>> = BTreeMap::new();
    let mut lives: BTreeMap<&str, usize> = BTreeMap::new();
    let mut next = Some(bottles);
    let mut repeats = Vec::new();
    for line in lines {
        if let Some(who) = line.strip_prefix("# killed ") {
            *lives.entry(who).or_default() += 1;
        }
        let Some((who, verse)) = line.split_once(": ").filter(|(who, _)| is_buddy(who)) else {
            continue;
        };
        let Some(&left) = left_of.get(verse) else {
            return Err(format!("no verse of this song: {line}"));
        };
        let life = *lives.entry(who).or_default();
        let before = singers.entry(left).or_default();
        if Some(left) == next {
            next = left.checked_sub(1);
        } else if before.is_empty() {
            return Err(format!("sung before {next:?}: {line}"));
        } else if before.contains(&(who, life)) {
            return Err(format!("sung twice by the same life: {line}"));
        } else if before.iter().all(|&(who, life)| lives[who] > life) {
            repeats.push(Repeat::Death);
        } else if was_lost(who) || before.iter().any(|&(who, _)| was_lost(who)) {
            repeats.push(Repeat::GivenUp);
        } else {
            return Err(format!("sung again without a reason: {line}"));
        }
        before.push((who, life));
    }
    match next {
        None => Ok(repeats),
        Some(left) => Err(format!("never sung: {left}")),
    }
}

fn is_buddy(who: &str) -> bool {
    let number = who.strip_prefix("Buddy ");
    number.is_some_and(|number| number.parse::<u32>().is_ok())
}

#[test]
fn the_verdict_tells_good_from_bad() {
    let sung = |who: u32, left| format!("Buddy {who}: {}", buddy::song::verse(left, 1));
    let killed = "# killed Buddy 2".to_owned();
    let lost = "lost Buddy 2 at nowhere: no answer".to_owned();
    let good = [sung(1, 1), sung(2, 0)];
    assert_eq!(judge(&good, 1), Ok(vec![]));
    assert!(judge(&good[..1], 1).is_err(), "not complete");
    assert!(judge(&good[1..], 1).is_err(), "not in order");
    assert!(judge(&[sung(1, 1), sung(1, 1)], 1).is_err(), "by one life");
    let again = [good.to_vec(), vec![killed, sung(1, 0)]].concat();
    assert_eq!(judge(&again, 1), Ok(vec![Repeat::Death]));
    let again = [good.to_vec(), vec![sung(1, 0), lost]].concat();
    assert_eq!(judge(&again, 1), Ok(vec![Repeat::GivenUp]));
    assert!(judge(&again[..3], 1).is_err(), "without a reason");
}

//! Says what came of a run, from the journals that the programs wrote.
//!
//! | File | What it is |
//! |---|---|
//! | [`life`] | one journal |
//! | `messages` | which line caused which |
//! | [`clocks`] | what the clocks of several machines show at the same moment |
//! | [`order`] | one order of all lines |
//! | [`song`], [`chat`], [`list`] | what the lines tell of the three tasks, and whether it was as promised |
//! | [`verdict`] | how that is said |
//! | `read` | the files: the only one here that is not PURE |

use std::io::{self, Write};
use std::path::PathBuf;

use common::cli::{Failure, printable};

pub use args::Args;
use chat::Room;
use list::List;
use order::Order;
use song::Song;
use verdict::{Judgement, Verdict};

pub mod chat;
pub mod clocks;
pub mod life;
pub mod list;
mod messages;
pub mod order;
pub mod song;
pub mod verdict;

mod args;
mod read;

/// What is known of a run.
#[derive(Debug)]
pub struct Report {
    /// A judgement for each song, room and list.
    pub judgements: Vec<Judgement>,
    /// What has to be said of the journals themselves.
    pub notes: Vec<String>,
}

impl Report {
    /// Reads the journals at or below `paths`, and judges their run.
    ///
    /// # Errors
    /// If a path cannot be read.
    pub fn read(paths: &[PathBuf]) -> Result<Self, Failure> {
        let (lives, strangers) = read::lives(paths)?;
        let mut report = Self::new(&lives);
        report.notes.extend(strangers);
        Ok(report)
    }

    /// Judges the run in which `lives` took part.
    #[must_use]
    pub fn new(lives: &[life::Life]) -> Self {
        let order = Order::new(lives);
        let songs = Song::all(lives, &order);
        let rooms = Room::all(lives, &order);
        let songs = songs.iter().map(Song::judge);
        let rooms = rooms.iter().map(Room::judge);
        let judgements = songs
            .chain(rooms)
            .chain(List::all(lives).iter().map(List::judge))
            .collect();
        let mut notes = Vec::new();
        if order.contradictions > 0 {
            let count = order.contradictions;
            notes.push(format!(
                "{count} messages were heard before they were sent: some journal is not true"
            ));
        }
        Self { judgements, notes }
    }

    /// Returns the worst verdict. It is not yes if nothing was judged, or if a journal cannot be
    /// read or contradicts another one, because then the others do not tell the whole.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let verdicts = self.judgements.iter().map(Judgement::verdict);
        let doubt = (!self.notes.is_empty()).then_some(Verdict::Unknown);
        verdicts.chain(doubt).max().unwrap_or(Verdict::Unknown)
    }
}

/// Prints the report on the journals below the paths in `args`, and returns the verdict.
///
/// # Errors
/// If a path cannot be read, or stdout cannot be written.
pub fn print(args: &Args) -> anyhow::Result<Verdict> {
    let report = Report::read(&args.paths)?;
    for note in &report.notes {
        eprintln!("{}", printable(note));
    }
    let mut stdout = io::stdout().lock();
    for judgement in &report.judgements {
        // Names come from other people's files.
        let text = judgement.to_string();
        text.lines()
            .try_for_each(|line| writeln!(stdout, "{}", printable(line)))?;
    }
    if report.judgements.is_empty() {
        return Err(
            Failure::new("these journals tell of no song, no chat and no list")
                .help("start the programs with --journal DIR, and give DIR")
                .into(),
        );
    }
    Ok(report.verdict())
}

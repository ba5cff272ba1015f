//! Says and shows what came of a run, from the journals that the programs wrote.
//!
//! | File | What it is |
//! |---|---|
//! | [`life`] | one journal |
//! | `messages` | which line caused which |
//! | [`clocks`] | what the clocks of several machines show at the same moment |
//! | [`order`] | one order of all lines |
//! | [`song`], [`chat`], [`list`] | what the lines tell of the three tasks, and whether it was as promised |
//! | [`figures`] | what benchmarks have measured |
//! | [`verdict`] | how that is said |
//! | [`run`] | all of it together |
//! | [`picture`] | how that is shown: a page for a browser |
//! | [`export`] | the same for viewers that others have made |
//! | `counts`, `lanes` | a count in a sentence; lanes for what lasts at the same time |
//! | `read` | the files: the only one here that is not PURE |

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use common::cli::{Failure, printable};

pub use args::{Args, Only};
use order::Order;
pub use run::Report;
use run::Run;
use verdict::Verdict;

pub mod chat;
pub mod clocks;
mod counts;
pub mod export;
pub mod figures;
mod lanes;
pub mod life;
pub mod list;
mod messages;
pub mod order;
pub mod picture;
pub mod run;
pub mod song;
pub mod verdict;

mod args;
mod read;

impl Report {
    /// Reads the journals at or below `paths`, and judges their run.
    ///
    /// # Errors
    /// If a path cannot be read.
    pub fn read(paths: &[PathBuf]) -> Result<Self, Failure> {
        let (lives, strangers) = read::lives(paths)?;
        let order = Order::new(&lives);
        Ok(Run::new(&lives, &order, strangers).report)
    }
}

/// Prints the report on the journals below the paths in `args`, writes the pictures that are asked
/// for, and returns the verdict. It is unknown if the journals tell of nothing. With `--bench` it
/// prints and draws figures, and returns yes.
///
/// # Errors
/// If a path cannot be read, or stdout or a picture cannot be written.
pub fn print(args: &Args) -> anyhow::Result<Verdict> {
    if args.bench {
        print_figures(args)?;
        return Ok(Verdict::Yes);
    }
    let (mut lives, strangers) = read::lives(&args.paths)?;
    if let Some(only) = args.only {
        lives.retain(|life| only.has(&life.program));
    }
    let order = Order::new(&lives);
    let run = Run::new(&lives, &order, strangers);
    for note in &run.report.notes {
        eprintln!("{}", printable(note));
    }
    if run.report.judgements.is_empty() {
        // Unknown and not a failure, because nothing is known to be wrong: scripts tell a folder
        // without journals from a broken promise.
        eprintln!("lab-report: {}", nothing(args.only).report());
        return Ok(Verdict::Unknown);
    }
    // Before the text, which may have a reader that does not wait for its end (`| head`). And a
    // picture that cannot be written must not hide the verdict.
    let drawn = draw(args, &run);
    let mut stdout = io::stdout().lock();
    for judgement in &run.report.judgements {
        // Names come from other people's files.
        let text = judgement.to_string();
        text.lines()
            .try_for_each(|line| writeln!(stdout, "{}", printable(line)))
            .context("cannot write the verdict")?;
    }
    drawn?;
    Ok(run.report.verdict())
}

fn print_figures(args: &Args) -> anyhow::Result<()> {
    let figures = read::figures(&args.paths)?;
    if let Some(file) = &args.html {
        write(file, &picture::figures(&figures))?;
    }
    if let Some(file) = &args.svg {
        write(file, &picture::figures_alone(&figures))?;
    }
    let table = figures::table(&figures);
    let written = io::stdout().write_all(printable(&table).as_bytes());
    written.context("cannot write the figures")
}

fn nothing(only: Option<Only>) -> Failure {
    let what = match only {
        None => "no song, no chat and no list",
        Some(Only::Songs) => "no song",
        Some(Only::Chats) => "no chat",
        Some(Only::Lists) => "no list",
    };
    Failure::new(format!("these journals tell of {what}"))
        .help("start the programs with --journal DIR, and give DIR")
}

fn draw(args: &Args, run: &Run<'_>) -> Result<(), Failure> {
    if let Some(file) = &args.html {
        write(file, &picture::page(run))?;
    }
    if let Some((file, svg)) = args.svg.as_ref().zip(picture::first(run)) {
        write(file, &svg)?;
    }
    if let Some(file) = &args.perfetto {
        write(file, &export::perfetto(run))?;
    }
    if let Some(file) = &args.otlp {
        write(file, &export::otlp(run))?;
    }
    if let Some(file) = &args.shiviz {
        write(file, &export::shiviz(run))?;
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error| {
        Failure::new(format!("cannot write {}: {error}", file.display()))
            .help("give a file in a folder that you can write to")
    };
    fs::write(file, text).map_err(failed)
}

#[cfg(test)]
mod tests;

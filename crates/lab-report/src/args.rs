//! The command line of `lab-report`.

use std::path::PathBuf;

/// Says and shows what came of a run, from what the programs wrote down with --journal
#[derive(Clone, Debug, clap::Parser)]
#[command(
    version,
    about,
    after_help = "\
Exit: 0 all was as promised, 1 something was not, 3 it cannot be known from these journals, 2 usage.

Examples:
  lab-report journals --html report.html
  lab-report server/ client/ laptop/"
)]
pub struct Args {
    /// Journals, or folders of them, from as many machines as took part
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,

    /// Draws it: one page for any browser, which needs no network
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Draws the first diagram alone, for a README or a report on paper
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

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
  lab-report server/ client/ laptop/ --otlp trace.json
  curl -H content-type:application/json --data-binary @trace.json http://localhost:4318/v1/traces"
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

    /// Writes a trace for ui.perfetto.dev ("Open trace file")
    #[arg(long, value_name = "FILE")]
    pub perfetto: Option<PathBuf>,

    /// Writes a trace for Jaeger, Tempo or Grafana: OTLP in JSON
    #[arg(long, value_name = "FILE")]
    pub otlp: Option<PathBuf>,

    /// Writes a log for ShiViz, with vector clocks
    #[arg(long, value_name = "FILE")]
    pub shiviz: Option<PathBuf>,

    /// Looks at songs, chats or lists only
    #[arg(long, value_name = "KIND", hide_possible_values = true)]
    pub only: Option<Only>,

    /// Shows figures of benchmarks instead: each PATH is a file that scripts/bench.sh has written
    #[arg(long, conflicts_with_all = ["perfetto", "otlp", "shiviz", "only"])]
    pub bench: bool,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Only {
    /// Songs of buddies
    Songs,
    /// Rooms of a chat
    Chats,
    /// Word lists
    Lists,
}

impl Only {
    /// Returns whether a journal of `program` is of this kind.
    #[must_use]
    pub fn has(self, program: &str) -> bool {
        match self {
            Self::Songs => program == "buddy",
            Self::Chats => program.starts_with("chat-"),
            Self::Lists => program.starts_with("secret-"),
        }
    }
}

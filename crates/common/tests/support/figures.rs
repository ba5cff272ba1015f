//! What a benchmark has measured, besides its table: a line for each figure, which
//! `lab-report --bench` draws. `scripts/bench.sh` names the file.

use std::env;
use std::fs::OpenOptions;
use std::io::{self, Write};

use lab_report::figures::Figure;

/// Writes a figure to the file in `BENCH_FIGURES`, if there is one. More must be better.
pub(crate) fn note(bench: &str, what: &str, at: &str, ratios: Vec<f64>) -> io::Result<()> {
    let Some(file) = env::var_os("BENCH_FIGURES").filter(|file| !file.is_empty()) else {
        return Ok(());
    };
    let figure = Figure {
        bench: bench.into(),
        what: what.into(),
        at: at.into(),
        ratios,
    };
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    file.write_all(format!("{figure}\n").as_bytes())
}

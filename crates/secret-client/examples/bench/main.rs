//! The benchmarks of secret strings; `scripts/bench/secret.sh` and `scripts/bench/sealed.sh`
//! build everything and run this.
//!
//! Whole processes are timed, from their start to their end, because that is what a person waits
//! for. All figures are ratios of medians within one run. The rounds go forwards and backwards
//! through what is compared, so that a machine that grows slower favours none of it.

use anyhow::bail;

#[path = "../../../common/tests/support/figures.rs"]
mod figures;
mod memory;
mod process;
#[path = "../../../common/tests/support/program.rs"]
mod program;
mod schedule;
mod sealed;
mod speed;

fn main() -> anyhow::Result<()> {
    let mut parts: Vec<String> = std::env::args().skip(1).collect();
    if parts.is_empty() {
        parts = ["speed", "schedule", "memory"].map(str::to_owned).to_vec();
    }
    let bench = process::Bench::new()?;
    for part in parts {
        match part.as_str() {
            "speed" => speed::measure(&bench)?,
            "schedule" => schedule::measure(&bench)?,
            "memory" => memory::measure(&bench)?,
            "sealed" => sealed::measure(&bench)?,
            other => bail!("{other}? expected speed, schedule, memory or sealed"),
        }
    }
    Ok(())
}

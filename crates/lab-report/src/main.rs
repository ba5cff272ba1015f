//! `lab-report`: arguments, call, exit code.

use std::process::ExitCode;

use clap::Parser;
use common::cli;
use lab_report::{Args, print};
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let args = Args::parse();
    let mut verdict = None;
    let judge = async {
        verdict = Some(print(&args)?);
        Ok(())
    };
    let code = cli::run(&mut Builder::new_current_thread(), "lab-report", judge);
    verdict.map_or(code, |verdict| verdict.exit_code().into())
}

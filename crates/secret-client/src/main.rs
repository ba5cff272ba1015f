//! `secret-client`: arguments, call, exit code.

use std::process::ExitCode;

use common::cli;
use secret_client::{Args, Config, run};
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::start_logging(&args.common);
    let reverse = async { run(Config::try_from(args)?, cli::interrupted()).await };
    // One thread, because the work is one task and its calls are cheaper when no thread has to be
    // woken.
    cli::run(&mut Builder::new_current_thread(), "secret-client", reverse)
}

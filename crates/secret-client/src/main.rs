//! `secret-client`: arguments, then the work, then an exit code.

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use common::cli;
use secret_client::{args::Args, report, reverse_list, reverse_one};
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::start_logging(args.common);
    // One thread: the work is one task, and its calls are cheaper when nobody has to be woken.
    cli::run(
        &mut Builder::new_current_thread(),
        "secret-client",
        run(args),
    )
}

async fn run(args: Args) -> anyhow::Result<()> {
    if let Some(text) = &args.string {
        let answer = reverse_one(&args.options(None)?, text).await?;
        return Ok(writeln!(stdout(), "{answer}")?);
    }
    let (list, bytes) = args.open()?;
    let options = args.options(bytes)?;
    let (report, result) = reverse_list(options, list, stdout(), cli::interrupted()).await;
    // A closed stderr is no reason to fail.
    if args.common.verbose > 0 {
        let detail = report::detail(&report.latencies, report.totals);
        let _ = writeln!(stderr(), "{detail}");
    }
    let _ = writeln!(stderr(), "{report}");
    result
}

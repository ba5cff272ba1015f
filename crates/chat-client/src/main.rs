//! `chat-client`: arguments, call, exit code.

use std::process::ExitCode;

use chat_client::{Args, Config, run};
use common::cli;
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::start_logging(&args.common);
    let readers = args.readers();
    let talk = async { run(Config::try_from(args)?, cli::interrupted_or_closed()).await };
    cli::run_for(
        readers,
        &mut Builder::new_multi_thread(),
        "chat-client",
        talk,
    )
}

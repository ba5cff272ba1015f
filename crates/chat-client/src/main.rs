//! `chat-client`: arguments, call, exit code.

use std::process::ExitCode;

use chat_client::{Args, Config, run};
use common::cli;

#[tokio::main]
async fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::start_logging(args.common);
    let talk = async { run(Config::try_from(args)?, cli::interrupted()).await };
    cli::exit("chat-client", talk.await)
}

//! `chat-server`: arguments, call, exit code.

use std::process::ExitCode;

use chat_server::{Args, run};
use common::chat::SERVICE;
use common::cli;
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::start_logging(args.common);
    let serve = async {
        let (config, log) = (args.config()?, args.open_log()?);
        let listeners = args.bind().await?;
        let interrupted = cli::interrupted();
        listeners.ready()?;
        let shutdown = async {
            interrupted.await;
        };
        run(listeners, log, config, shutdown).await;
        Ok(())
    };
    cli::run(&mut Builder::new_multi_thread(), SERVICE, serve)
}

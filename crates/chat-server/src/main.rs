//! `chat-server`: arguments, call, exit code.

use std::process::ExitCode;

use chat_server::{Args, run};
use common::chat::SERVICE;
use common::{cli, net};

#[tokio::main]
async fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::start_logging(args.common);
    let serve = async {
        let (config, log) = (args.config()?, args.open_log()?);
        let listener = net::bind(args.listen, SERVICE).await?;
        let interrupted = cli::interrupted();
        cli::ready(&listener)?;
        let shutdown = async {
            interrupted.await;
        };
        run(listener, log, config, shutdown).await;
        Ok(())
    };
    cli::exit(SERVICE, serve.await)
}

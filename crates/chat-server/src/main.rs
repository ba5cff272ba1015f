//! `chat-server`: arguments, call, exit code.

use std::process::ExitCode;

use chat_server::{Args, Config, Listeners, run};
use common::chat::SERVICE;
use common::cli;
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::start_logging(&args.common);
    let serve = async {
        if let Some(path) = &args.guest_key {
            return Ok(args.common.write_guest_key(path)?);
        }
        if args.http_token {
            return args.common.print_http_token();
        }
        let ports = args.ports.clone();
        let config = Config::try_from(args)?;
        let listeners = Listeners::bind(ports, &config.seal).await?;
        let interrupted = cli::interrupted();
        listeners.ready(&config.seal).await?;
        let broken = config.log.broken();
        tokio::select! {
            () = run(listeners, config, interrupted) => Ok(()),
            why = broken => Err(why.into()),
        }
    };
    cli::run(&mut Builder::new_multi_thread(), SERVICE, serve)
}

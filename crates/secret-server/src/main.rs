//! `secret-server`: arguments, then the server, then an exit code.

use std::process::ExitCode;

use common::{cli, net, secret::SERVICE};
use secret_server::{args::Args, serve};
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::start_logging(args.common);
    cli::run(&mut Builder::new_multi_thread(), SERVICE, run(args))
}

async fn run(args: Args) -> anyhow::Result<()> {
    let config = args.config()?;
    let listener = net::bind(args.listen, SERVICE).await?;
    let interrupted = cli::interrupted();
    cli::ready(&listener)?;
    let shutdown = async {
        interrupted.await;
    };
    serve(listener, config, shutdown).await;
    Ok(())
}

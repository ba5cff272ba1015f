//! `secret-server`: arguments, call, exit code.

use std::process::ExitCode;

use common::{cli, net, secret::SERVICE};
use secret_server::{Args, Config, run};
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::start_logging(&args.common);
    let serve = async {
        let addr = args.listen;
        let config = Config::try_from(args)?;
        let listener = net::bind(addr, SERVICE).await?;
        let interrupted = cli::interrupted();
        cli::ready(&listener, &config.seal)?;
        run(listener, config, interrupted).await;
        Ok(())
    };
    cli::run(&mut Builder::new_multi_thread(), SERVICE, serve)
}

//! `secret-server`: arguments, call, exit code.

use std::process::ExitCode;

use common::{cli, secret::SERVICE};
use secret_server::{Args, Config, Listeners, run};
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::start_logging(&args.common);
    let serve = async {
        if args.http_token {
            return args.common.print_http_token();
        }
        let (addr, http, names) = (args.listen, args.http, args.http_name.clone());
        let config = Config::try_from(args)?;
        let listeners = Listeners::bind(addr, http, names, &config.seal).await?;
        let interrupted = cli::interrupted();
        listeners.ready(&config.seal).await?;
        run(listeners, config, interrupted).await;
        Ok(())
    };
    cli::run(&mut Builder::new_multi_thread(), SERVICE, serve)
}

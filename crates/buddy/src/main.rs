//! `buddy`: arguments, call, exit code.

use std::process::ExitCode;

use buddy::{Args, Config, run};
use common::buddy::SERVICE;
use common::{cli, net};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::start_logging(args.common);
    let sing = async {
        let listener = net::bind(args.listen, SERVICE).await?;
        let interrupted = cli::interrupted();
        cli::ready(&listener)?;
        run(listener, Config::from(args), interrupted).await
    };
    cli::exit(SERVICE, sing.await)
}

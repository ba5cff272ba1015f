//! `buddy`: arguments, call, exit code.

use std::process::ExitCode;

use buddy::{Args, Config, run};
use common::buddy::SERVICE;
use common::{cli, net};
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::start_logging(&args.common);
    let sing = async {
        let seal = args.common.host_seal()?;
        let journal = args.common.journal(SERVICE, args.name.clone())?;
        let listener = net::bind(args.listen, SERVICE).await?;
        let interrupted = cli::interrupted();
        cli::ready(&listener, &seal)?;
        run(listener, (seal, journal), Config::from(args), interrupted).await
    };
    cli::run(&mut Builder::new_current_thread(), SERVICE, sing)
}

//! One string, with whatever is in it.

use std::io::Write;

use common::cli::{Failure, Interrupted};

use crate::config::Options;
use crate::pipes;
use crate::progress::Progress;
use crate::work::{Stop, work};

/// Has `text` reversed by the first server that will do it, line breaks included, and writes the
/// answer and a newline to `output`. It waits for servers as a list does.
///
/// # Errors
/// Why no server would or could reverse it; if the output failed; if interrupted.
pub async fn reverse_string(
    options: Options,
    text: String,
    output: impl Write + Send + 'static,
    shutdown: impl Future<Output = Interrupted>,
) -> anyhow::Result<()> {
    let (mut input, output) = (pipes::one(text), pipes::write(output));
    let progress = Progress::default();
    let (_, result) = work(&options, progress, &mut input, output, shutdown).await;
    result.map_err(|stop| match stop {
        Stop::Output(error) => error,
        Stop::Interrupted(signal) => signal.into(),
        Stop::Input(failure) => failure.into(),
        Stop::Servers(cause) => Failure::from(cause).into(),
    })
}

//! A list of words, each on a line.

use std::io::Write;

use common::cli::{Failure, Interrupted};

use crate::config::{List, Options};
use crate::lines;
use crate::pipes::{self, Input};
use crate::report::{Report, plural};
use crate::work::{Stop, work};

/// Reverses every line of `list` and writes the answers to `output`, in the same order, until the
/// end or until `shutdown`. Each is written as soon as all before it are there.
///
/// # Errors
/// If not every line could be answered, with what is missing and why; if the output failed; if
/// interrupted. What was written until then is right all the same, and reported.
pub async fn reverse_list(
    options: Options,
    list: List,
    output: impl Write + Send + 'static,
    shutdown: impl Future<Output = Interrupted>,
) -> (Report, anyhow::Result<()>) {
    let mut input = pipes::read(list.input);
    let output = pipes::write(output);
    let (report, result) = work(&options, list.progress, &mut input, output, shutdown).await;
    let result = match result {
        Ok(()) => Ok(()),
        Err(Stop::Output(error)) => Err(error),
        Err(Stop::Interrupted(signal)) => Err(signal.into()),
        Err(Stop::Input(failure)) => Err(failure.into()),
        Err(Stop::Servers(cause)) => {
            let mut total = report.totals.read;
            while let Some(Input::Lines(text)) = input.recv().await.filter(|_| list.has_end) {
                total += lines::count(&text) as u64;
            }
            let missing = total - report.totals.written;
            let of = plural(total, "word");
            let verb = if missing == 1 { "is" } else { "are" };
            let cause = anyhow::Error::from(Failure::from(cause));
            Err(cause.context(format!("{missing} of {of} {verb} missing")))
        }
    };
    (report, result)
}

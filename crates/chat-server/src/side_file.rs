//! Small text files beside the log, each replaced as a whole when it changes. An operator can read
//! and mend them. They are apart from the log, because every kind of store has them.

use std::fs::{File, OpenOptions, remove_file, rename};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use common::cli::Failure;

/// Returns what `parse` finds in the file at `path`; in an empty text if there is no file. `what`
/// names the content, `one` a line of it, and `line` says what it consists of. `parse` returns the
/// first line that makes no sense, if there is one.
///
/// # Errors
/// If the file cannot be read, or makes no sense.
pub(crate) fn read<T>(
    path: &Path,
    [what, one, line]: [&str; 3],
    parse: fn(&str) -> Result<T, String>,
) -> Result<T, Failure> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        text => text,
    };
    let read = text.map_err(|error| error.to_string()).and_then(|text| {
        parse(&text).map_err(|line| format!("\"{}\" is not {one}", line.escape_debug()))
    });
    read.map_err(|why| {
        let shown = path.display();
        Failure::new(format!("cannot read the {what} in {shown}: {why}"))
            .help(format!("mend or delete that file; each line is {line}"))
    })
}

/// Replaces the file at `path` by one with this text. A crash, also of the machine, leaves the old
/// or the new one.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    // Always a new file, because a link of that name could lead to another file of ours.
    let _ = remove_file(&new);
    let mut options = OpenOptions::new();
    // Only for its owner, because it names addresses of people.
    let options = options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    rename(&new, path)?;
    // Otherwise the name may still lead to the old file after a power cut.
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

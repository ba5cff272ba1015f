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
        let bad = |line: String| format!("\"{}\" is not {one}", line.escape_debug());
        let read = parse(&text).map_err(bad)?;
        // Otherwise the beginning of a number could be taken for the number: another time.
        if !text.is_empty() && !text.ends_with('\n') {
            return Err("its last line has no end".to_owned());
        }
        Ok(read)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owners::Owners;

    #[test]
    fn a_file_that_is_cut_off_within_a_line_is_refused_and_never_read_as_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("names");
        let key = "01".repeat(32);
        let text = format!("ann\t{key}\t10.0.0.1/32\t1800000000000\t1800000000000\n").repeat(2);
        let text = text.replacen("ann", "bob", 1);
        let read = || read(&path, ["names", "a name", "a name"], Owners::read);
        for cut in 0..=text.len() {
            std::fs::write(&path, &text[..cut]).expect("written");
            let is_whole = cut == 0 || text[..cut].ends_with('\n');
            match read() {
                Ok(owners) => assert!(is_whole && owners.text().len() == cut, "cut at {cut}"),
                Err(error) => assert!(!is_whole, "cut at {cut}: {error}"),
            }
        }
    }
}

//! Finds journals and reads them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use common::cli::Failure;

use crate::figures::{self, Figure};
use crate::life::Life;

/// Returns the lives in the journals that are, or are below, `paths`, and a sentence for each file
/// that is not a journal. Of two copies of a life the longer one counts.
pub(crate) fn lives(paths: &[PathBuf]) -> Result<(Vec<Life>, Vec<String>), Failure> {
    let mut files = Vec::new();
    for path in paths {
        find(path, &mut files)?;
    }
    let mut lives: BTreeMap<_, Life> = BTreeMap::new();
    let mut strangers = Vec::new();
    for path in files {
        let bytes = fs::read(&path).map_err(|error| failed(&path, &error))?;
        match Life::parse(
            &path.display().to_string(),
            &String::from_utf8_lossy(&bytes),
        ) {
            Ok(life) => {
                let key = (life.program.clone(), life.id);
                let is_longer = |known: &Life| known.lines.len() < life.lines.len();
                if lives.get(&key).is_none_or(is_longer) {
                    lives.insert(key, life);
                }
            }
            Err(what) => strangers.push(what),
        }
    }
    Ok((lives.into_values().collect(), strangers))
}

/// Returns the figures in all of these files.
pub(crate) fn figures(paths: &[PathBuf]) -> Result<Vec<Figure>, Failure> {
    let mut all = Vec::new();
    for path in paths {
        let text = fs::read_to_string(path).map_err(|error| error.to_string());
        let figures = text.and_then(|text| figures::parse(&text));
        all.extend(figures.map_err(|cause| {
            Failure::new(format!("cannot read {}: {cause}", path.display()))
                .help("give the file that was given to scripts/bench.sh --figures")
        })?);
    }
    Ok(figures::sorted(all))
}

/// Adds the journals at or below `path`. A file that is named counts whatever its name is.
fn find(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let metadata = fs::metadata(path).map_err(|error| failed(path, &error))?;
    if !metadata.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries = fs::read_dir(path).map_err(|error| failed(path, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| failed(path, &error))?;
        let (path, kind) = (entry.path(), entry.file_type());
        // No links, because they could lead round in a circle.
        let is_dir = kind.is_ok_and(|kind| kind.is_dir());
        // Files only, because a pipe may never end.
        let is_file = || fs::metadata(&path).is_ok_and(|it| it.is_file());
        let is_journal = || path.extension() == Some(OsStr::new("jsonl")) && is_file();
        if is_dir || is_journal() {
            find(&path, files)?;
        }
    }
    Ok(())
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot read {}: {error}", path.display()))
        .help("give the folder that was given to --journal")
}

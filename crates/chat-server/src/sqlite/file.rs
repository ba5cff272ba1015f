//! The file and its name: how it is made, that only one server has it, and whether it is still
//! there.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, metadata, set_permissions};
use std::io;
#[cfg(not(target_os = "linux"))]
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::fs::OFlags;
#[cfg(target_os = "linux")]
use rustix::fs::{AtFlags, CWD, StatxFlags, makedev, statx};

/// How long the last appends of a closed store may take: a queue of thousands on a slow disk.
const LAST_APPENDS: Duration = Duration::from_secs(1);

/// Makes the folder of the file at `path` if necessary. Then only its owner can look into it.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    folder.map_or(Ok(()), |folder| builder.create(folder))
}

/// Makes the file at `path` if there is none, so that only its owner can read it. SQLite gives the
/// files that it makes beside it the same mode.
pub(super) fn make(path: &Path) -> io::Result<()> {
    let new = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match new {
        Ok(_) => return set_permissions(path, Permissions::from_mode(0o600)),
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Err(_) => {}
    }
    if metadata(path)?.permissions().mode() & 0o077 != 0 {
        let path = path.display();
        tracing::warn!(
            "other users may read the messages in {path}; to stop them: chmod 600 {path}*"
        );
    }
    Ok(())
}

/// Locks the file at `path`, which has no link in it, until the returned file is dropped, or the
/// process ends. Otherwise two servers on one file would both believe that they know the newest
/// numbers.
///
/// It locks the file itself, because one file may have several names, and because a lock beside it
/// could be deleted. Only Linux keeps such a lock (`flock`) apart from those that SQLite takes
/// (`fcntl`), so elsewhere it is a lock beside the file after all.
pub(super) fn lock(path: &Path) -> anyhow::Result<File> {
    let mut locked = path.as_os_str().to_owned();
    if cfg!(not(target_os = "linux")) {
        locked.push(".lock");
    }
    // Never through a link and never truncated, because in a folder that others can write, the link
    // could lead to a file of ours.
    let no_link = OFlags::NOFOLLOW.bits().cast_signed();
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(no_link)
        .mode(0o600)
        .open(&locked)
        .context("it cannot be locked")?;
    // Tried again, because the last appends of a store that was closed just now are being stored.
    let began = Instant::now();
    while file.try_lock().is_err() && began.elapsed() < LAST_APPENDS {
        thread::sleep(LAST_APPENDS / 100);
    }
    ensure!(file.try_lock().is_ok(), "another chat-server uses it");
    Ok(file)
}

/// What makes a file the same file, whatever its name: its device and its inode.
type Inode = (u64, u64);

/// Returns that of the file at `path`, and asks for nothing more. Linux notes who has looked at the
/// time of a file, and then changes that time with the very next write, which costs a commit twice
/// the blocks (multigrain timestamps, from 6.13 on).
#[cfg(target_os = "linux")]
fn inode(path: &Path) -> io::Result<Inode> {
    let file = statx(CWD, path, AtFlags::empty(), StatxFlags::INO)?;
    let device = makedev(file.stx_dev_major, file.stx_dev_minor);
    Ok((device, file.stx_ino))
}

#[cfg(not(target_os = "linux"))]
fn inode(path: &Path) -> io::Result<Inode> {
    let file = metadata(path)?;
    Ok((file.dev(), file.ino()))
}

/// A file that this store alone has, for as long as one of its threads keeps this.
pub(super) struct Held {
    _lock: File,
    /// the file, and the one beside it with the latest commits, as they were when it was opened
    files: [(PathBuf, Inode); 2],
}

impl Held {
    /// Returns the file at `path`, which `lock` holds and a connection has opened.
    pub(super) fn new(lock: File, path: &Path) -> io::Result<Self> {
        let mut wal = path.as_os_str().to_owned();
        wal.push("-wal");
        let of = |path: PathBuf| -> io::Result<_> {
            let inode = inode(&path)?;
            Ok((path, inode))
        };
        Ok(Self {
            _lock: lock,
            files: [of(path.into())?, of(wal.into())?],
        })
    }

    /// Returns whether the file is still there under its name. Otherwise what is written into it
    /// is lost, because nobody can open it again.
    pub(super) fn is_there(&self) -> bool {
        let mut files = self.files.iter();
        files.all(|(path, is)| inode(path).is_ok_and(|now| now == *is))
    }
}

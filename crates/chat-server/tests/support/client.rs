//! The `chat-client` beside the `chat-server` that is tested.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the client beside the server that is tested, and builds it if it is not there.
pub(crate) fn path() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_chat-server")).with_file_name("chat-client");
    if !path.exists() {
        let mut cargo = Command::new(env!("CARGO"));
        let built = cargo
            .args(["build", "--locked", "--package", "chat-client"])
            .status();
        assert!(
            built.is_ok_and(|built| built.success()) && path.exists(),
            "{path:?}"
        );
    }
    path
}

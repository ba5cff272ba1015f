//! The sign of life for systemd, which then restarts a server whose runtime stands still.
//!
//! A process that hangs looks healthy from outside. So a task of the runtime itself says that it
//! lives, and when no thread of the runtime finds the time to run that task, nothing is said.

use sd_notify::NotifyState;
use tokio::time::sleep;

/// Starts the sign of life, if systemd wants one (`WatchdogSec=` in the unit): three in each
/// period, so that one may be late.
pub(super) fn start() {
    let Some(period) = sd_notify::watchdog_enabled() else {
        return;
    };
    tokio::spawn(async move {
        loop {
            // Without success systemd restarts the program, which is right.
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
            sleep(period / 3).await;
        }
    });
}

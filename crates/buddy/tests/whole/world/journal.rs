//! What each process writes into its journal, and what `lab-report` says of all of them.

use buddy::effect::End;
use common::journal::Event;
use lab_report::Report;

use super::super::verdict::judge;
use super::{Process, World};

impl World {
    /// Begins the journal of a process.
    pub(super) fn open_journal(&mut self, process: Process, incarnation: u64) {
        let number = process.0 as u32;
        self.journals.open(process, number, incarnation, self.now);
    }

    /// Writes a line.
    pub(super) fn write(&mut self, process: Process, event: Event) {
        self.journals.write(process, event, self.now);
    }

    /// Writes how a process has ended, as `buddy/src/node.rs` does.
    pub(super) fn close_journal(&mut self, process: Process, end: &End) {
        let why = match end {
            End::Home(_) => "home",
            End::Left => "left",
            _ => "the song was sung without this buddy",
        };
        self.write(process, Event::End { why: why.into() });
    }

    /// Returns what `lab-report` says; nothing if nothing was written down.
    pub(crate) fn report(&self) -> Option<Report> {
        self.journals.report()
    }
}

/// Of a ring that has sung wrongly `lab-report` must not say yes. `mutants.sh` looks for this line.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Err(fault) = judge(&self.lines, self.song.bottles)
            && let Some(report) = self.report()
        {
            println!("lab-report says {}: {fault}", report.verdict());
        }
    }
}

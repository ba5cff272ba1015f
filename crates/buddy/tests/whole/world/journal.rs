//! What each process would write into its journal, and what `lab-report` says of all of them.
//!
//! Each buddy has a machine of its own, whose clock is hours from the others', because no verdict
//! may rest on a clock.

use std::time::Duration;

use buddy::effect::End;
use common::journal::{Event, Hex, Line};
use lab_report::Report;
use lab_report::life::Life;
use lab_report::order::Order;
use lab_report::run::Run;
use lab_report::verdict::Verdict;

use super::super::verdict::judge;
use super::{Process, World};

/// By how much the clock of a machine is ahead of that of the machine before it.
const LEAD: Duration = Duration::from_secs(2 * 3600);

/// The time on the wall when a world begins.
const BEGIN: Duration = Duration::from_secs(1_700_000_000);

/// The journal of a process.
pub(super) struct Journal {
    process: Process,
    began: Duration,
    life: Life,
}

impl World {
    /// Begins the journal of a process.
    pub(super) fn open_journal(&mut self, process: Process, incarnation: u64) {
        let (n, number) = process;
        let life = Life {
            file: format!("buddy-{n}.{number}"),
            program: "buddy".into(),
            id: Hex(incarnation.into()),
            host: format!("host-{n}"),
            machine: n.to_string(),
            pid: n as u32,
            name: None,
            lines: Vec::new(),
            is_cut: false,
            damaged: 0,
        };
        self.open.insert(process, self.journals.len());
        self.journals.push(Journal {
            process,
            began: self.now,
            life,
        });
        let begin = Event::Begin {
            v: common::journal::VERSION,
            program: "buddy".into(),
            life: Hex(incarnation.into()),
            host: format!("host-{n}"),
            machine: n.to_string(),
            pid: n as u32,
            name: None,
        };
        self.write(process, begin);
    }

    /// Writes a line.
    pub(super) fn write(&mut self, process: Process, event: Event) {
        let Some(&number) = self.open.get(&process) else {
            return;
        };
        let journal = &mut self.journals[number];
        let wall = BEGIN + LEAD * journal.process.0 as u32 + self.now;
        let line = Line {
            t: (self.now - journal.began).as_micros() as u64,
            w: journal
                .life
                .lines
                .is_empty()
                .then_some(wall.as_micros() as u64),
            event,
        };
        journal.life.lines.push(line);
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
        let lives: Vec<Life> = self.journals.iter().map(|it| it.life.clone()).collect();
        let order = Order::new(&lives);
        (!lives.is_empty()).then(|| Run::new(&lives, &order, Vec::new()).report)
    }
}

/// Of a ring that has sung wrongly `lab-report` must not say yes. `mutants.sh` looks for this line.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Err(fault) = judge(&self.lines, self.song.bottles)
            && let Some(report) = self.report()
        {
            let verdict = match report.verdict() {
                Verdict::Yes => "yes",
                Verdict::Unknown => "unknown",
                Verdict::No => "no",
            };
            println!("lab-report says {verdict}: {fault}");
        }
    }
}

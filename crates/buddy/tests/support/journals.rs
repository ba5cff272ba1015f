//! What the processes of a world in memory would write into their journals, and what `lab-report`
//! says of all of them.
//!
//! Each place has a machine of its own, whose clock is hours from the others', because no verdict
//! may rest on a clock.

use std::collections::BTreeMap;
use std::time::Duration;

use common::journal::{Event, Hex, Line};
use lab_report::Report;
use lab_report::life::Life;
use lab_report::order::Order;
use lab_report::run::Run;

/// By how much the clock of a machine is ahead of that of the machine before it.
const LEAD: Duration = Duration::from_secs(2 * 3600);

/// The time on the wall when a world begins.
const BEGIN: Duration = Duration::from_secs(1_700_000_000);

/// All journals, by what the world calls the process that writes each.
#[derive(Clone, Debug)]
pub(crate) struct Journals<P>(BTreeMap<P, Journal>);

#[derive(Clone, Debug)]
struct Journal {
    /// the time on the wall of its machine, when it began
    wall: Duration,
    began: Duration,
    life: Life,
}

impl<P: Ord> Journals<P> {
    pub(crate) fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Begins the journal of a process of the buddy with this number.
    pub(crate) fn open(&mut self, process: P, buddy: u32, incarnation: u64, now: Duration) {
        let id = Hex(incarnation.into());
        let (program, host, machine) = ("buddy", format!("host-{buddy}"), buddy.to_string());
        let begin = Event::Begin {
            v: common::journal::VERSION,
            program: program.into(),
            life: id,
            host: host.clone(),
            machine: machine.clone(),
            pid: buddy,
            name: None,
        };
        let life = Life {
            file: format!("buddy-{incarnation:x}.jsonl of Buddy {buddy}"),
            program: program.into(),
            id,
            host,
            machine,
            pid: buddy,
            name: None,
            lines: Vec::new(),
            is_cut: false,
            damaged: 0,
        };
        let wall = BEGIN + LEAD * buddy + now;
        let mut journal = Journal {
            wall,
            began: now,
            life,
        };
        journal.write(begin, now);
        self.0.insert(process, journal);
    }

    /// Writes a line, if the process has a journal.
    pub(crate) fn write(&mut self, process: P, event: Event, now: Duration) {
        if let Some(journal) = self.0.get_mut(&process) {
            journal.write(event, now);
        }
    }

    /// Returns what `lab-report` says; nothing if nothing was written down.
    pub(crate) fn report(&self) -> Option<Report> {
        let lives: Vec<Life> = self.0.values().map(|it| it.life.clone()).collect();
        let order = Order::new(&lives);
        (!lives.is_empty()).then(|| Run::new(&lives, &order, Vec::new()).report)
    }
}

impl Journal {
    fn write(&mut self, event: Event, now: Duration) {
        let is_first = self.life.lines.is_empty();
        self.life.lines.push(Line {
            t: (now - self.began).as_micros() as u64,
            w: is_first.then_some(self.wall.as_micros() as u64),
            event,
        });
    }
}

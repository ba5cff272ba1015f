//! Running a list in this process, and reading along.

use std::future::pending;
use std::io::{self, Write};
use std::time::Duration;

use common::net::Seal;
use common::pen::Pen;
use secret_client::{Fixed, List, Options, Progress, Report, reverse_list};
use tokio::sync::watch;
use tokio::time::timeout;

use super::place::Place;

/// An output that can be looked at while it is written.
#[derive(Clone)]
pub(crate) struct Paper(watch::Sender<Vec<u8>>);

impl Paper {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Vec::new()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).expect("text")
    }

    /// Waits until this number of lines is written, for at most a minute.
    pub(crate) async fn has_lines(&self, number: usize) {
        let enough = |text: &Vec<u8>| text.iter().filter(|b| **b == b'\n').count() >= number;
        let mut reader = self.0.subscribe();
        let written = timeout(Duration::from_secs(60), reader.wait_for(enough)).await;
        written.expect("in time").expect("it exists");
    }
}

impl Write for Paper {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.send_modify(|paper| paper.extend_from_slice(text));
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How to ask the servers at `places`.
pub(crate) fn options<'a>(places: impl IntoIterator<Item = &'a Place>) -> Options {
    Options {
        servers: places.into_iter().map(Place::addr).collect(),
        premium: false,
        seal: Seal::none(),
        premium_key: None,
        fixed: Fixed::default(),
        verify: false,
        give_up_after: Duration::from_secs(60),
        journal: Pen::default(),
    }
}

/// A list that has an end.
pub(crate) fn list(text: impl Into<Vec<u8>>) -> List {
    List {
        input: Box::new(io::Cursor::new(text.into())),
        has_end: true,
        progress: Progress::default(),
    }
}

/// Reverses a list, uninterrupted.
pub(crate) async fn run(options: Options, text: &str) -> (String, Report, anyhow::Result<()>) {
    let paper = Paper::new();
    let (report, result) = reverse_list(options, list(text), paper.clone(), pending()).await;
    (paper.text(), report, result)
}

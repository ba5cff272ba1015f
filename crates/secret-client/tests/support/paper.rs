//! Running a list in this process, and reading along.

use std::future::pending;
use std::io::{self, Write};
use std::time::Duration;

use common::secret::Tier;
use secret_client::pacing::Fixed;
use secret_client::progress::Progress;
use secret_client::{Options, Report, reverse_list};
use tokio::sync::watch;

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

    /// Waits until so many lines are written.
    pub(crate) async fn has_lines(&self, number: usize) {
        let enough = |text: &Vec<u8>| text.iter().filter(|b| **b == b'\n').count() >= number;
        self.0
            .subscribe()
            .wait_for(enough)
            .await
            .expect("it exists");
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

/// What to ask of the servers at `places`.
pub(crate) fn options<'a>(places: impl IntoIterator<Item = &'a Place>) -> Options {
    Options {
        servers: places.into_iter().map(Place::addr).collect(),
        tier: Tier::Free,
        fixed: Fixed::default(),
        give_up_after: Duration::from_secs(60),
        progress: Progress::default(),
        has_end: true,
    }
}

/// Reverses `list`, uninterrupted.
pub(crate) async fn run(options: Options, list: &str) -> (String, Report, anyhow::Result<()>) {
    let paper = Paper::new();
    let list = io::Cursor::new(list.to_owned());
    let (report, result) = reverse_list(options, list, paper.clone(), pending()).await;
    (paper.text(), report, result)
}

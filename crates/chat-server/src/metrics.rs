//! What operators see of a server: counters for Prometheus at `/metrics`, and at `/health` whether
//! the log can be written. They have a listener of their own, which clients need not reach.
//!
//! Counting costs a call at most one relaxed addition. What the server knows anyway (sessions,
//! rooms, the log's numbers) is looked up when an operator asks. No label holds what people chose,
//! such as nicks and rooms: each would be a series of its own for ever, and private rooms would no
//! longer be private.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use common::chat::Refusal;

use crate::log::{Shared, Status};

mod http;

pub(crate) use http::{Report, health, serve};

/// Why calls and messages are refused: the values of a label.
const REASONS: [&str; 8] = [
    "too_fast",
    "unfit",
    "not_here",
    "full",
    "unavailable",
    "share",
    "kept_out",
    "wrong_token",
];

fn reason(refusal: &Refusal) -> usize {
    match refusal {
        Refusal::TooFast(_) => 0,
        Refusal::Unfit(_) | Refusal::NickTaken { .. } | Refusal::Registered(_) => 1,
        Refusal::NoSession | Refusal::NotJoined | Refusal::Nobody => 2,
        Refusal::Full(_) => 3,
        Refusal::Unavailable(_) | Refusal::Unreadable(_) => 4,
        Refusal::Share(_) => 5,
        Refusal::Kicked(_) | Refusal::Banned => 6,
        Refusal::WrongToken => 7,
    }
}

/// What there is of everything, when an operator asks.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) uptime: Duration,
    pub(crate) sessions: usize,
    pub(crate) rooms: usize,
    /// those of the sessions that call another server over the same log
    pub(crate) remote: usize,
    pub(crate) bans: usize,
    pub(crate) connections: usize,
    pub(crate) connections_refused: u64,
    pub(crate) bytes: usize,
    pub(crate) bytes_refused: u64,
}

/// What happened since the server began.
#[derive(Default)]
pub(crate) struct Counts {
    accepted: AtomicU64,
    refused: [AtomicU64; REASONS.len()],
    calls_refused: [AtomicU64; REASONS.len()],
    notices_lost: AtomicU64,
    delivered: AtomicU64,
    waiting: AtomicU64,
}

impl Counts {
    /// Counts a send of `count` messages by its outcome.
    pub(crate) fn sent(&self, count: usize, outcome: &Result<Vec<u64>, Refusal>) {
        let counter = match outcome {
            Ok(_) => &self.accepted,
            Err(refusal) => &self.refused[reason(refusal)],
        };
        counter.fetch_add(count as u64, Relaxed);
    }

    /// Counts a call that was refused.
    pub(crate) fn refused(&self, refusal: &Refusal) {
        self.calls_refused[reason(refusal)].fetch_add(1, Relaxed);
    }

    /// Counts a notice that could not be written.
    pub(crate) fn lost(&self) {
        self.notices_lost.fetch_add(1, Relaxed);
    }

    /// Counts the entries of a poll's answer.
    pub(crate) fn delivered(&self, entries: usize) {
        self.delivered.fetch_add(entries as u64, Relaxed);
    }

    /// Counts a poll as waiting until the returned guard is dropped.
    pub(crate) fn waits(&self) -> Waits<'_> {
        self.waiting.fetch_add(1, Relaxed);
        Waits(&self.waiting)
    }

    /// Returns the text at `/metrics`, in Prometheus's exposition format.
    pub(crate) fn text(&self, state: &State, log: &Status) -> String {
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        let (waiting, accepted) = (count(&self.waiting), count(&self.accepted));
        let (uptime, delivered) = (state.uptime.as_secs_f64(), count(&self.delivered));
        let State {
            sessions,
            rooms,
            bans,
            connections,
            connections_refused,
            bytes,
            bytes_refused,
            ..
        } = state;
        let (waiting_bytes, log_bytes) = (log.waiting, log.bytes);
        let notices_lost = count(&self.notices_lost);
        let is_up = u8::from(log.failure.is_none());
        let (version, epoch, known) = (env!("CARGO_PKG_VERSION"), log.epoch, log.rooms);
        let (commits, entries, trimmed) = (log.commits, log.entries, log.trimmed);
        // Kind, name, value | help: as a table, so that a person sees all metrics at once.
        let table = format!(
            "gauge build_info{{version=\"{version}\"}} 1|Which program this is.
             gauge uptime_seconds {uptime}|Since the server began.
             gauge sessions {sessions}|Sessions that are here.
             gauge rooms {rooms}|Public rooms with somebody in them.
             gauge bans {bans}|Networks that are kept out.
             gauge connections {connections}|Connections that are open.
             counter connections_refused_total {connections_refused}|Connections without a place.
             gauge bytes_held {bytes}|Memory taken by requests and buffers.
             counter bytes_refused_total {bytes_refused}|Calls for which there was no memory.
             gauge polls_waiting {waiting}|Readers waiting for news.
             counter messages_accepted_total {accepted}|Messages acknowledged, repeats included.
             counter deliveries_total {delivered}|Entries given to readers, notices included.
             counter notices_lost_total {notices_lost}|Comings and goings that were not written.
             gauge log_info{{epoch=\"{epoch}\"}} 1|Which log this is.
             gauge log_up {is_up}|Whether the last write succeeded.
             counter log_commits_total {commits}|Batches on disk.
             gauge log_bytes {log_bytes}|Bytes that the log takes, in its file or in memory.
             gauge log_bytes_waiting {waiting_bytes}|Messages that wait to be written.
             gauge log_rooms {known}|Rooms the log knows.
             counter log_entries_total {entries}|Numbers given: the sum of the last of each room.
             counter log_trimmed_total {trimmed}|Entries no longer kept, in all rooms."
        );
        let shared =
            (log.shared.as_ref()).map_or_else(String::new, |log| shared(log, state.remote));
        let mut page = String::with_capacity(4096);
        // Results are ignored below, because writing to a string cannot fail.
        for (line, help) in table
            .lines()
            .chain(shared.lines())
            .filter_map(|line| line.split_once('|'))
        {
            let (kind, value) = line.trim_start().split_once(' ').unwrap_or_default();
            let name = value.split(['{', ' ']).next().unwrap_or_default();
            let _ = writeln!(page, "# HELP chat_{name} {help}");
            let _ = writeln!(page, "# TYPE chat_{name} {kind}");
            let _ = writeln!(page, "chat_{value}");
        }
        self.add_refusals(&mut page);
        page
    }

    fn add_refusals(&self, page: &mut String) {
        for (name, help, counters) in [
            ("messages_refused", "Messages refused.", &self.refused),
            (
                "calls_refused",
                "Calls refused, of every kind.",
                &self.calls_refused,
            ),
        ] {
            let _ = writeln!(page, "# HELP chat_{name}_total {help}");
            let _ = writeln!(page, "# TYPE chat_{name}_total counter");
            for (reason, counter) in REASONS.iter().zip(counters) {
                let value = counter.load(Relaxed);
                let _ = writeln!(page, "chat_{name}_total{{reason=\"{reason}\"}} {value}");
            }
        }
    }
}

/// Returns what there is only of a log that several servers share, as lines of the same table.
fn shared(log: &Shared, remote: usize) -> String {
    let Shared {
        void,
        retries,
        restarts,
        holes,
        played,
        end,
        is_connected,
    } = log;
    let connected = u8::from(*is_connected);
    format!(
        "counter log_void_total {void}|Messages that came second, and were written again.
         counter log_retries_total {retries}|Tries that NATS did not answer in time.
         counter follower_restarts_total {restarts}|How often the log was followed anew.
         counter log_holes_total {holes}|How often something was missing in the log.
         gauge log_played {played}|The place in NATS up to which the log is played.
         gauge log_end {end}|The place at which it ended a moment ago.
         gauge people_remote {remote}|Sessions that call another server over this log.
         gauge nats_connected {connected}|Whether there is a connection to NATS."
    )
}

/// A poll that waits. Counted by a guard, because a poll may be given up at any time.
pub(crate) struct Waits<'a>(&'a AtomicU64);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_what_was_counted() {
        let counts = Counts::default();
        counts.sent(2, &Ok(vec![1, 2]));
        counts.sent(3, &Err(Refusal::TooFast(200)));
        counts.sent(1, &Err(Refusal::NoSession));
        let (_first, second) = (counts.waits(), counts.waits());
        drop(second);
        let log = Status {
            epoch: u64::MAX,
            rooms: 1,
            entries: 7,
            trimmed: 3,
            commits: 5,
            bytes: 12,
            waiting: 11,
            failure: Some("disk full".into()),
            shared: Some(Shared {
                void: 21,
                played: 22,
                end: 23,
                is_connected: true,
                ..Shared::default()
            }),
        };
        counts.refused(&Refusal::Banned);
        let state = State {
            uptime: Duration::from_millis(1500),
            sessions: 4,
            rooms: 2,
            remote: 24,
            bans: 3,
            connections: 6,
            connections_refused: 7,
            bytes: 8,
            bytes_refused: 9,
        };
        let page = counts.text(&state, &log);
        for line in [
            "chat_uptime_seconds 1.5",
            "chat_sessions 4",
            "chat_rooms 2",
            "chat_bans 3",
            "chat_connections 6",
            "chat_connections_refused_total 7",
            "chat_bytes_held 8",
            "chat_bytes_refused_total 9",
            "chat_calls_refused_total{reason=\"kept_out\"} 1",
            "chat_polls_waiting 1",
            "chat_messages_accepted_total 2",
            "chat_messages_refused_total{reason=\"too_fast\"} 3",
            "chat_messages_refused_total{reason=\"not_here\"} 1",
            "chat_messages_refused_total{reason=\"full\"} 0",
            "chat_log_info{epoch=\"18446744073709551615\"} 1",
            "chat_log_up 0",
            "chat_log_commits_total 5",
            "chat_log_bytes 12",
            "chat_log_bytes_waiting 11",
            "chat_log_entries_total 7",
            "chat_log_trimmed_total 3",
            "chat_log_void_total 21",
            "chat_log_played 22",
            "chat_log_end 23",
            "chat_people_remote 24",
            "chat_nats_connected 1",
        ] {
            assert!(page.lines().any(|l| l == line), "{line} is not in:\n{page}");
        }
        assert!(page.ends_with('\n'));
    }
}

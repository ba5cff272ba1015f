//! What the stream of a log says of itself, for people and for other servers. PURE.

/// Returns what a stream says of itself: its history, and which log it is.
///
/// Not the time at which NATS says that it was made: nats-server 2.9.10 was seen to say another
/// one, 77 µs later, after its leader was killed. Then a reader is told that the log begins anew.
pub(super) fn write(history: u64, epoch: u64) -> String {
    format!("chat-server: the last {history} messages of each room, log {epoch}")
}

/// Returns the history and the epoch that a stream says, or `None` if it is no log of a chat.
pub(super) fn read(description: &str) -> Option<(u64, u64)> {
    let rest = description.strip_prefix("chat-server: the last ")?;
    let (history, epoch) = rest.split_once(" messages of each room, log ")?;
    Some((history.parse().ok()?, epoch.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_says_how_much_it_keeps_and_which_log_it_is() {
        let said = write(10_000, u64::MAX);
        assert_eq!(read(&said), Some((10_000, u64::MAX)));
        assert_eq!(read("orders"), None);
    }
}

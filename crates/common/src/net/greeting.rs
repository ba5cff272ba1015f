//! The first words on a connection: which service, which version, sealed or not.
//!
//! Both sides send one line of [`LEN`] bytes at once and read the line of the other side. The
//! caller names the service that it wants. The line is text, so that `nc HOST PORT` shows a person
//! what listens there. It has a fixed length, so that nothing behind it is read by mistake. Its
//! form never changes, so that any two versions understand at least why they cannot talk.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::{GREETING_LIMIT, Trouble, VERSION};

/// Length of a greeting in bytes, its newline included.
pub const LEN: usize = 40;

const PROTOCOL: &str = "distributed-lab";

/// The word of a server that has no place for the caller.
const FULL: &str = "full";

/// The word of a side that goes on in TLS, and only with holders of its key.
const KEY: &str = "key";

/// Returns the greeting of `service` without a seal, as it goes over the wire.
pub fn line(service: &str) -> [u8; LEN] {
    line_of(&format!("{PROTOCOL} {VERSION} {service}"))
}

/// Returns the greeting of `service` under the [seal](super::Seal) of a key.
pub fn keyed_line(service: &str) -> [u8; LEN] {
    line_of(&format!("{PROTOCOL} {VERSION} {service} {KEY}"))
}

fn line_of(words: &str) -> [u8; LEN] {
    let mut line = [b' '; LEN];
    let words = &words.as_bytes()[..words.len().min(LEN - 1)];
    line[..words.len()].copy_from_slice(words);
    line[LEN - 1] = b'\n';
    line
}

/// Checks what the other side said: it must be `service` in our version, and have a key if and only
/// if this side has one.
///
/// # Errors
/// [`Trouble::Stranger`], [`Trouble::Service`], [`Trouble::Version`], [`Trouble::Full`],
/// [`Trouble::Open`] or [`Trouble::Locked`]: the first that holds.
pub fn check(heard: &[u8], service: &str, has_key: bool) -> Result<(), Trouble> {
    let stranger = || Trouble::Stranger(String::from_utf8_lossy(heard).trim().to_owned());
    let text = std::str::from_utf8(heard).map_err(|_| stranger())?;
    let mut words = text.split_ascii_whitespace();
    let (Some(PROTOCOL), Some(version), Some(name)) = (words.next(), words.next(), words.next())
    else {
        return Err(stranger());
    };
    if name != service {
        return Err(Trouble::Service(name.to_owned()));
    }
    if version != VERSION.to_string() {
        return Err(Trouble::Version(version.to_owned()));
    }
    match (words.next(), words.next()) {
        (Some(FULL), None) => Err(Trouble::Full),
        (None, _) if has_key => Err(Trouble::Open),
        (Some(KEY), None) if !has_key => Err(Trouble::Locked),
        (None | Some(KEY), None) => Ok(()),
        _ => Err(stranger()),
    }
}

/// Tells a caller of `service` that there is no place for it, and hangs up.
///
/// It reads the caller's greeting first, for at most [`GREETING_LIMIT`], because a connection that
/// is closed with bytes unread loses what was written to it.
pub async fn refuse<IO>(io: &mut IO, service: &str)
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let words = line_of(&format!("{PROTOCOL} {VERSION} {service} {FULL}"));
    let talk = async {
        io.write_all(&words).await?;
        io.shutdown().await?;
        io.read_exact(&mut [0; LEN]).await
    };
    // A caller that is gone, or says nothing, needs no answer.
    let _ = timeout(GREETING_LIMIT, talk).await;
}

/// Exchanges greetings over `io`: both sides say `service`, and whether they have a key.
///
/// # Errors
/// [`Trouble`] when the other side is silent for [`GREETING_LIMIT`], hangs up, or does not pass the
/// [`check`].
pub async fn exchange<IO>(io: &mut IO, service: &str, has_key: bool) -> Result<(), Trouble>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let own = if has_key {
        keyed_line(service)
    } else {
        line(service)
    };
    let talk = async {
        // A failed write is not reported, because the read tells more: what the other side said
        // before it hung up.
        let _ = io.write_all(&own).await;
        let _ = io.flush().await;
        let mut heard = Vec::with_capacity(LEN);
        // Stops at the first byte that cannot be ours, because an HTTP server may answer and then
        // wait for a request.
        while heard.len() < LEN && own.starts_with(&heard[..heard.len().min(PREFIX)]) {
            let mut rest = vec![0; LEN - heard.len()];
            match io.read(&mut rest).await {
                Ok(0) | Err(_) => break,
                Ok(n) => heard.extend_from_slice(&rest[..n]),
            }
        }
        heard
    };
    match timeout(GREETING_LIMIT, talk).await {
        Err(_) => Err(Trouble::Silent),
        Ok(heard) if heard.is_empty() => Err(Trouble::HungUp),
        Ok(heard) => check(&heard, service, has_key),
    }
}

/// How many bytes are the same in the greeting of every service and version.
const PREFIX: usize = PROTOCOL.len() + 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mismatch_has_its_own_name() {
        let stranger = |words: &str| Err(Trouble::Stranger(words.into()));
        let service = || Err(Trouble::Service("secret-server".into()));
        let version = Err(Trouble::Version("7".into()));
        let full = line_of(&format!("{PROTOCOL} {VERSION} chat-server {FULL}"));
        let odd = |words: &str| format!("{PROTOCOL} {VERSION} chat-server {words}\n");
        let (tls, more) = (odd("tls"), odd("key key"));
        let (plain, keyed) = (line("chat-server"), keyed_line("chat-server"));
        let (open, locked) = (Err(Trouble::Open), Err(Trouble::Locked));
        // What was said, and how it is judged by a side without a key and by one with a key.
        type Verdict = Result<(), Trouble>;
        let table: [(&[u8], Verdict, Verdict); 11] = [
            (&plain, Ok(()), open),
            (&keyed, locked, Ok(())),
            (&full, Err(Trouble::Full), Err(Trouble::Full)),
            (&line("secret-server"), service(), service()),
            (&keyed_line("secret-server"), service(), service()),
            (
                b"distributed-lab 7 chat-server key\n",
                version.clone(),
                version,
            ),
            (b"distributed-lab 7 secret-server \n", service(), service()),
            (tls.as_bytes(), stranger(tls.trim()), stranger(tls.trim())),
            (
                more.as_bytes(),
                stranger(more.trim()),
                stranger(more.trim()),
            ),
            (
                b"HTTP/1.1 400 Bad Request\r\n",
                stranger("HTTP/1.1 400 Bad Request"),
                stranger("HTTP/1.1 400 Bad Request"),
            ),
            (
                b"\xff\xfe",
                stranger("\u{fffd}\u{fffd}"),
                stranger("\u{fffd}\u{fffd}"),
            ),
        ];
        for (heard, without, with) in table {
            assert_eq!(check(heard, "chat-server", false), without, "{heard:?}");
            assert_eq!(check(heard, "chat-server", true), with, "{heard:?}");
        }
        let longest = keyed_line("secret-server");
        assert!(longest.ends_with(b"key    \n"), "nothing is cut off");
    }

    #[tokio::test]
    async fn two_greet_each_other_and_read_nothing_more() {
        let (mut a, mut b) = tokio::io::duplex(LEN);
        let server = tokio::spawn(async move {
            exchange(&mut b, "buddy", false).await?;
            b.write_all(b"frame").await.map_err(|_| Trouble::HungUp)
        });
        exchange(&mut a, "buddy", false)
            .await
            .expect("same service");
        let mut next = [0; 5];
        a.read_exact(&mut next).await.expect("what comes behind");
        assert_eq!(&next, b"frame");
        server.await.expect("no panic").expect("greeted");
    }

    #[tokio::test]
    async fn a_caller_without_a_place_hears_so() {
        let (mut a, mut b) = tokio::io::duplex(LEN);
        let server = async { refuse(&mut b, "secret-server").await };
        let (heard, ()) = tokio::join!(exchange(&mut a, "secret-server", false), server);
        assert_eq!(heard, Err(Trouble::Full));
    }

    #[tokio::test]
    async fn a_refusal_leaves_nothing_unread_that_would_undo_it() {
        let (mut a, mut b) = tokio::io::duplex(LEN);
        a.write_all(&line("secret-server")).await.expect("room");
        refuse(&mut b, "secret-server").await;
        drop(a);
        let mut unread = Vec::new();
        b.read_to_end(&mut unread).await.expect("closed");
        assert_eq!(unread, b"");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_has_an_end() {
        let (mut a, _b) = tokio::io::duplex(LEN);
        assert_eq!(exchange(&mut a, "buddy", false).await, Err(Trouble::Silent));
    }

    #[tokio::test]
    async fn a_stranger_is_recognised_by_its_first_bytes() {
        let (mut a, mut b) = tokio::io::duplex(LEN);
        b.write_all(b"SSH-2.0\r\n").await.expect("room"); // and then it waits for us
        let verdict = exchange(&mut a, "buddy", false).await;
        assert_eq!(verdict, Err(Trouble::Stranger("SSH-2.0".into())));
    }
}

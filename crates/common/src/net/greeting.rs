//! The first words on a connection: which service, which version.
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

/// Returns the greeting of `service`, as it goes over the wire.
pub fn line(service: &str) -> [u8; LEN] {
    line_of(&format!("{PROTOCOL} {VERSION} {service}"))
}

fn line_of(words: &str) -> [u8; LEN] {
    let mut line = [b' '; LEN];
    let words = &words.as_bytes()[..words.len().min(LEN - 1)];
    line[..words.len()].copy_from_slice(words);
    line[LEN - 1] = b'\n';
    line
}

/// Checks what the other side said: it must be `service` in our version.
///
/// # Errors
/// [`Trouble::Service`], [`Trouble::Version`], [`Trouble::Stranger`] or [`Trouble::Full`].
pub fn check(heard: &[u8], service: &str) -> Result<(), Trouble> {
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
    match words.next() {
        Some(FULL) => Err(Trouble::Full),
        _ => Ok(()),
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

/// Exchanges greetings over `io`: both sides say `service`.
///
/// # Errors
/// [`Trouble`] when the other side is silent for [`GREETING_LIMIT`], hangs up, or is not
/// `service` of our version.
pub async fn exchange<IO>(io: &mut IO, service: &str) -> Result<(), Trouble>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let talk = async {
        // A failed write is not reported, because the read tells more: what the other side said
        // before it hung up.
        let _ = io.write_all(&line(service)).await;
        let _ = io.flush().await;
        let mut heard = Vec::with_capacity(LEN);
        // Stops at the first byte that cannot be ours, because an HTTP server may answer and then
        // wait for a request.
        while heard.len() < LEN && line(service).starts_with(&heard[..heard.len().min(PREFIX)]) {
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
        Ok(heard) => check(&heard, service),
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
        let table: [(&[u8], Result<(), Trouble>); 8] = [
            (&line("chat-server"), Ok(())),
            (&full, Err(Trouble::Full)),
            (&line("secret-server"), service()),
            (b"distributed-lab 7 chat-server \n", version),
            (b"distributed-lab 7 secret-server \n", service()),
            (
                b"HTTP/1.1 400 Bad Request\r\n",
                stranger("HTTP/1.1 400 Bad Request"),
            ),
            (b"distributed-lab\n", stranger("distributed-lab")),
            (b"\xff\xfe", stranger("\u{fffd}\u{fffd}")),
        ];
        for (heard, verdict) in table {
            assert_eq!(check(heard, "chat-server"), verdict, "{heard:?}");
        }
    }

    #[tokio::test]
    async fn two_greet_each_other_and_read_nothing_more() {
        let (mut a, mut b) = tokio::io::duplex(LEN);
        let server = tokio::spawn(async move {
            exchange(&mut b, "buddy").await?;
            b.write_all(b"frame").await.map_err(|_| Trouble::HungUp)
        });
        exchange(&mut a, "buddy").await.expect("same service");
        let mut next = [0; 5];
        a.read_exact(&mut next).await.expect("what comes behind");
        assert_eq!(&next, b"frame");
        server.await.expect("no panic").expect("greeted");
    }

    #[tokio::test]
    async fn a_caller_without_a_place_hears_so() {
        let (mut a, mut b) = tokio::io::duplex(LEN);
        let server = async { refuse(&mut b, "secret-server").await };
        let (heard, ()) = tokio::join!(exchange(&mut a, "secret-server"), server);
        assert_eq!(heard, Err(Trouble::Full));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_has_an_end() {
        let (mut a, _b) = tokio::io::duplex(LEN);
        assert_eq!(exchange(&mut a, "buddy").await, Err(Trouble::Silent));
    }

    #[tokio::test]
    async fn a_stranger_is_recognised_by_its_first_bytes() {
        let (mut a, mut b) = tokio::io::duplex(LEN);
        b.write_all(b"SSH-2.0\r\n").await.expect("room"); // and then it waits for us
        let verdict = exchange(&mut a, "buddy").await;
        assert_eq!(verdict, Err(Trouble::Stranger("SSH-2.0".into())));
    }
}

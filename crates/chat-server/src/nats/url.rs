//! What `--store nats://...` says. PURE.

use std::net::{IpAddr, SocketAddr};

/// Most replicas of a stream that NATS takes.
const MOST_REPLICAS: usize = 5;

/// Longest name of a log: it begins names of files of nats-server.
const LONGEST: usize = 32;

/// Where a log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    /// one for each nats-server
    pub(super) servers: Vec<String>,
    /// the stream
    pub(super) name: String,
    pub(super) replicas: usize,
    /// whether the way there is encrypted
    pub(super) is_sealed: bool,
}

impl Url {
    /// Returns what `text` says: `nats://HOST:PORT,HOST:PORT.../NAME?replicas=N`, or `tls://...`.
    ///
    /// # Errors
    /// A sentence for the person who wrote it.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or("expected nats://HOST:PORT")?;
        if !matches!(scheme, "nats" | "tls") {
            return Err(format!("expected nats:// or tls://, and not {scheme}://"));
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, name) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = match hosts.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), hosts),
        };
        // Otherwise all but the last one would be taken for a part of the user's name.
        if user.matches('@').count() > 1 && user.contains(',') {
            return Err("user and password come once, before the first HOST:PORT".into());
        }
        let hosts: Vec<&str> = hosts.split(',').collect();
        if hosts.iter().any(|host| host.is_empty()) {
            return Err("a nats-server has no name: expected HOST:PORT,HOST:PORT".into());
        }
        let name = if name.is_empty() { "chat" } else { name };
        let is_word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !is_word || name.len() > LONGEST {
            return Err(format!(
                "the name of a log has at most {LONGEST} letters, digits and -"
            ));
        }
        Ok(Self {
            replicas: replicas(query, hosts.len())?,
            servers: (hosts.iter())
                .map(|host| format!("{scheme}://{user}{host}"))
                .collect(),
            name: name.to_owned(),
            is_sealed: scheme == "tls",
        })
    }
}

impl Url {
    /// Returns the servers without what lets one in there.
    pub(super) fn shown(&self) -> String {
        let host = |server: &String| hosts(server).to_owned();
        self.servers.iter().map(host).collect::<Vec<_>>().join(",")
    }

    /// Returns whether it says what lets one in there.
    pub(super) fn has_login(&self) -> bool {
        self.servers.iter().any(|server| server.contains('@'))
    }

    /// Returns whether a server is called by a name, which has to be looked up.
    pub(super) fn has_names(&self) -> bool {
        let is_address = |server: &String| {
            let host = hosts(server);
            host.parse::<SocketAddr>().is_ok() || host.parse::<IpAddr>().is_ok()
        };
        !self.servers.iter().all(is_address)
    }

    /// Returns whether all of them are on this machine.
    pub(super) fn is_local(&self) -> bool {
        let is_local = |server: &String| {
            ["127.", "localhost", "[::1]"]
                .iter()
                .any(|local| hosts(server).starts_with(local))
        };
        self.servers.iter().all(is_local)
    }
}

/// Returns host and port of a server.
fn hosts(server: &str) -> &str {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    rest.rsplit_once('@').map_or(rest, |(_, host)| host)
}

/// Returns how many nats-servers keep each message: three of three or more, unless it is said.
fn replicas(query: &str, hosts: usize) -> Result<usize, String> {
    if query.is_empty() {
        return Ok(if hosts >= 3 { 3 } else { 1 });
    }
    let count = query.strip_prefix("replicas=").and_then(|n| n.parse().ok());
    count
        .filter(|count| (1..=MOST_REPLICAS).contains(count))
        .ok_or_else(|| format!("expected ?replicas=N, N from 1 to {MOST_REPLICAS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_name_and_replicas_have_a_place() {
        let url = Url::new("nats://a:4222,b:4223,c/lab-2").expect("a url");
        let servers = ["nats://a:4222", "nats://b:4223", "nats://c"];
        assert_eq!(
            (url.servers, url.replicas),
            (servers.map(Into::into).into(), 3)
        );
        assert_eq!(url.name, "lab-2");
        let url = Url::new("tls://ann:secret@a?replicas=5").expect("a url");
        assert_eq!((&*url.servers[0], url.replicas), ("tls://ann:secret@a", 5));
        assert_eq!((&*url.name, url.is_sealed), ("chat", true));
        assert_eq!((&*url.shown(), url.is_local()), ("a", false));
        assert!(url.has_login() && !Url::new("nats://a").expect("a url").has_login());
        let url = Url::new("nats://ann:x@127.0.0.1:1,localhost:2").expect("a url");
        assert_eq!(
            (&*url.shown(), url.is_local()),
            ("127.0.0.1:1,localhost:2", true)
        );
        let url = Url::new("nats://x:y@192.0.2.1:4222,[2001:db8::1]:4222,192.0.2.2");
        assert_eq!(url.map(|url| url.has_names()), Ok(false));
        let url = Url::new("nats://192.0.2.1:4222,localhost:4222");
        assert_eq!(url.map(|url| url.has_names()), Ok(true));
        assert_eq!(Url::new("nats://a,b").map(|url| url.replicas), Ok(1));
        for bad in [
            "nats:a",
            "http://a",
            "nats://",
            "nats://a,",
            "nats://a/b.c",
            "nats://a/x y",
            "nats://a?replicas=0",
            "nats://a?replicas=6",
            "nats://a?x=1",
            "nats://u:pw@a,u:pw@b",
            "nats://u:pw@a,nats://u:pw@b",
        ] {
            assert!(Url::new(bad).is_err(), "{bad}");
        }
    }
}

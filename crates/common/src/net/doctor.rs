//! The network doctor: what went wrong with a connection, in a sentence, and what to try. PURE.
//!
//! Refused, timed out and unreachable look alike to a beginner and have different cures. Which cure
//! is right depends on where both ends are. So the advice is a function of the trouble, the target
//! and our own address, and the table in the tests is its specification. It knows the two classic
//! mistakes on EC2: a public address used from inside, and a port that the security group keeps
//! shut.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

/// What happened, as far as one end can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The text is not `HOST:PORT`.
    Address,
    /// The name has no address, or no name server could be asked.
    Name(String),
    /// A machine answered that nothing listens on the port.
    Refused,
    /// No answer at all: a firewall drops the packets, or no machine has the address.
    NoAnswer,
    /// The local network has no such machine, or a firewall says so.
    NoSuchHost,
    /// This machine has no route there.
    NoRoute,
    /// This machine's own rules forbid it.
    Forbidden,
    /// Connected, and then not a byte of greeting.
    Silent,
    /// Connected, and closed without a greeting.
    HungUp,
    /// The right service, without a place for one more caller, or for one more from this address.
    Full,
    /// Another of our services; its name.
    Service(String),
    /// Our service in another protocol version.
    Version(String),
    /// Not one of our programs; the first words that it said.
    Stranger(String),
    /// Listening: another process has the port.
    PortTaken,
    /// Listening: the address does not belong to this machine.
    NotMine,
    /// Listening: ports below 1024 need privileges.
    Privileged,
    /// Anything rarer, in the system's words.
    Other(String),
}

/// A connection or listener that could not be made: the trouble and where it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What happened.
    pub trouble: Trouble,
    /// The service that was wanted or offered: also the name of its program.
    pub service: &'static str,
    /// The address as the person gave it.
    pub target: String,
    /// What the target resolved to, once known.
    pub addr: Option<SocketAddr>,
    /// The address that this machine has towards the target, if it has a route.
    pub own: Option<IpAddr>,
}

impl Trouble {
    /// Returns what a failed connect means.
    pub fn connecting(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::TimedOut => Self::NoAnswer,
            ErrorKind::HostUnreachable => Self::NoSuchHost,
            ErrorKind::NetworkUnreachable => Self::NoRoute,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => Self::HungUp,
            // Two kinds, because Linux reports a `blackhole` route as EINVAL and a `prohibit` route
            // as EACCES.
            ErrorKind::PermissionDenied | ErrorKind::InvalidInput => Self::Forbidden,
            _ => Self::Other(error.to_string()),
        }
    }

    /// Returns what a failed bind means.
    pub fn listening(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::AddrInUse => Self::PortTaken,
            ErrorKind::AddrNotAvailable => Self::NotMine,
            ErrorKind::PermissionDenied => Self::Privileged,
            _ => Self::Other(error.to_string()),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "that is not HOST:PORT",
            Self::Refused => "connection refused",
            Self::NoAnswer => "no answer",
            Self::NoSuchHost => "no such machine on this network",
            Self::NoRoute => "no route to that network",
            Self::Forbidden => "this machine's own rules forbid it",
            Self::Silent => "connected, but it says nothing",
            Self::HungUp => "connected, but it hangs up",
            Self::Full => "it is full",
            Self::PortTaken => "another process has this port",
            Self::NotMine => "this machine does not own that address",
            Self::Privileged => "ports below 1024 need privileges",
            // Escaped, because these words come from outside and no escape sequence may reach a
            // terminal.
            Self::Name(why) | Self::Other(why) => return write!(f, "{}", why.escape_debug()),
            Self::Service(name) => return write!(f, "it is a {}", name.escape_debug()),
            Self::Version(v) => return write!(f, "it speaks version {}", v.escape_debug()),
            Self::Stranger(words) => return write!(f, "it says \"{}\"", words.escape_debug()),
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (target, trouble, service) = (&self.target, &self.trouble, self.service);
        match trouble {
            Trouble::PortTaken | Trouble::NotMine | Trouble::Privileged => {
                write!(f, "cannot listen on {target}: {trouble}")
            }
            Trouble::Service(_) | Trouble::Full => write!(f, "{target} answers, but {trouble}"),
            Trouble::Stranger(_) => {
                write!(f, "{target} answers, but it is not a {service}: {trouble}")
            }
            Trouble::Version(_) => write!(
                f,
                "{target} is a {service}, but {trouble} of the protocol and this program {}",
                super::VERSION
            ),
            _ => match self.addr.filter(|addr| addr.to_string() != *target) {
                Some(addr) => write!(f, "cannot reach {target} ({addr}): {trouble}"),
                None => write!(f, "cannot reach {target}: {trouble}"),
            },
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// Returns whether it is useless to wait and try again: the wrong address, or the wrong
    /// program.
    pub fn is_permanent(&self) -> bool {
        matches!(
            self.trouble,
            Trouble::Address | Trouble::Service(_) | Trouble::Version(_) | Trouble::Stranger(_)
        )
    }

    /// Returns what a person can do about it: at most three lines.
    pub fn help(&self) -> Vec<String> {
        let (service, port) = (self.service, self.port());
        let lines: &[String] = match &self.trouble {
            Trouble::Address => &["give a name or an address, a colon and a port: \
                                   127.0.0.1:8030, [::1]:8030, example.org:8030"
                .into()],
            Trouble::Name(_) => {
                &["is the name typed right? try the numeric address instead".into()]
            }
            Trouble::Refused if self.addr.is_some_and(|addr| addr.ip().is_loopback()) => {
                &[format!(
                    "nothing listens on port {port} of this machine: start {service}, or give the \
                 address of the machine where it runs"
                )]
            }
            Trouble::Refused => &[
                format!(
                    "the machine answered, but nothing listens on port {port}: \
                     start {service} there"
                ),
                format!(
                    "or {service} listens on 127.0.0.1 only: start it with --listen 0.0.0.0:{port}"
                ),
            ],
            Trouble::NoAnswer => return self.silence(),
            Trouble::NoSuchHost => &["is the address right, and the machine switched on? \
                                      its firewall may also reject you"
                .into()],
            Trouble::NoRoute => &["is this machine online?".into()],
            Trouble::Forbidden if self.addr.is_some_and(|addr| is_link_local(addr.ip())) => &[
                "an address of one link needs the number of the interface, as `ip link` shows it: \
                 [fe80::1%2]:8030"
                    .into(),
            ],
            Trouble::Forbidden => &["a firewall or routing rule of this machine stops it: \
                                     look at `ip route get ADDRESS`"
                .into()],
            Trouble::Silent => &[
                format!("is that port a {service}'s? a frozen or overloaded one is silent too"),
                "a firewall that lets connections open but drops data looks the same".into(),
            ],
            Trouble::HungUp => &[format!(
                "is that port a {service}'s? one that is shutting down hangs up too"
            )],
            Trouble::Full => return self.full(),
            Trouble::Service(name) => &[format!(
                "two ports swapped? give the address of a {service}, not of a {}",
                name.escape_debug()
            )],
            Trouble::Version(_) => &["use programs of one release on all machines".into()],
            Trouble::Stranger(_) => &[format!(
                "give the port that {service} printed as `listening on`"
            )],
            Trouble::PortTaken | Trouble::NotMine | Trouble::Privileged => return self.listening(),
            Trouble::Other(_) => &[],
        };
        lines.to_vec()
    }

    /// Advice for a server without a place. A buddy has no flag for more, because a ring needs few.
    fn full(&self) -> Vec<String> {
        let mut lines = vec![
            "it has as many connections as it allows, in total or from your address: \
             try again later"
                .to_owned(),
        ];
        if self.service.ends_with("server") {
            let service = self.service;
            lines.push(format!(
                "behind one address with many others? start {service} with --per-address"
            ));
        }
        lines
    }

    /// Advice for a failed bind.
    fn listening(&self) -> Vec<String> {
        let (service, port) = (self.service, self.port());
        match self.trouble {
            Trouble::PortTaken => vec![
                format!(
                    "is {service} running already? `ss -ltnp | grep :{port}` shows who has the port"
                ),
                "or choose another port; 0 takes any free one".into(),
            ],
            Trouble::NotMine => vec![
                format!("listen on 0.0.0.0:{port}, that is on all addresses of this machine"),
                "on EC2 the public address belongs to AWS's gateway, not to the instance".into(),
            ],
            _ => vec!["choose a port of 1024 or above".into()],
        }
    }

    fn port(&self) -> u16 {
        self.addr.map_or(0, |addr| addr.port())
    }

    /// Advice for no answer. It has many causes; the two addresses tell which one is likely.
    fn silence(&self) -> Vec<String> {
        let Some(target) = self.addr.map(|addr| addr.ip()) else {
            return Vec::new();
        };
        let port = self.port();
        let aws = in_default_vpc(target)
            || self.own.is_some_and(in_default_vpc)
            || self.target.contains("amazonaws.com");
        let if_aws = |hint| if aws { hint } else { "" };
        let status = if_aws(": `scripts/ec2.sh status` shows it");
        let other_network = self.own.is_none_or(|own| !same_network(own, target));
        if is_private(target) && other_network {
            return vec![
                format!(
                    "{target} is a private address: it can be reached from its own network only"
                ),
                format!("from here use the server's public address{status}"),
            ];
        }
        let mut lines = Vec::new();
        if !is_private(target) && self.own.is_some_and(is_private) {
            lines.push(format!(
                "are both machines in the same cloud network? then use the server's private \
                 address: a rule that names a security group does not match public ones{status}"
            ));
        }
        lines.push(format!(
            "a firewall may drop it: let port {port} in at the server (EC2: security group{})",
            if_aws(", `scripts/ec2.sh up` opens it for your address")
        ));
        lines.push(
            "or the machine is stopped or has another address now: an EC2 public address \
             changes at every start"
                .into(),
        );
        lines
    }
}

/// Returns whether routers on the internet do not carry `ip` (RFC 1918, RFC 6598, RFC 4193).
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            ip.is_private() || ip.is_link_local() || ip.is_loopback() || shared
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback(),
    }
}

/// Returns whether `ip` is in fe80::/10, which means another network at each interface.
fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

/// Returns whether `ip` is in 172.31.0.0/16, the default network of every AWS account and of few
/// others.
fn in_default_vpc(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.octets()[..2] == [172, 31])
}

/// Returns whether two addresses probably reach each other directly: they share their /16, the size
/// of the default network of AWS. Two small networks may wrongly count as one. The opposite
/// mistake would be worse, because it would send neighbours over a public address.
fn same_network(a: IpAddr, b: IpAddr) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => a.octets()[..2] == b.octets()[..2],
        (IpAddr::V6(a), IpAddr::V6(b)) => a.segments()[..4] == b.segments()[..4],
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The advice for a target that gave no answer to a caller at `own`.
    fn unanswered(target: &str, own: &str) -> String {
        let addr: SocketAddr = target.parse().expect("an address");
        let error = Error {
            trouble: Trouble::NoAnswer,
            service: "chat-server",
            target: target.into(),
            addr: Some(addr),
            own: own.parse().ok(),
        };
        error.help().join("\n")
    }

    fn error(trouble: Trouble) -> Error {
        Error {
            trouble,
            service: "chat-server",
            target: "lab.example.org:8030".into(),
            addr: "54.1.2.3:8030".parse().ok(),
            own: "192.168.1.7".parse().ok(),
        }
    }

    #[test]
    fn no_answer_depends_on_where_both_ends_are() {
        let private = "from here use the server's public address";
        let inside = "use the server's private address";
        let firewall = "let port 8030 in at the server";
        let table = [
            // target, own address, the advice, and what it must not say
            ("172.31.0.4:8030", "192.168.1.7", private, firewall),
            ("172.31.0.4:8030", "203.0.113.9", private, firewall),
            ("172.31.0.4:8030", "", private, firewall),
            ("172.31.0.4:8030", "172.31.9.9", firewall, private),
            ("54.1.2.3:8030", "172.31.9.9", inside, private),
            ("54.1.2.3:8030", "203.0.113.9", firewall, inside),
            ("192.168.1.20:8030", "192.168.1.7", firewall, private),
            ("10.0.0.5:8030", "192.168.1.7", private, firewall),
            ("[fd00::1]:8030", "192.168.1.7", private, firewall),
        ];
        for (target, own, says, never) in table {
            let advice = unanswered(target, own);
            assert!(advice.contains(says), "{target} from {own}: {advice}");
            assert!(!advice.contains(never), "{target} from {own}: {advice}");
            assert!(advice.lines().count() <= 3, "{advice}");
        }
    }

    #[test]
    fn our_scripts_are_named_only_where_they_help() {
        assert!(unanswered("172.31.0.4:8030", "192.168.1.7").contains("ec2.sh status"));
        assert!(unanswered("54.1.2.3:8030", "172.31.9.9").contains("ec2.sh"));
        assert!(!unanswered("192.168.1.20:8030", "192.168.1.7").contains("ec2.sh"));
    }

    #[test]
    fn every_trouble_has_its_sentence_and_its_cure() {
        use Trouble::*;
        let table = [
            (
                Address,
                "cannot reach lab.example.org:8030",
                "a colon and a port",
            ),
            (Name("no such name".into()), "no such name", "typed right"),
            (
                Refused,
                "(54.1.2.3:8030): connection refused",
                "start chat-server there",
            ),
            (Refused, "connection refused", "127.0.0.1 only"),
            (NoSuchHost, "no such machine", "switched on"),
            (NoRoute, "no route", "online"),
            (Forbidden, "forbid", "ip route get"),
            (Silent, "says nothing", "frozen"),
            (HungUp, "hangs up", "shutting down"),
            (Full, "it is full", "--per-address"),
            (
                Service("secret-server".into()),
                "lab.example.org:8030 answers, but it is a secret-server",
                "swapped",
            ),
            (Version("1".into()), "speaks version 1", "one release"),
            (
                Stranger("HTTP/1.1 400".into()),
                "says \"HTTP/1.1 400\"",
                "listening on",
            ),
            (PortTaken, "cannot listen on lab", "running already"),
            (NotMine, "does not own", "0.0.0.0:8030"),
            (Privileged, "below 1024", "1024 or above"),
        ];
        for (trouble, says, cure) in table {
            let error = error(trouble);
            assert!(error.to_string().contains(says), "{error}");
            assert!(error.help().join("\n").contains(cure), "{:?}", error.help());
            assert!(error.help().len() <= 3);
        }
    }

    #[test]
    fn words_from_outside_are_harmless_on_a_terminal() {
        let error = error(Trouble::Stranger("\u{1b}]0;owned\u{7}".into()));
        assert!(!error.to_string().chars().any(char::is_control), "{error}");
    }

    #[test]
    fn the_system_speaks_in_error_kinds() {
        let table = [
            (ErrorKind::ConnectionRefused, Trouble::Refused),
            (ErrorKind::TimedOut, Trouble::NoAnswer),
            (ErrorKind::HostUnreachable, Trouble::NoSuchHost),
            (ErrorKind::NetworkUnreachable, Trouble::NoRoute),
            (ErrorKind::PermissionDenied, Trouble::Forbidden),
            (ErrorKind::ConnectionReset, Trouble::HungUp),
        ];
        for (kind, trouble) in table {
            assert_eq!(Trouble::connecting(&kind.into()), trouble);
        }
        assert_eq!(
            Trouble::listening(&ErrorKind::AddrInUse.into()),
            Trouble::PortTaken
        );
    }
}

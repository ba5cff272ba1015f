//! What a person can do about a connection that could not be made. PURE.
//!
//! Which cure is right depends on where both ends are, so the advice is a function of the trouble,
//! the target and our own address. It knows the two classic mistakes on EC2: a public address used
//! from inside, and a port that the security group keeps shut.

use std::net::IpAddr;

use super::{Error, Trouble};

impl Error {
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
            _ => return self.keys(),
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

    /// Advice for keys that do not fit, and for what can only happen to a sealed connection.
    fn keys(&self) -> Vec<String> {
        let service = self.service;
        let lines = match self.trouble {
            Trouble::Locked => [
                "ask who runs it for the key, save it in a file, and add --key FILE",
                "or once in each terminal: export LAB_KEY=labkey1...",
            ],
            Trouble::Open => [
                &*format!("start {service} with the same --key FILE"),
                "or, if that does not matter, go without: no --key, and unset LAB_KEY",
            ],
            Trouble::OtherKey(..) => [
                "give all machines the same key file",
                "if it prints the name of your key there, another machine answers at this address",
            ],
            Trouble::Unproven(_) => ["somebody poses as it: tell who runs it", ""],
            Trouble::NotLetIn => ["ask who runs it for the present guest key", ""],
            Trouble::Disguised => [
                &*format!("give the port that {service} printed as `listening on`"),
                "or somebody on the way leads you to another one",
            ],
            _ => [
                "does it work from another network, such as a phone's?",
                "some firewalls look into what passes, and cut what they cannot read",
            ],
        };
        let lines = lines.into_iter().filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
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
    use std::net::SocketAddr;

    use super::super::tests::error;
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
            (
                Locked,
                "lab.example.org:8030 answers, but it lets in holders of its key only",
                "export LAB_KEY=labkey1...",
            ),
            (
                Open,
                "answers, but it has no key, so anybody on the way could read along",
                "start chat-server with the same --key FILE",
            ),
            (
                OtherKey("dt54j3".into(), "wogu4m".into()),
                "answers, but it has the key dt54j3, and you have wogu4m",
                "the same key file",
            ),
            (
                Unproven("dt54j3".into()),
                "answers, but it shows the key dt54j3, and cannot prove that it has it",
                "somebody poses as it",
            ),
            (NotLetIn, "does not let your key in", "present guest key"),
            (Disguised, "not the service it says it is", "listening on"),
            (
                Garbled("cannot decrypt peer's message".into()),
                "answers, but somebody on the way garbles it: cannot decrypt peer's message",
                "a phone's",
            ),
            (
                CutOff,
                "answers, but the connection is cut",
                "cut what they cannot read",
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
    fn keys_are_mended_at_either_end_and_only_a_buddy_waits_for_that() {
        use Trouble::*;
        let name = || "dt54j3".to_owned();
        // Whether trying again is useless for one who only calls, and whether the other end may
        // mend it.
        let table = [
            (Refused, false, false),
            (Stranger(name()), true, false),
            (Locked, true, false),
            (Open, true, true),
            (OtherKey(name(), name()), true, true),
            (Unproven(name()), true, true),
            (NotLetIn, true, true),
            (Disguised, true, true),
            (Garbled(name()), true, true),
            (CutOff, false, true),
        ];
        for (trouble, is_permanent, is_mended_there) in table {
            let error = error(trouble);
            assert_eq!(error.is_permanent(), is_permanent, "{error}");
            assert_eq!(error.is_mended_there(), is_mended_there, "{error}");
        }
    }
}

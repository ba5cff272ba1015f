//! Whose requests are answered. PURE.
//!
//! A browser carries out what any web page tells it to. So a server on a laptop or in a local
//! network is open to every page that its owner visits, unless it looks at two headers. `Host` must
//! be an address or a known name. Otherwise a name was pointed at this server by a stranger, whose
//! page is then allowed to read the answers (DNS rebinding); an address cannot be rebound. `Origin`
//! must be the server itself, where there is one. Otherwise the page of another site is calling.

use std::net::IpAddr;

use hyper::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use hyper::{StatusCode, Uri};

/// A status, and a line that says what is wrong and what to do.
pub(super) type Refused = (StatusCode, String);

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Refuses a request that is for another server, or made by the page of another one.
pub(super) fn check(uri: &Uri, headers: &HeaderMap, names: &[String]) -> Result<(), Refused> {
    let authority = only(headers, HOST)?.unwrap_or_default();
    // A proxy writes the whole address into the first line (RFC 9112, 3.2.2).
    if uri
        .authority()
        .is_some_and(|asked| !asked.as_str().eq_ignore_ascii_case(authority))
    {
        let line = "the address and the Host header differ";
        return Err((StatusCode::BAD_REQUEST, line.to_owned()));
    }
    let name = host(authority);
    if !is_known(name, names) {
        // As much of it as a person needs, because it may be as long as a head.
        let name: String = name.chars().take(64).collect();
        let line = format!(
            "{name:?} is no name of this server: use its address, or start it with --http-name"
        );
        return Err((StatusCode::MISDIRECTED_REQUEST, line));
    }
    match only(headers, ORIGIN)? {
        Some(origin) if !is_ours(origin, authority, names) => Err((
            StatusCode::FORBIDDEN,
            "a page of another site may not call this server".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// Returns the address of the caller. On a connection from a proxy on this machine, that is the
/// last one which the proxy has written down, because all before it came from the caller. There is
/// a proxy only if the server has a name.
pub(super) fn caller(peer: IpAddr, headers: &HeaderMap, names: Option<&[String]>) -> IpAddr {
    let has_proxy = names.is_some_and(|names| !names.is_empty());
    if !has_proxy || !peer.to_canonical().is_loopback() {
        return peer;
    }
    let last = headers.get_all(FORWARDED_FOR).iter().next_back();
    let last = last.and_then(|value| value.to_str().ok()?.rsplit(',').next());
    last.and_then(|ip| ip.trim().parse().ok()).unwrap_or(peer)
}

/// Returns the value of a header that comes at most once.
fn only(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Refused> {
    let mut values = headers.get_all(&name).iter();
    let value = values.next();
    if values.next().is_some() {
        let line = format!("the header {name} came twice");
        return Err((StatusCode::BAD_REQUEST, line));
    }
    // What is not ASCII is no name of ours, and no origin of ours.
    Ok(value.map(|value| value.to_str().unwrap_or("?")))
}

/// Returns the host of `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`.
fn host(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn is_known(host: &str, names: &[String]) -> bool {
    let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let is_address = match bracketed {
        Some(ip) => ip.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()),
        None => host.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4()),
    };
    is_address || host.eq_ignore_ascii_case("localhost") || is_name(host, names)
}

fn is_name(host: &str, names: &[String]) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case(host))
}

/// Returns whether a page of `origin` came from this server. Behind a proxy it has the name under
/// which people know the server, also if the proxy writes another `Host`. A name with a port is
/// another origin, because other services may have the same name.
fn is_ours(origin: &str, authority: &str, names: &[String]) -> bool {
    let from = origin.strip_prefix("http://");
    let from = from.or_else(|| origin.strip_prefix("https://"));
    from.is_some_and(|from| from.eq_ignore_ascii_case(authority) || is_name(from, names))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().expect("a value"));
        }
        headers
    }

    /// The status of a request with these headers, to a server that is called chat.example.org.
    fn status(uri: &str, lines: &[(&'static str, &str)]) -> u16 {
        let names = ["chat.example.org".to_owned()];
        let uri = uri.parse().expect("an address");
        let checked = check(&uri, &headers(lines), &names);
        checked.map_or_else(|(status, _)| status.as_u16(), |()| 200)
    }

    #[test]
    fn a_host_is_an_address_or_a_known_name() {
        for (host, expected) in [
            ("127.0.0.1:8080", 200),
            ("127.0.0.1", 200),
            ("192.168.1.20:8080", 200),
            ("[::1]:8080", 200),
            ("[::1]", 200),
            ("localhost", 200),
            ("LOCALHOST:1", 200),
            ("chat.example.org", 200),
            ("Chat.Example.Org:443", 200),
            ("evil.example:8080", 421),
            ("localhost.evil.example", 421),
            ("127.0.0.1.evil.example", 421),
            ("evil@127.0.0.1", 421),
            ("::1", 421),
            ("[127.0.0.1]", 421),
            ("[::1", 421),
            ("2130706433", 421),
            ("0x7f000001", 421),
            ("", 421),
            ("chat.example.org.", 421),
        ] {
            assert_eq!(status("/", &[("host", host)]), expected, "{host}");
        }
        assert_eq!(status("/", &[]), 421, "none");
        let twice = [("host", "127.0.0.1"), ("host", "127.0.0.1")];
        assert_eq!(status("/", &twice), 400);
        let here = [("host", "127.0.0.1")];
        assert_eq!(status("http://127.0.0.1/rpc", &here), 200);
        assert_eq!(status("http://evil.example/rpc", &here), 400);
    }

    #[test]
    fn a_page_of_another_site_may_not_call() {
        for (host, origin, expected) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080", 200),
            ("[::1]:8080", "http://[::1]:8080", 200),
            ("LOCALHOST:8080", "http://localhost:8080", 200),
            ("127.0.0.1:8080", "http://127.0.0.1:8081", 403),
            ("127.0.0.1:8080", "http://127.0.0.1", 403),
            ("127.0.0.1:8080", "http://localhost:8080", 403),
            ("127.0.0.1:8080", "http://192.168.1.5:8080", 403),
            ("127.0.0.1:8080", "null", 403),
            ("127.0.0.1:8080", "", 403),
            ("127.0.0.1:8080", "file://", 403),
            ("127.0.0.1:8080", "http://evil.example", 403),
            ("chat.example.org", "https://chat.example.org", 200),
            ("127.0.0.1:8080", "https://chat.example.org", 200),
            ("127.0.0.1:8080", "https://chat.example.org:444", 403),
            ("127.0.0.1:8080", "ftp://127.0.0.1:8080", 403),
        ] {
            let lines = [("host", host), ("origin", origin)];
            assert_eq!(status("/rpc", &lines), expected, "{host} {origin}");
        }
        let own = "http://127.0.0.1";
        let twice = [("host", "127.0.0.1"), ("origin", own), ("origin", own)];
        assert_eq!(status("/rpc", &twice), 400);
    }

    #[test]
    fn only_a_proxy_on_this_machine_says_who_calls() {
        let names = ["chat.example.org".to_owned()];
        let from = |peer: &str, lines: &[(&'static str, &str)], names| {
            caller(peer.parse().expect("an address"), &headers(lines), names).to_string()
        };
        let written = [("x-forwarded-for", "9.9.9.9, 10.0.0.7")];
        assert_eq!(from("127.0.0.1", &written, Some(&names)), "10.0.0.7");
        let twice = [written[0], ("x-forwarded-for", "10.0.0.8")];
        assert_eq!(from("::1", &twice, Some(&names)), "10.0.0.8");
        assert_eq!(from("10.0.0.1", &written, Some(&names)), "10.0.0.1");
        assert_eq!(from("127.0.0.1", &written, Some(&[])), "127.0.0.1");
        assert_eq!(from("127.0.0.1", &written, None), "127.0.0.1");
        let odd = [("x-forwarded-for", "10.0.0.7, unknown")];
        assert_eq!(from("127.0.0.1", &odd, Some(&names)), "127.0.0.1");
    }
}

//! Servers that are given by name.

use super::*;

/// A script with the servers at these targets.
fn targets(targets: &[&str]) -> Script {
    let mut dispatcher = Dispatcher::new(Fixed::default(), false, MS);
    targets.iter().for_each(|target| dispatcher.add(target));
    Script(dispatcher, Duration::ZERO)
}

#[test]
fn a_name_is_looked_up_and_each_of_its_addresses_is_a_server() {
    let mut s = targets(&["lab:1", "1.2.3.4:5"]);
    assert_eq!(s.begin(), "look up lab:1, connect to 1.2.3.4:5");
    let name = Trouble::Name("unknown".into());
    let unknown = s.when(|d| d.looked_up("lab:1", Err(error(name.clone()))));
    let said = r#"say "cannot reach a: unknown", look up lab:1 in 1s"#;
    assert_eq!(unknown, said);
    let again = s.when(|d| d.looked_up("lab:1", Err(error(name))));
    assert_eq!(again, "look up lab:1 in 1s", "told once");
    let addresses = ["1.2.3.4:5", "1.2.3.5:1"].map(|a| a.parse().expect("an address"));
    let found = s.when(|d| d.looked_up("lab:1", Ok(addresses.into())));
    let joined = "connect to 1.2.3.5:1, look up lab:1 in 10s";
    assert_eq!(found, joined, "one was known");
}

#[test]
fn a_server_by_name_counts_as_untried_until_its_first_look_up_is_over() {
    let mut s = targets(&["1.2.3.4:5", "lab:1"]);
    s.begin();
    let chat = Trouble::Service("chat-server".into());
    let wrong = s.when(|d| d.down(0, unreached(chat), 1.0));
    let said = r#"abandon 1.2.3.4:5, say "a answers, but it is a chat-server""#;
    assert_eq!(wrong, said);
    assert_eq!(s.check(9), Ok(None), "the name may lead to a good one");
    let unknown = error(Trouble::Name("unknown".into()));
    let told = s.when(|d| d.looked_up("lab:1", Err(unknown)));
    let said = r#"say "cannot reach a: unknown", look up lab:1 in 1s"#;
    assert_eq!(told, said);
    let patience = Duration::from_secs(9) + MS;
    assert_eq!(
        s.check(9),
        Ok(Some(patience)),
        "it may have an address later"
    );
    let address = "1.2.3.5:1".parse().expect("an address");
    s.when(|d| d.looked_up("lab:1", Ok(vec![address])));
    assert_eq!(s.check(20), Ok(None), "it is being tried");
    let chat = Trouble::Service("chat-server".into());
    let wrong = s.when(|d| d.down(1, unreached(chat), 1.0));
    assert_eq!(wrong, "abandon 1.2.3.5:1");
    assert_eq!(s.end(), "a answers, but it is a chat-server");
}

#[test]
fn a_refused_address_without_patience_waits_for_a_name() {
    let mut s = targets(&["1.2.3.4:5", "lab:1"]);
    s.0.give_up_after = Duration::ZERO;
    s.when(|d| d.down(0, unreached(Trouble::Refused), 1.0));
    assert_eq!(s.check(4), Ok(None));
    let address = "1.2.3.5:1".parse().expect("an address");
    s.when(|d| d.looked_up("lab:1", Ok(vec![address])));
    assert_eq!(s.check(5), Ok(None), "it is being tried");
    s.when(|d| d.down(1, unreached(Trouble::Refused), 1.0));
    assert_eq!(s.end(), "cannot reach a: connection refused");
}

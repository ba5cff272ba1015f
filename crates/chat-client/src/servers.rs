//! The servers of one chat: which one is called first, and which one next. PURE.
//!
//! ```text
//!   the list ──(dice)──▶ B A C      B is lost or of no use:  A C B
//!                        ▲ called first                          ▲ called last
//! ```
//!
//! Each attempt calls all of them, in this order and each [a moment](common::net::race) after the
//! one before it, and stays with the first that answers. So a server that is down gets another
//! chance with each attempt, and takes no time from the others. Only an attempt that no server
//! answers leads to a wait that grows.
//!
//! The first of the random order is this client's home. It returns there after a loss, because the
//! homes of all clients are spread over all servers: without that, a server that was down would
//! stay empty, and the others would have its people for ever.

/// Most servers of a list: far more than a cluster has, and few enough to call them all at once.
pub const MAX_SERVERS: usize = 16;

/// Where a connection leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The server, as it is in the list.
    pub(crate) server: String,
    /// The address that answered, if the server's text is a name.
    pub(crate) addr: Option<String>,
    /// Whether its name has other addresses, which may answer when this one does not.
    pub(crate) has_others: bool,
}

/// The servers, in the order in which they are called.
pub(crate) struct Servers {
    /// never empty
    order: Vec<String>,
    /// the first of all
    home: String,
    /// where the last connection led
    place: Option<Place>,
    /// how many were given up in a row, though they answered
    given_up: usize,
}

impl Servers {
    /// Returns the servers of `list` in a random order, because so all clients together use all
    /// servers alike. The list has at least one and at most [`MAX_SERVERS`]. `dice` is a random
    /// number.
    pub(crate) fn new(list: &[String], mut dice: u64) -> Self {
        let mut order = list.to_vec();
        // Fisher and Yates. 64 bits are enough, because 16 servers have fewer than 2^45 orders.
        for last in (1..order.len()).rev() {
            let choices = last as u64 + 1;
            order.swap(last, (dice % choices) as usize);
            dice /= choices;
        }
        Self {
            home: order.first().cloned().unwrap_or_default(),
            order,
            place: None,
            given_up: 0,
        }
    }

    /// Returns the order in which they are called.
    pub(crate) fn order(&self) -> Vec<String> {
        self.order.clone()
    }

    /// Returns whether another server, or another address of the only one, may answer.
    pub(crate) fn has_others(&self) -> bool {
        self.order.len() > 1 || self.place.as_ref().is_some_and(|place| place.has_others)
    }

    /// Returns the name of the server in use, with the address that answered if that is another
    /// text.
    pub(crate) fn name(&self) -> String {
        match &self.place {
            Some(Place {
                server,
                addr: Some(addr),
                ..
            }) => format!("{server} ({addr})"),
            Some(place) => place.server.clone(),
            None => self.order.first().cloned().unwrap_or_default(),
        }
    }

    /// The connection leads to this place. It is called first from now on.
    pub(crate) fn reached(&mut self, place: Place) {
        if let Some(at) = self.order.iter().position(|server| *server == place.server) {
            self.order[..=at].rotate_right(1);
        }
        self.place = Some(place);
    }

    /// The server in use is lost: it is called last from now on.
    pub(crate) fn lost(&mut self) {
        self.order.rotate_left(1);
    }

    /// The server in use answers, and does not let us in for a reason of its own: it is called last
    /// from now on. Returns whether there is one that has not been tried since the last success.
    pub(crate) fn give_up(&mut self) -> bool {
        self.lost();
        self.given_up += 1;
        let has_more = self.given_up < self.order.len();
        if !has_more {
            self.given_up = 0;
        }
        has_more
    }

    /// Returns whether the server in use is not the home, which may be there again.
    pub(crate) fn is_away(&self) -> bool {
        let is_other = |place: &Place| place.server != self.home;
        self.place.as_ref().is_some_and(is_other)
    }

    /// The home is called first from now on, and the server in use after it.
    pub(crate) fn aim_home(&mut self) {
        if let Some(at) = self.order.iter().position(|server| *server == self.home) {
            self.order[..=at].rotate_right(1);
        }
    }

    /// The server in use has let us in.
    pub(crate) fn is_of_use(&mut self) {
        self.given_up = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::fmt::Write;

    fn servers(list: &str, dice: u64) -> Servers {
        let list: Vec<_> = list.split(' ').map(str::to_owned).collect();
        Servers::new(&list, dice)
    }

    /// Plays one event a line, and compares the order after each.
    fn play(list: &str, script: &str) {
        let mut servers = servers(list, 0);
        servers.order = list.split(' ').map(str::to_owned).collect();
        servers.home.clone_from(&servers.order[0]);
        for line in script
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            let (event, expected) = line.split_once("-> ").expect("an arrow");
            let event = event.trim();
            let (word, server) = event.split_once(' ').unwrap_or((event, ""));
            let mut heard = String::new();
            match word {
                "reached" => servers.reached(Place {
                    server: server.into(),
                    addr: None,
                    has_others: false,
                }),
                "lost" => servers.lost(),
                "of-use" => servers.is_of_use(),
                "home" => servers.aim_home(),
                _ if servers.give_up() => heard = ", another".into(),
                _ => heard = ", all were tried".into(),
            }
            let mut played = servers.order().join(" ");
            write!(played, "{heard}").expect("memory");
            assert_eq!(played, expected, "{line}");
        }
    }

    #[test]
    fn the_one_in_use_is_called_first_and_the_one_that_was_lost_is_called_last() {
        play(
            "a b c",
            "
            reached a     -> a b c
            lost          -> b c a
            reached c     -> c b a
            lost          -> b a c
            reached b     -> b a c
            lost          -> a c b
            reached c     -> c a b
            home          -> a c b
            ",
        );
    }

    #[test]
    fn after_each_server_was_down_once_all_have_their_clients_again() {
        let mut clients: Vec<_> = (0..60).map(|dice| servers("a b c", dice)).collect();
        let reaches = |client: &mut Servers, down: &str| {
            let order = client.order();
            let server = order.iter().find(|server| *server != down).expect("two");
            let (server, addr, has_others) = (server.clone(), None, false);
            client.reached(Place {
                server,
                addr,
                has_others,
            });
        };
        let count = |clients: &[Servers]| {
            ["a", "b", "c"].map(|server| {
                let is_on = |client: &&Servers| client.name() == server;
                clients.iter().filter(is_on).count()
            })
        };
        clients.iter_mut().for_each(|client| reaches(client, ""));
        assert_eq!(count(&clients), [20, 20, 20]);
        for down in ["a", "b", "c"] {
            for client in clients.iter_mut().filter(|client| client.name() == down) {
                client.lost();
                reaches(client, down);
            }
        }
        assert_eq!(count(&clients)[2], 0, "it was down last");
        for client in clients.iter_mut().filter(|client| client.is_away()) {
            client.aim_home();
            reaches(client, "");
        }
        assert_eq!(count(&clients), [20, 20, 20]);
        assert!(clients.iter().all(|client| !client.is_away()));
    }

    #[test]
    fn each_that_does_not_let_us_in_leads_to_another_until_all_were_tried() {
        play(
            "a b c",
            "
            reached a     -> a b c
            give-up       -> b c a, another
            reached b     -> b c a
            give-up       -> c a b, another
            reached c     -> c a b
            give-up       -> a b c, all were tried
            give-up       -> b c a, another
            of-use        -> b c a
            give-up       -> c a b, another
            ",
        );
        play("a", "give-up -> a, all were tried");
    }

    #[test]
    fn the_dice_choose_each_order_alike() {
        let mut orders = BTreeMap::new();
        for dice in 0..600 {
            *orders.entry(servers("a b c", dice).order()).or_insert(0) += 1;
        }
        assert_eq!(orders.into_values().collect::<Vec<_>>(), [100; 6]);
        let many: Vec<_> = (0..MAX_SERVERS).map(|n| n.to_string()).collect();
        let mut order = servers(&many.join(" "), u64::MAX).order();
        order.sort_by_key(|server| server.parse::<usize>().ok());
        assert_eq!(order, many, "none is lost or doubled");
    }

    #[test]
    fn a_name_is_told_with_the_address_that_answered() {
        let mut servers = servers("chat.example.org:1", 0);
        assert!(!servers.has_others());
        assert_eq!(servers.name(), "chat.example.org:1");
        servers.reached(Place {
            server: "chat.example.org:1".into(),
            addr: Some("10.0.0.2:1".into()),
            has_others: true,
        });
        assert!(servers.has_others());
        assert_eq!(servers.name(), "chat.example.org:1 (10.0.0.2:1)");
    }
}

//! Journals as a chat-server and its clients would write them.

use std::fmt::Write;

use crate::life::Life;

/// A server and its clients.
pub(crate) struct Chat {
    /// The text of each journal.
    pub(crate) journals: Vec<String>,
    nicks: Vec<&'static str>,
    /// the life of the server
    server: usize,
    now: u64,
    /// the last number
    last: u64,
    /// the clients that are connected, by their lives
    online: Vec<usize>,
}

impl Chat {
    /// The clients are in the lobby, which is empty.
    pub(crate) fn new(nicks: &[&'static str]) -> Self {
        let mut chat = Self {
            journals: Vec::new(),
            nicks: nicks.to_vec(),
            server: 0,
            now: 0,
            last: 0,
            online: Vec::new(),
        };
        chat.begin("chat-server");
        for client in 1..=nicks.len() {
            chat.begin("chat-client");
            chat.now += 40_000;
            chat.online(client);
        }
        chat
    }

    /// Returns the lives of which journals are left.
    pub(crate) fn lives(&self) -> Vec<Life> {
        super::lives(&self.journals, |number| {
            format!("journals/chat-{number}.jsonl")
        })
    }

    fn begin(&mut self, program: &str) -> usize {
        let life = self.journals.len();
        self.journals.push(String::new());
        let begin = format!(
            "\"w\":{},\"e\":\"begin\",\"v\":1,\"program\":\"{program}\",\"life\":\"{life}\",\
             \"host\":\"lab\",\"machine\":\"m\",\"pid\":{}",
            1_700_000_000_000_000 + self.now,
            200 + life
        );
        self.note(life, &begin);
        life
    }

    fn note(&mut self, life: usize, event: &str) {
        self.now += 170;
        writeln!(self.journals[life], r#"{{"t":{},{event}}}"#, self.now).expect("a text");
    }

    fn online(&mut self, client: usize) {
        let (nick, last) = (self.nicks[client - 1], self.last);
        let rooms = format!(r#"[["lobby",{last},"e"]]"#);
        let event = format!(r#""e":"online","nick":"{nick}","sender":"a{client}","rooms":{rooms}"#);
        self.note(client, &event);
        self.online.push(client);
    }

    fn store(&mut self, client: usize, number: u64) {
        let event = format!(
            "\"e\":\"stored\",\"room\":\"lobby\",\"id\":\"post:a{client}:{number}\",\
             \"numbers\":[{number}],\"texts\":[[5,{number}]],\"epoch\":\"e\""
        );
        self.note(self.server, &event);
    }

    fn show(&mut self, client: usize, number: u64) {
        let event = format!(
            "\"e\":\"shown\",\"room\":\"lobby\",\"epoch\":\"e\",\"number\":{number},\
             \"sender\":\"a1\",\"text\":[5,{number}]"
        );
        self.note(client, &event);
    }

    /// A client says something, and all that are connected are shown it.
    pub(crate) fn say(&mut self, client: usize) {
        self.last += 1;
        let number = self.last;
        self.now += 90_000;
        let post = format!(r#""e":"post","room":"lobby","id":"post:a{client}:{number}","count":1"#);
        self.note(client, &post);
        self.store(client, number);
        let acked = format!(r#""e":"acked","id":"post:a{client}:{number}","numbers":[{number}]"#);
        self.note(client, &acked);
        for reader in self.online.clone() {
            if reader != client {
                self.show(reader, number);
            }
        }
    }

    /// The server is killed; all notice it, and come back when it is started again.
    pub(crate) fn restart(&mut self) {
        for client in std::mem::take(&mut self.online) {
            self.now += 30_000;
            self.note(client, r#""e":"offline","why":"connection closed""#);
        }
        self.now += 600_000;
        self.server = self.begin("chat-server");
        for client in 1..=self.nicks.len() {
            self.now += 20_000;
            self.online(client);
        }
    }

    /// A client loses the server, and comes back after the others have said something.
    pub(crate) fn miss(&mut self, client: usize, messages: u64) {
        self.online.retain(|it| *it != client);
        self.note(client, r#""e":"offline","why":"no answer""#);
        let first = self.last + 1;
        (0..messages).for_each(|_| self.say(self.online[0]));
        self.now += 400_000;
        let rooms = format!(r#"[["lobby",{},"e"]]"#, first - 1);
        let nick = self.nicks[client - 1];
        let event = format!(r#""e":"online","nick":"{nick}","sender":"a{client}","rooms":{rooms}"#);
        self.note(client, &event);
        (first..=self.last).for_each(|number| self.show(client, number));
        self.online.push(client);
    }

    /// What was stored last, by this client, comes again.
    pub(crate) fn again(&mut self, client: usize) {
        let number = self.last;
        let post = format!(r#""e":"post","room":"lobby","id":"post:a{client}:{number}","count":1"#);
        self.note(client, &post);
        self.store(client, number);
    }

    /// A client is killed.
    pub(crate) fn kill(&mut self, client: usize) {
        self.online.retain(|it| *it != client);
    }

    /// All that are left leave, and the server is stopped.
    pub(crate) fn end(&mut self) {
        for client in self.online.clone() {
            self.note(client, r#""e":"end","why":"left""#);
        }
        self.note(self.server, r#""e":"end","why":"stopped""#);
    }
}

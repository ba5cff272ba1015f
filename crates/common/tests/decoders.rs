//! No frame makes a decoder panic, or hold much more than the frame.

#[path = "support/decoders.rs"]
mod decoders;
#[path = "support/seeds.rs"]
mod seeds;

use common::buddy::{
    BuddyRequest, BuddyResponse, MAX_BUDDIES, Mark, Progress, Reply, Roll, Song, Stamp, Tally,
    Token,
};
use common::chat::{
    Admin, Ban, ChatRequest, ChatResponse, Cursor, Entered, Entry, Kind, Listed, MAX_CURSORS,
    MAX_ENTRIES, MAX_LISTED, MAX_POSTS, Owner, Page, Post, Present, Refusal, RoomInfo, Session,
};
use common::net::MAX_FRAME;
use common::secret::{Reversed, SecretRequest, SecretResponse, Tier};
use decoders::decoders;
use serde::Serialize;
use tarpc::{ClientMessage, Request, Response, ServerError, context};

/// More items than any list has, which still fit a frame.
const TOO_MANY: usize = 12_000;

/// The inputs of these messages: bare, and as a caller or a server sends them.
fn requests<T: Serialize>(kind: u8, messages: Vec<T>) -> Vec<Vec<u8>> {
    let both = messages.into_iter().flat_map(|message| {
        let bare = input(kind + 6, &message);
        let (context, id) = (context::current(), 7);
        let request = Request {
            context,
            id,
            message,
        };
        [bare, input(kind, &ClientMessage::Request(request))]
    });
    both.collect()
}

fn responses<T: Serialize>(kind: u8, messages: Vec<T>) -> Vec<Vec<u8>> {
    let both = messages.into_iter().flat_map(|message| {
        let bare = input(kind + 6, &message);
        let response = Response {
            request_id: 7,
            message: Ok(message),
        };
        [bare, input(kind, &response)]
    });
    let error = ServerError::new(std::io::ErrorKind::Other, "no".into());
    let failed = Response::<T> {
        request_id: 7,
        message: Err(error),
    };
    both.chain([input(kind, &failed)]).collect()
}

fn input(kind: u8, message: &impl Serialize) -> Vec<u8> {
    let message = postcard::to_stdvec(message).expect("it can be encoded");
    [vec![kind], message].concat()
}

fn text(text: &str) -> String {
    text.into()
}

fn cursor(room: &str) -> Cursor {
    let (room, after, epoch) = (room.into(), 0, 0);
    Cursor { room, after, epoch }
}

fn entry(sender: u128, body: &str) -> Entry {
    Entry {
        number: 0,
        sender,
        kind: Kind::Said,
        nick: "".into(),
        body: body.into(),
        at_ms: 0,
    }
}

fn page(entries: Vec<Entry>) -> Page {
    Page {
        room: text(""),
        entries,
        first: 0,
        head: 0,
        epoch: 0,
        damaged: 0,
    }
}

fn chat_requests(many: bool) -> Vec<ChatRequest> {
    let (session, room) = (1, text("lobby"));
    let count = |most| if many { most } else { 1 };
    let post = Post {
        id: 1,
        kind: Kind::Did,
        body: "".into(),
    };
    let order = Admin::Ban {
        whom: text("eve"),
        minutes: 1,
        why: text("loud"),
    };
    let owner = Owner {
        public: [1; 32],
        r: [2; 32],
        s: [3; 32],
    };
    vec![
        ChatRequest::Enter {
            session: Session(session),
            nick: text(""),
            owner: Some(owner),
        },
        ChatRequest::Register {
            session: Session(session),
            owner,
        },
        ChatRequest::Send {
            session: Session(session),
            room: room.clone(),
            posts: vec![post; count(MAX_POSTS)].into(),
        },
        ChatRequest::Poll {
            session: Session(session),
            cursors: vec![cursor(""); count(MAX_CURSORS)].into(),
            wait_ms: 1,
        },
        ChatRequest::Search {
            session: Session(session),
            room,
            text: "x".repeat(count(MAX_FRAME)),
            limit: 1,
        },
        ChatRequest::Admin {
            session: Session(session),
            token: text("t"),
            command: order,
        },
    ]
}

fn chat_responses(many: bool) -> Vec<ChatResponse> {
    let count = |most| if many { most } else { 1 };
    let pages = |most| vec![page(vec![entry(1, ""); count(most)]); count(MAX_CURSORS)];
    let (room, people, head) = (text(""), 0, 0);
    let info = RoomInfo { room, people, head };
    let ban = Ban {
        network: text(""),
        nick: text(""),
        why: text(""),
        until_ms: 0,
    };
    let ann = Present {
        nick: text(""),
        is_registered: true,
    };
    let names = Listed {
        part: vec![ann; count(TOO_MANY)],
        more: 0,
    };
    vec![
        ChatResponse::Enter(Ok(Entered {
            nick: text("ann"),
            sender: 1,
        })),
        ChatResponse::Enter(Err(Refusal::Unfit(text("no")))),
        ChatResponse::Poll(Ok(pages(0).into())),
        ChatResponse::Poll(Ok(pages(MAX_ENTRIES / 10).into())),
        ChatResponse::History(Ok(page(vec![entry(1, ""); count(TOO_MANY)]))),
        ChatResponse::Send(Ok(vec![1; count(MAX_POSTS)].into())),
        ChatResponse::Who(Ok(names)),
        ChatResponse::Rooms(Ok(Listed::first(vec![info; count(MAX_LISTED)].into_iter()))),
        ChatResponse::Admin(Ok(Listed::first(vec![ban; count(MAX_LISTED)].into_iter()))),
    ]
}

fn secret(many: bool) -> (Vec<SecretRequest>, Vec<SecretResponse>) {
    let text = if many {
        "x".repeat(MAX_FRAME)
    } else {
        text("x")
    };
    let (waited, worked) = Default::default();
    let key = Some(text.clone());
    let tier = Tier::Premium { key };
    let request = SecretRequest::ReverseWords {
        tier,
        text: text.clone(),
    };
    let reversed = Reversed {
        text,
        waited,
        worked,
    };
    (
        vec![request, SecretRequest::Offer {}],
        vec![SecretResponse::ReverseWords(Ok(reversed))],
    )
}

fn buddy(roll: usize) -> (Vec<BuddyRequest>, Vec<BuddyResponse>) {
    let song = Song {
        id: 1,
        bottles: 3,
        tempo_ms: 0,
        round_trip_ms: 0,
    };
    let progress = Progress {
        at: Stamp::default(),
        mark: Mark::Left(3),
    };
    let roll = Roll(vec!["a:1".into(); roll]);
    let requests = vec![
        BuddyRequest::RollCall {
            song,
            attempt: 1,
            roll: roll.clone(),
        },
        BuddyRequest::Enlist {
            song,
            roll,
            to: 0,
            progress,
        },
        BuddyRequest::Pass {
            song: 1,
            to: 1,
            token: Token::Go,
            progress,
            tally: Tally::default(),
        },
    ];
    let response = BuddyResponse::Pass(Reply::Here(Mark::Left(1)));
    (requests, vec![response])
}

fn examples(many: bool, roll: usize) -> Vec<Vec<u8>> {
    let (of_secret, by_secret) = secret(many);
    let (of_buddy, by_buddy) = buddy(roll);
    [
        requests(0, chat_requests(many)),
        requests(1, of_secret),
        requests(2, of_buddy),
        responses(3, chat_responses(many)),
        responses(4, by_secret),
        responses(5, by_buddy),
    ]
    .concat()
}

/// One test, because it counts the memory of the whole process.
#[test]
fn no_frame_makes_its_reader_panic_or_hold_much_more() {
    // First the most items and the smallest, because they grow most.
    for roll in [MAX_BUDDIES, MAX_BUDDIES / 2 + 1] {
        examples(true, roll)
            .iter()
            .for_each(|input| decoders(input));
    }
    // An answer whose nanoseconds are more than a second: read as the time that they mean.
    decoders(&[10, 2, 0, 0, 127, 0xff, 0xf7, 0xff, 0xff, 6, 2, 0]);
    // A request whose own spelling, without what is around it in a frame, looks like another frame.
    let looks = [
        0, 0xc2, 0xc2, 0x80, 0xc2, 0x80, 0x80, 0xc2, 0x80, 0x80, 0x80, 0, 0,
    ];
    decoders(&[[126].as_slice(), &looks].concat());
    seeds::play(50_000, &examples(false, 2), decoders);
}

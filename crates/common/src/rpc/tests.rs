//! The examples of the specification, and what it leaves open.

use std::future::ready;

use futures::FutureExt;
use serde_json::Value;
use tarpc::context::{self, Context};
use tarpc::server::Serve as _;

use super::*;
use crate::chat::{ChatRequest, ChatResponse, Refusal};

/// The service of the specification's examples.
#[tarpc::service]
trait Example {
    async fn subtract(minuend: i64, subtrahend: i64) -> i64;
    async fn update(a: u8, b: u8, c: u8, d: u8, e: u8);
    async fn notify_sum(a: u8, b: u8, c: u8);
    async fn notify_hello(number: u8);
    async fn sum(a: u8, b: u8, c: u8) -> u8;
    async fn get_data() -> (String, u8);
    async fn greet(name: Option<String>) -> Result<String, Refusal>;
    async fn panic();
}

#[derive(Clone)]
struct Examples;

impl Example for Examples {
    async fn subtract(self, _: Context, minuend: i64, subtrahend: i64) -> i64 {
        minuend - subtrahend
    }

    async fn update(self, _: Context, _: u8, _: u8, _: u8, _: u8, _: u8) {}

    async fn notify_sum(self, _: Context, _: u8, _: u8, _: u8) {}

    async fn notify_hello(self, _: Context, _: u8) {}

    async fn sum(self, _: Context, a: u8, b: u8, c: u8) -> u8 {
        a + b + c
    }

    async fn get_data(self, _: Context) -> (String, u8) {
        ("hello".into(), 5)
    }

    async fn greet(self, _: Context, name: Option<String>) -> Result<String, Refusal> {
        match name.as_deref() {
            None => Ok("hello".into()),
            Some("eve") => Err(Refusal::TooFast(200)),
            Some("ann") => Err(Refusal::NotJoined),
            Some(name) => Err(Refusal::NickTaken {
                by: name.into(),
                free: String::new(),
            }),
        }
    }

    async fn panic(self, _: Context) {
        panic!("as requested");
    }
}

fn answer_to(text: &str) -> Option<String> {
    let methods = Methods::of::<ExampleRequest>();
    let call = |request| Examples.serve().serve(context::current(), request);
    let answer = answer::<ExampleRequest, _, Refusal, _>(&methods, text.as_bytes(), call);
    answer.now_or_never().expect("nothing waits")
}

/// The answer as JSON, without the messages of its errors, which are ours.
fn plain(text: &str) -> Value {
    fn without_messages(mut answer: Value) -> Value {
        if let Some(error) = answer.get_mut("error").and_then(Value::as_object_mut) {
            error.remove("message");
        }
        answer
    }
    match serde_json::from_str(text).expect("JSON") {
        Value::Array(all) => all.into_iter().map(without_messages).collect(),
        one => without_messages(one),
    }
}

/// Section 7 of the specification, word for word but for the messages.
const EXAMPLES: [(&str, &str); 17] = [
    (
        r#"{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}"#,
        r#"{"jsonrpc": "2.0", "result": 19, "id": 1}"#,
    ),
    (
        r#"{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}"#,
        r#"{"jsonrpc": "2.0", "result": -19, "id": 2}"#,
    ),
    (
        r#"{"jsonrpc": "2.0", "method": "subtract", "id": 3,
            "params": {"subtrahend": 23, "minuend": 42}}"#,
        r#"{"jsonrpc": "2.0", "result": 19, "id": 3}"#,
    ),
    (
        r#"{"jsonrpc": "2.0", "method": "subtract", "id": 4,
            "params": {"minuend": 42, "subtrahend": 23}}"#,
        r#"{"jsonrpc": "2.0", "result": 19, "id": 4}"#,
    ),
    (
        r#"{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}"#,
        "",
    ),
    (r#"{"jsonrpc": "2.0", "method": "foobar"}"#, ""),
    (
        r#"{"jsonrpc": "2.0", "method": "foobar", "id": "1"}"#,
        r#"{"jsonrpc": "2.0", "error": {"code": -32601}, "id": "1"}"#,
    ),
    (
        r#"{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]"#,
        r#"{"jsonrpc": "2.0", "error": {"code": -32700}, "id": null}"#,
    ),
    (
        r#"{"jsonrpc": "2.0", "method": 1, "params": "bar"}"#,
        r#"{"jsonrpc": "2.0", "error": {"code": -32600}, "id": null}"#,
    ),
    (
        r#"[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
            {"jsonrpc": "2.0", "method""#,
        r#"{"jsonrpc": "2.0", "error": {"code": -32700}, "id": null}"#,
    ),
    (
        "[]",
        r#"{"jsonrpc": "2.0", "error": {"code": -32600}, "id": null}"#,
    ),
    (
        "[1]",
        r#"[{"jsonrpc": "2.0", "error": {"code": -32600}, "id": null}]"#,
    ),
    (
        "[1,2,3]",
        r#"[{"jsonrpc": "2.0", "error": {"code": -32600}, "id": null},
            {"jsonrpc": "2.0", "error": {"code": -32600}, "id": null},
            {"jsonrpc": "2.0", "error": {"code": -32600}, "id": null}]"#,
    ),
    (
        r#"[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
            {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
            {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
            {"foo": "boo"},
            {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
            {"jsonrpc": "2.0", "method": "get_data", "id": "9"}]"#,
        r#"[{"jsonrpc": "2.0", "result": 7, "id": "1"},
            {"jsonrpc": "2.0", "result": 19, "id": "2"},
            {"jsonrpc": "2.0", "error": {"code": -32600}, "id": null},
            {"jsonrpc": "2.0", "error": {"code": -32601}, "id": "5"},
            {"jsonrpc": "2.0", "result": ["hello", 5], "id": "9"}]"#,
    ),
    (
        r#"[{"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
            {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}]"#,
        "",
    ),
    // Not an example, but its sentences: parameters may be missing, an id may be null.
    (
        r#"{"jsonrpc": "2.0", "method": "subtract", "params": [42], "id": null}"#,
        r#"{"jsonrpc": "2.0", "error": {"code": -32602}, "id": null}"#,
    ),
    (
        r#"{"jsonrpc": "1.0", "method": "get_data", "id": 1}"#,
        r#"{"jsonrpc": "2.0", "error": {"code": -32600}, "id": 1}"#,
    ),
];

#[test]
fn the_examples_of_the_specification_are_answered_as_it_says() {
    for (message, expected) in EXAMPLES {
        match answer_to(message) {
            None => assert_eq!("", expected, "{message}"),
            Some(answer) => assert_eq!(plain(&answer), plain(expected), "{message}"),
        }
    }
}

#[test]
fn what_is_wrong_with_parameters_is_said_with_the_method() {
    let long = format!(r#"{{"{}":1}}"#, "x".repeat(100_000));
    for (method, params, expected) in [
        (
            "subtract",
            "{}",
            "subtract(minuend, subtrahend): missing field `minuend`",
        ),
        (
            "subtract",
            "[1]",
            "subtract(minuend, subtrahend): missing field `subtrahend`",
        ),
        (
            "subtract",
            "[1,2,3]",
            "subtract(minuend, subtrahend): too many parameters",
        ),
        (
            "greet",
            r#"{"nam":"x"}"#,
            "greet(name): there is no parameter \"nam\"",
        ),
        (
            "greet",
            r#"{"name":"x","name":"y"}"#,
            "greet(name): duplicate field `name`",
        ),
        (
            "greet",
            "[7]",
            "greet(name): invalid type: integer `7`, expected a string",
        ),
        (
            "greet",
            "7",
            "greet(name): invalid type: integer `7`, expected the parameters in an object or an \
             array",
        ),
        (
            "greet",
            &long,
            &format!("greet(name): there is no parameter {:?}", "x".repeat(32)),
        ),
    ] {
        let call = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let answer: Value =
            serde_json::from_str(&answer_to(&call).expect("an answer")).expect("JSON");
        assert_eq!(answer["error"]["message"], expected, "{method} {params}");
        assert_eq!(answer["error"]["code"], -32602);
    }
}

#[test]
fn a_refusal_has_its_sentence_for_people_and_its_kind_for_programs() {
    let error = |message: &str, data: &str| {
        format!(r#""error":{{"code":1,"message":"{message}","data":{{"refusal":{data}}}}}"#)
    };
    let fast = error(
        "too fast: wait a moment and try again",
        r#""TooFast","detail":200"#,
    );
    let taken = error(
        "bob is here, and no two names may look alike",
        r#""NickTaken","detail":{"by":"bob","free":""}"#,
    );
    let no_member = error("you are not in that room", r#""NotJoined""#);
    for (name, expected) in [
        ("null", r#""result":"hello""#),
        ("\"eve\"", &fast),
        ("\"ann\"", &no_member),
        ("\"bob\"", &taken),
    ] {
        let call = format!(r#"{{"jsonrpc":"2.0","id":"é","method":"greet","params":[{name}]}}"#);
        let answer = format!(r#"{{"jsonrpc":"2.0","id":"é",{expected}}}"#);
        assert_eq!(answer_to(&call), Some(answer));
    }
    let none = r#"{"jsonrpc":"2.0","id":1,"method":"greet","params":null}"#;
    assert!(answer_to(none).is_some_and(|answer| answer.contains("\"hello\"")));
    let panics = r#"{"jsonrpc":"2.0","id":1,"method":"panic"}"#;
    let says = r#""error":{"code":-32000,"message":"the server failed on this call"}"#;
    assert!(answer_to(panics).is_some_and(|answer| answer.contains(says)));
}

#[test]
fn an_id_is_a_text_or_a_number_and_comes_back_as_it_was() {
    for id in [
        "1",
        "1e400",
        "-0.5",
        "18446744073709551616",
        r#""\u0041""#,
        r#""""#,
    ] {
        let call = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"get_data"}}"#);
        let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":["hello",5]}}"#);
        assert_eq!(answer_to(&call), Some(answer));
    }
    for id in ["{}", "[1]", "true", "false"] {
        let call = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"get_data"}}"#);
        let answer = answer_to(&call).expect("an answer");
        assert!(
            answer.starts_with(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600"#),
            "{answer}"
        );
    }
}

#[test]
fn hostile_messages_are_refused_and_take_no_stack() {
    let batch = |count| {
        let one = r#"{"jsonrpc":"2.0","id":1,"method":"get_data"}"#;
        format!("[{}]", vec![one; count].join(","))
    };
    let answers = |text: &str| answer_to(text).map_or(0, |answer| answer.matches("hello").count());
    assert_eq!(answers(&batch(MAX_BATCH)), MAX_BATCH);
    assert_eq!(answers(&batch(MAX_BATCH + 1)), 0);
    let deep = |open: &str, shut: &str| open.repeat(100_000) + &shut.repeat(100_000);
    let list = deep("[", "]");
    let object = deep(r#"{"a":"#, "") + "1" + &"}".repeat(100_000);
    for params in [&list, &object] {
        for method in ["greet", "get_data", "sum"] {
            let call =
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
            let answer = answer_to(&call).expect("an answer");
            assert!(answer.contains("\"code\":-32602"), "{answer}");
        }
        let call = format!(r#"{{"jsonrpc":"2.0","id":{params},"method":"get_data"}}"#);
        assert!(answer_to(&call).is_some_and(|answer| answer.contains("-32600")));
    }
    assert!(answer_to(&list).is_some_and(|answer| answer.contains("-32600")));
    for text in ["", " ", "\u{feff}{}", "nul", "\"", "{\"a\":1e}", "\0"] {
        let answer = answer_to(text).expect("an answer");
        assert!(answer.contains("\"code\":-32700"), "{text:?}: {answer}");
    }
}

#[test]
fn answers_beyond_what_fills_a_message_are_not_computed() {
    let methods = Methods::of::<ExampleRequest>();
    let calls = std::cell::Cell::new(0);
    let call = |_: ExampleRequest| {
        calls.set(calls.get() + 1);
        let long = ("x".repeat(ENOUGH / 4), 0);
        ready(Ok(ExampleResponse::GetData(long)))
    };
    let one = r#"{"jsonrpc":"2.0","id":1,"method":"get_data"}"#;
    let batch = format!("[{}]", [one; 8].join(","));
    let answer = answer::<_, _, Refusal, _>(&methods, batch.as_bytes(), call);
    let answer = answer.now_or_never().expect("ready").expect("an answer");
    assert_eq!(calls.get(), 4);
    assert_eq!(
        answer
            .matches("the answers before this one fill a message")
            .count(),
        4
    );
}

/// `Ok` and `Err` are taken off, so no method may return an object that has only one of them.
#[test]
fn what_a_method_returns_keeps_its_shape() {
    let shape =
        |response| reply::result_of::<ChatResponse, Refusal>(&response).expect("no refusal");
    assert_eq!(shape(ChatResponse::Bye(())), "null");
    assert_eq!(shape(ChatResponse::Send(Ok(vec![7].into()))), "[7]");
    let methods = Methods::of::<ChatRequest>();
    assert!(
        methods.to_string().lines().count() == 14,
        "look at a new method's answer here"
    );
}

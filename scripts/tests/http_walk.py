"""Calls every method of both services with a JSON-RPC client library. See http_test.sh."""
import re
import sys
import urllib.request

import jsonrpclib

secret_port, chat_port, token = sys.argv[1:]


def server(port):
    return jsonrpclib.ServerProxy(f"http://127.0.0.1:{port}/rpc")


def listed(port):
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/rpc").read().decode()
    return set(re.findall(r"^(\w+)\(", text, re.M))


def error_of(call, *params):
    """The code and the data of the error that a call must have."""
    try:
        answer = call(*params)
    except jsonrpclib.AppError as error:
        return error.args[0][0], error.args[0][2]
    except jsonrpclib.ProtocolError as error:
        return error.args[0][0], None
    raise AssertionError(f"no error but {answer}")


def same(found, expected):
    assert found == expected, f"expected {expected!r}, found {found!r}"


called = set()


def method(of, name):
    called.add(name)
    return getattr(of, name)


# The secret strings.
secret = server(secret_port)
same(method(secret, "reverse")("héllo"), "olléh")
same(method(secret, "reverse")(text="hello"), "olleh")
same(method(secret, "fast_reverse")("ab", None), "ba")
same(method(secret, "reverse_words")("Free", "ab\ncd\n")["text"], "ba\ndc\n")
same(method(secret, "reverse_words")({"Premium": {"key": None}}, "ab\n")["text"], "ba\n")
same(method(secret, "offer")(), {"workers": 8})
same(error_of(secret.reverse, "x" * 70_000), (1, {"refusal": "TooLong"}))
same(error_of(secret.reverse, 7)[0], -32602)
same(error_of(secret.no_such_method)[0], -32601)
same(secret._notify.offer(), None)
batch = jsonrpclib.MultiCall(secret)
batch.reverse("one")
batch.reverse("two")
same(list(batch()), ["eno", "owt"])
same(called, listed(secret_port))

# The chat.
called.clear()
chat = server(chat_port)
ann, bob = "a" * 32, "b" * 32
same(method(chat, "enter")(ann, "ann")["nick"], "ann")
chat.enter(session=bob, nick="bob")
same(error_of(chat.enter, bob, "ANN")[1]["refusal"], "NickTaken")
proof = {"public": [0] * 32, "r": [0] * 32, "s": [0] * 32}
same(error_of(method(chat, "register"), ann, proof)[0], 1)
start = method(chat, "join")(ann, "lobby", 10)
chat.join(bob, "lobby", 10)
post = {"id": 1, "kind": "Said", "body": "hello <b>ann</b> \u202e"}
number = method(chat, "send")(bob, "lobby", [post])
same(chat.send(bob, "lobby", [post]), number)
entries = method(chat, "poll")(ann, [start], 1000)[0]["entries"]
said = [entry for entry in entries if entry["kind"] == "Said"]
same([entry["body"] for entry in said], [post["body"]])
same(method(chat, "history")(ann, "lobby", 2**53 - 1, 1)["entries"][-1], said[0])
same(method(chat, "search")(ann, "lobby", "HELLO", 5)["entries"][0]["number"], number[0])
same([person["nick"] for person in method(chat, "who")(ann, "lobby", "")["part"]], ["ann", "bob"])
same(method(chat, "rooms")(ann, "")["part"][0]["people"], 2)
room = method(chat, "private")(ann, "bob")["cursor"]["room"]
chat.send(ann, room, [{"id": 1, "kind": "Did", "body": "whispers"}])
same(method(chat, "leave")(ann, "LOBBY"), "lobby")
same(error_of(chat.admin, ann, "a guess", {"Bans": {"after": ""}}), (1, {"refusal": "WrongToken"}))
same(method(chat, "admin")(ann, token, {"Bans": {"after": ""}}), {"part": [], "more": 0})
chat.admin(ann, token, {"Kick": {"nick": "bob", "why": "loud"}})
same(error_of(chat.enter, bob, "bob"), (1, {"refusal": "Kicked", "detail": "loud"}))
same(method(chat, "bye")(ann), None)
same(called, listed(chat_port))

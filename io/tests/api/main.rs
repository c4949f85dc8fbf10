//! The calls of the API, as clients use them.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use std::time::{Duration, Instant};

use rookery_testing::seeds;
use serde_json::{Value, json};
use support::api::{self, Api, PASSWORD, next_link, posted};
use support::http::Request;
use support::ws::{self, Ws};
use support::{Options, any_user, eventually, start_trusting, start_with_tokens};

/// RFC 3339 in UTC.
#[track_caller]
fn assert_time(value: &Value) {
    let text = value.as_str().unwrap();
    let bytes = text.as_bytes();
    assert!(text.ends_with('Z') && bytes[10] == b'T', "{text}");
    assert!(text.starts_with("20") && text.len() >= 20, "{text}");
}

fn contents(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| message["content"].as_str().unwrap())
        .collect()
}

fn seqs(messages: &[Value]) -> Vec<u64> {
    messages
        .iter()
        .map(|message| message["seq"].as_u64().unwrap())
        .collect()
}

#[test]
fn users_register_and_log_in() {
    let (_dir, server) = start_with_tokens();
    let mut alice = Api::anonymous(server.addr);
    let credentials = json!({"username": "alice", "password": PASSWORD});
    let user = alice.post("/users", &credentials).expect(201);
    assert_eq!(user["username"], "alice");
    assert_time(&user["created_at"]);
    assert_time(&user["updated_at"]);
    assert_eq!(user.get("password"), None);

    let reply = alice.post("/login", &credentials);
    let cookies: Vec<String> = reply.all("set-cookie").map(str::to_owned).collect();
    let session = reply.expect(200);
    assert_eq!(session["user_id"], user["user_id"]);
    assert_time(&session["expires_at"]);
    let token = session["token"].as_str().unwrap();
    let cookie = |name: &str| {
        let begin = format!("{name}=");
        cookies.iter().find(|cookie| cookie.starts_with(&begin))
    };
    let of_session = cookie("session").unwrap();
    assert!(of_session.contains(token), "{of_session}");
    for attribute in ["HttpOnly", "SameSite=Lax"] {
        assert!(of_session.contains(attribute), "{of_session}");
    }
    let id = user["user_id"].as_str().unwrap();
    assert!(cookie("user_id").unwrap().contains(id));

    for (name, value) in [
        ("cookie", format!("a=b; session={token}")),
        ("authorization", format!("Bearer {token}")),
        ("authorization", format!("bearer {token}")),
    ] {
        let me = alice.call(Request::get("/me").header(name, &value));
        assert_eq!(me.expect(200)["user_id"], user["user_id"], "{name}");
    }
}

#[test]
fn forms_are_as_good_as_json() {
    let (_dir, server) = start_with_tokens();
    let mut alice = Api::anonymous(server.addr);
    let credentials = "username=%C3%A9ve+a&password=correct+horse+battery";
    let user = alice
        .call(Request::new("POST", "/users").form(credentials))
        .expect(201);
    assert_eq!(user["username"], "éve a");
    let session = alice
        .call(Request::new("POST", "/login").form(credentials))
        .expect(200);
    let token = session["token"].as_str().unwrap();
    alice.identity = vec![("authorization".to_owned(), format!("Bearer {token}"))];

    let [one, two] = ["one", "two"].map(|name| Api::register(server.addr, name).user_id);
    let form = format!("name=a%26b&members={one}&members={two}");
    let chat = alice
        .call(Request::new("POST", "/chats").form(&form))
        .expect(201);
    assert_eq!(chat["name"], "a&b");
    let id = chat["chat_id"].as_str().unwrap();
    let path = format!("/chats/{id}/messages");
    alice
        .call(Request::new("POST", &path).form("content=h%C3%A9+you&client_id=1"))
        .expect(200);
    assert_eq!(contents(&alice.history(id)), ["hé you"]);
}

#[test]
fn users_are_found_by_id_and_prefix() {
    let (_dir, server) = start_with_tokens();
    let mut alice = Api::register(server.addr, "alice");
    Api::register(server.addr, "albert");
    Api::register(server.addr, "bob");
    let found = alice.get(&format!("/users/{}", alice.user_id)).expect(200);
    assert_eq!(found["username"], "alice");
    let names = |found: &Value| -> Vec<String> {
        let users = found.as_array().unwrap().iter();
        users
            .map(|user| user["username"].as_str().unwrap().to_owned())
            .collect()
    };
    eventually("both are found", || {
        let found = alice.get("/users?prefix=al").expect(200);
        (names(&found) == ["albert", "alice"]).then_some(())
    });
    let one = alice.get("/users?prefix=al&limit=1").expect(200);
    assert_eq!(names(&one), ["albert"]);
    let none = alice.get("/users?prefix=zz").expect(200);
    assert_eq!(none, json!([]));
}

#[test]
fn users_who_are_found_are_paged() {
    let (_dir, server) = start_with_tokens();
    // Names, and a prefix, that a link must not show as they are.
    let all = ["a&", "a&b", "a&b=c", "a& b", "a&é", "b"];
    let mut apis: Vec<Api> = all
        .iter()
        .map(|name| Api::register(server.addr, name))
        .collect();
    let alice = &mut apis[0];
    let name = |user: &Value| user["username"].as_str().unwrap().to_owned();
    let sorted = ["a&", "a& b", "a&b", "a&b=c", "a&é"];
    eventually("all are found", || {
        let found = alice.get("/users?prefix=a%26").expect(200);
        (found.as_array().unwrap().len() == sorted.len()).then_some(())
    });
    for limit in 1..=5 {
        let found = alice.pages(&format!("/users?prefix=a%26&limit={limit}"));
        let names: Vec<String> = found.iter().map(name).collect();
        assert_eq!(names, sorted, "limit {limit}");
    }
    let last = alice.get("/users?prefix=a%26&limit=5");
    assert_eq!(next_link(&last), None, "nobody is behind the last");
    for (after, rest) in [("a%26b%3D", 2), ("%21", 5), ("a%27", 0)] {
        let found = alice.get(&format!("/users?prefix=a%26&after={after}"));
        let found = found.expect(200);
        assert_eq!(found.as_array().unwrap().len(), rest, "behind {after}");
    }
}

#[test]
fn a_logout_ends_the_session_and_no_other() {
    let (_dir, server) = start_with_tokens();
    let mut phone = Api::register(server.addr, "alice");
    let mut laptop = Api::anonymous(server.addr);
    laptop.login("alice");
    let reply = phone.call(Request::new("POST", "/logout"));
    assert_eq!(reply.status, 204);
    assert_eq!(reply.body, b"");
    eventually("the token is void on every connection", || {
        let others = (0..8).map(|_| {
            let mut api = Api::anonymous(server.addr);
            api.identity.clone_from(&phone.identity);
            api.get("/me").status
        });
        others.into_iter().all(|status| status == 401).then_some(())
    });
    laptop.get("/me").expect(200);
}

#[test]
fn sessions_survive_a_restart_and_so_does_their_end() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(dir.path());
    let mut server = options.clone().shards(2).start();
    let mut phone = Api::register(server.addr, "alice");
    let mut laptop = Api::anonymous(server.addr);
    laptop.login("alice");
    phone.call(Request::new("POST", "/logout"));
    server.kill();
    let server = options.shards(3).start();
    for (identity, status) in [(&phone.identity, 401), (&laptop.identity, 200)] {
        let mut api = Api::anonymous(server.addr);
        api.identity.clone_from(identity);
        assert_eq!(api.get("/me").status, status);
    }
}

#[test]
fn trust_mode_takes_callers_at_their_word() {
    let (_dir, server) = start_trusting();
    let mut nobody = Api::anonymous(server.addr);
    let user = nobody
        .post("/users", &json!({"username": "alice"}))
        .expect(201);
    let login = nobody.post("/login", &json!({"username": "alice"}));
    let id = user["user_id"].as_str().unwrap().to_owned();
    assert!(
        login
            .all("set-cookie")
            .any(|cookie| cookie.starts_with(&format!("user_id={id}")))
    );
    assert_eq!(login.expect(200)["user_id"], user["user_id"]);

    let other = any_user();
    let body = json!({"name": "room", "members": [other, id]});
    let chat = nobody.post("/chats", &body).expect(201);
    assert_eq!(chat["members"], json!([other, id]), "just those named");
    let chat = chat["chat_id"].as_str().unwrap();
    let body = json!({"content": "hi", "sender_id": id});
    nobody
        .post(&format!("/chats/{chat}/messages"), &body)
        .expect(200);
    let body = json!({"user_id": any_user(), "sender_id": id});
    nobody
        .post(&format!("/chats/{chat}/members"), &body)
        .expect(200);
    let history = Api::trusted(server.addr, &id).history(chat);
    assert_eq!(history[0]["sender_id"], id.as_str());
    assert!(server.log().contains("trust"), "the operator is warned");

    nobody.get("/chats").expect_problem(401, "unauthenticated");
    let path = format!("/ws/connect/{id}");
    Ws::connect(server.addr, ws::upgrade(&path))
        .ok()
        .unwrap()
        .expect_ready(&id);
}

#[test]
fn chats_show_their_members_in_order() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let (bob, carol) = (any_user(), any_user());
    let members = json!([bob, carol]);
    let chat = alice
        .post("/chats", &json!({"name": "room", "members": members}))
        .expect(201);
    let shown = chat["members"].as_array().unwrap();
    assert_eq!(shown.len(), 3, "the caller is added");
    let without_caller: Vec<_> = shown.iter().filter(|m| **m != alice.user_id).collect();
    assert_eq!(without_caller, [&json!(bob), &json!(carol)]);
    assert_time(&chat["created_at"]);

    let id = chat["chat_id"].as_str().unwrap();
    assert_eq!(alice.get(&format!("/chats/{id}")).expect(200), chat);
    let mut outsider = Api::trusted(server.addr, &any_user());
    outsider
        .get(&format!("/chats/{id}"))
        .expect_problem(404, "not_found");

    let named = json!([bob, alice.user_id]);
    let again = alice
        .post("/chats", &json!({"name": "x", "members": named}))
        .expect(201);
    assert_eq!(again["members"], named, "the order is kept");
}

#[test]
fn members_are_paged_in_order() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let others: Vec<String> = (0..250).map(|_| any_user()).collect();
    let named: Vec<&str> = others.iter().map(String::as_str).collect();
    let chat = alice.create_chat("crowd", &named);
    let mut all = named;
    let caller = alice.user_id.clone();
    all.push(&caller);

    let shown = alice.get(&format!("/chats/{chat}")).expect(200);
    assert_eq!(shown["members"], json!(all[..100]));
    assert_eq!(shown["member_count"], 251);
    let path = format!("/chats/{chat}/members");
    let default = alice.get(&path).expect(200);
    assert_eq!(default, json!(all[..100]));
    for limit in [1, 50, 251, 1000] {
        let pages = alice.pages(&format!("{path}?limit={limit}"));
        assert_eq!(json!(pages), json!(all), "limit {limit}");
    }
    let full = alice.get(&format!("{path}?limit=251"));
    assert_eq!(next_link(&full), None, "nobody is behind the last");

    // Who joins while somebody pages is the last, and who left is not missed.
    let first = alice.get(&format!("{path}?limit=100"));
    let rest = next_link(&first).unwrap();
    let newcomer = any_user();
    let again = alice.post(&path, &json!({"user_id": newcomer})).expect(200);
    assert_eq!(again["member_count"], 252);
    assert_eq!(again["members"], json!(all[..100]));
    assert_eq!(alice.delete(&format!("{path}/{}", all[50])).status, 204);
    let mut expected = all[100..].to_vec();
    expected.push(&newcomer);
    assert_eq!(json!(alice.pages(&rest)), json!(expected));

    Api::trusted(server.addr, &any_user())
        .get(&path)
        .expect_problem(404, "not_found");
}

#[test]
fn members_come_and_go() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let mut bob = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    alice.say(&chat, "alone");
    let path = format!("/chats/{chat}/members");
    alice
        .post(&path, &json!({"user_id": bob.user_id}))
        .expect(200);
    assert_eq!(contents(&bob.history(&chat)), ["alone"]);
    bob.say(&chat, "hello");
    alice
        .post(&path, &json!({"user_id": bob.user_id}))
        .expect(200);

    let gone = alice.delete(&format!("{path}/{}", bob.user_id));
    assert_eq!(gone.status, 204);
    bob.get(&format!("/chats/{chat}/messages"))
        .expect_problem(404, "not_found");
    bob.call(bob.message(&chat, "still?", None))
        .expect_problem(404, "not_found");
    alice.say(&chat, "alone again");
    let history = alice.history(&chat);
    assert_eq!(contents(&history), ["alone again", "hello", "alone"]);
    // 1 is the chat's creation, 3 bob's joining, 5 their leaving; joining again changed nothing.
    assert_eq!(seqs(&history), [6, 4, 2]);
}

#[test]
fn a_message_is_acknowledged_and_read_back() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let content = "\"quotes\" \\ \n \t \u{0} \u{1f426} é";
    let ack = alice.say_as(&chat, content, Some("c-1"));
    let history = alice.history(&chat);
    let expected = json!({
        "chat_id": chat,
        "message_id": ack.message_id,
        "sender_id": alice.user_id,
        "content": content,
        "seq": 2,
        "created_at": ack.created_at,
        "client_id": "c-1",
    });
    assert_eq!(history, [expected]);
    assert_time(&history[0]["created_at"]);
}

#[test]
fn history_pages_both_ways() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let sent: Vec<String> = (0..250).map(|n| n.to_string()).collect();
    alice.say_all(&chat, &sent);
    let path = format!("/chats/{chat}/messages");
    let mut newest_first: Vec<&str> = sent.iter().map(String::as_str).collect();
    newest_first.reverse();

    let default = alice.get(&path).expect(200);
    assert_eq!(contents(default.as_array().unwrap()), newest_first[..50]);
    for limit in [7, 50, 100] {
        let all = alice.pages(&format!("{path}?limit={limit}"));
        assert_eq!(contents(&all), newest_first, "limit {limit}");
    }
    let before = alice.get(&format!("{path}?before=5&limit=2")).expect(200);
    assert_eq!(seqs(before.as_array().unwrap()), [4, 3]);
    let after = alice.get(&format!("{path}?after=5&limit=2")).expect(200);
    assert_eq!(seqs(after.as_array().unwrap()), [6, 7]);
    let forwards = alice.pages(&format!("{path}?after=0&limit=60"));
    assert_eq!(contents(&forwards), sent);

    let oldest = alice.get(&format!("{path}?before=2"));
    assert_eq!(next_link(&oldest), None);
    assert_eq!(oldest.expect(200), json!([]));
    let ahead = alice.get(&format!("{path}?after=100000"));
    assert_eq!(ahead.expect(200), json!([]));
}

#[test]
fn pipelined_messages_are_acknowledged_in_order() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let sent: Vec<String> = (0..100).map(|n| format!("number {n}")).collect();
    let acks = alice.say_all(&chat, &sent);
    let mut history = alice.history(&chat);
    history.reverse();
    assert_eq!(contents(&history), sent);
    for (message, ack) in history.iter().zip(&acks) {
        assert_eq!(message["message_id"], ack.message_id.as_str());
    }
}

#[test]
fn the_inbox_has_the_latest_first() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let mut bob = Api::trusted(server.addr, &any_user());
    assert_eq!(alice.get("/chats").expect(200), json!([]));
    let quiet = alice.create_chat("quiet", &[]);
    let busy = alice.create_chat("busy", &[&bob.user_id]);
    bob.create_chat("not hers", &[]);
    alice.say(&quiet, "first");
    // Activity is told apart by its time, which has milliseconds.
    std::thread::sleep(std::time::Duration::from_millis(5));
    bob.say(&busy, "one");
    bob.say(&busy, "two");
    let inbox = alice.get("/chats").expect(200);
    let names: Vec<_> = inbox
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["name"])
        .collect();
    assert_eq!(names, ["busy", "quiet"]);
    assert_eq!(inbox[0]["chat_id"], busy.as_str());
    assert_eq!(inbox[0]["last_seq"], 3);
    assert_eq!(inbox[0]["last_message"]["content"], "two");
    assert_eq!(inbox[1]["last_message"]["content"], "first");
}

#[test]
fn the_inbox_is_paged_and_waits_for_no_heartbeat() {
    const CHATS: usize = 300;
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let made: Vec<String> = (0..CHATS)
        .map(|n| alice.create_chat(&n.to_string(), &[]))
        .collect();
    alice.say(&made[7], "the latest");
    let began = Instant::now();
    let all = alice.get("/chats?limit=1000");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(1), "a list took {took:?}");
    assert_eq!(next_link(&all), None);
    let all = all.expect(200);
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), CHATS);
    assert_eq!(all[0]["chat_id"], made[7].as_str());
    for limit in [1, 100, 299, 300] {
        let pages = alice.pages(&format!("/chats?limit={limit}"));
        assert_eq!(json!(pages), json!(all), "limit {limit}");
    }
    let default = alice.get("/chats").expect(200);
    assert_eq!(json!(default), json!(all[..100]));
}

#[test]
fn a_repeated_client_id_is_one_message() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let mut bob = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[&bob.user_id]);
    let other = alice.create_chat("other", &[]);
    let first = alice.say_as(&chat, "hi", Some("x"));
    assert_eq!(alice.say_as(&chat, "hi", Some("x")), first);
    assert_ne!(bob.say_as(&chat, "hi", Some("x")), first, "another sender");
    assert_ne!(alice.say_as(&other, "hi", Some("x")), first, "another chat");
    assert_eq!(seqs(&alice.history(&chat)), [3, 2]);

    let keyed = alice
        .message(&chat, "by header", None)
        .header("idempotency-key", "k");
    let acks = [(); 2].map(|()| posted(&alice.call(keyed.clone())));
    assert_eq!(acks[0], acks[1]);
    assert_eq!(alice.history(&chat).len(), 3);
}

#[test]
fn a_repeat_in_flight_is_one_message() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    for round in 0..20 {
        let key = format!("round {round}");
        let acks: Vec<api::Posted> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        Api::trusted(server.addr, &alice.user_id).say_as(&chat, &key, Some(&key))
                    })
                })
                .collect();
            racers
                .into_iter()
                .map(|racer| racer.join().unwrap())
                .collect()
        });
        assert!(acks.iter().all(|ack| *ack == acks[0]), "{acks:?}");
    }
    let mut seqs = seqs(&alice.history(&chat));
    seqs.reverse();
    assert_eq!(seqs, (2..22).collect::<Vec<u64>>());
}

#[test]
fn a_repeat_across_a_kill_is_one_message() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::trusting(dir.path());
    let user = any_user();
    let mut server = options.clone().shards(4).start();
    let mut alice = Api::trusted(server.addr, &user);
    let chat = alice.create_chat("room", &[]);
    let letters = seeds::dice().letters(32);
    let first = alice.say_as(&chat, &letters, Some("once"));
    for shards in [2, 3] {
        server.kill();
        server = options.clone().shards(shards).start();
        let mut alice = Api::trusted(server.addr, &user);
        assert_eq!(alice.say_as(&chat, &letters, Some("once")), first);
        assert_eq!(contents(&alice.history(&chat)), [letters.as_str()]);
    }
}

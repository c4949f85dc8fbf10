//! What users do with their own account, over a kill of the server.

use serde_json::{Value, json};

use crate::assert_time;
use crate::support::api::{Api, PASSWORD};
use crate::support::http::Request;
use crate::support::ws::{End, Ws};
use crate::support::{Options, any_user, start_trusting};

const NEW_PASSWORD: &str = "another horse, another battery";

fn log_in(api: &mut Api, body: &Value) -> Value {
    api.post("/login", body).expect(200)
}

/// A client of a session of its own.
fn client(api: &Api, username: &str, password: &str, device: &str) -> Api {
    let mut client = Api::anonymous(api.addr);
    let body = json!({"username": username, "password": password, "device": device});
    let session = log_in(&mut client, &body);
    let token = session["token"].as_str().unwrap();
    client.identity = vec![("authorization".to_owned(), format!("Bearer {token}"))];
    client.user_id = session["user_id"].as_str().unwrap().to_owned();
    client
}

/// The names of the caller's sessions, the newest first.
fn names(api: &mut Api) -> Vec<String> {
    let sessions = api.get("/sessions").expect(200);
    let names = sessions.as_array().unwrap().iter();
    names
        .map(|it| it["name"].as_str().unwrap().to_owned())
        .collect()
}

fn named(api: &mut Api, name: &str) -> Value {
    let sessions = api.get("/sessions").expect(200);
    let mut all = sessions.as_array().unwrap().iter();
    all.find(|it| it["name"] == name).unwrap().clone()
}

#[track_caller]
fn assert_closed(mut socket: Ws) {
    assert_eq!(socket.end(), End::Closed(4001));
}

#[test]
fn a_new_password_ends_all_other_sessions_also_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(dir.path());
    let mut server = options.start();
    let mut alice = Api::register(server.addr, "alice");
    let mut other = client(&alice, "alice", PASSWORD, "phone");
    let mut socket = alice.listen();
    let other_socket = other.listen();
    let change = |api: &mut Api, old: &str, new: &str| {
        let body = json!({"old": old, "new": new});
        api.call(Request::new("PUT", "/me/password").json(&body))
    };
    change(&mut alice, "wrong", NEW_PASSWORD).expect_problem(403, "wrong_password");
    other.get("/me").expect(200);
    assert_eq!(change(&mut alice, PASSWORD, NEW_PASSWORD).status, 204);
    assert_closed(other_socket);
    for _ in 0..2 {
        other.get("/me").expect_problem(401, "unauthenticated");
        assert_eq!(alice.get("/me").expect(200)["username"], "alice");
        let body = json!({"username": "alice", "password": PASSWORD});
        Api::anonymous(server.addr)
            .post("/login", &body)
            .expect_problem(401, "wrong_credentials");
        client(&alice, "alice", NEW_PASSWORD, "new");
        socket.assert_lives();
        server.kill();
        server = options.start();
        (alice, other) = (alice.at(server.addr), other.at(server.addr));
        socket = alice.listen();
    }
}

#[test]
fn sessions_are_listed_and_end_one_by_one_or_all_together() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(dir.path());
    let mut server = options.start();
    let mut alice = Api::register(server.addr, "alice");
    let mut phone = client(&alice, "alice", PASSWORD, "my phone");
    let mut tablet = client(&alice, "alice", PASSWORD, "my tablet");
    let mut firefox = Api::anonymous(server.addr);
    let body = json!({"username": "alice", "password": PASSWORD});
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
    firefox
        .call(
            Request::new("POST", "/login")
                .json(&body)
                .header("user-agent", agent),
        )
        .expect(200);
    let expected = [
        "Firefox on Linux",
        "my tablet",
        "my phone",
        "unknown client",
    ];
    assert_eq!(names(&mut alice), expected);
    server.kill();
    server = options.start();
    (alice, phone, tablet) = (
        alice.at(server.addr),
        phone.at(server.addr),
        tablet.at(server.addr),
    );
    assert_eq!(names(&mut phone), expected);
    let of_phone = named(&mut phone, "my phone");
    assert_eq!(of_phone["current"], true);
    assert_eq!(of_phone["address"], "127.0.0.1");
    assert_time(&of_phone["created_at"]);
    assert_time(&of_phone["expires_at"]);
    assert_eq!(named(&mut alice, "my phone")["current"], false);

    let socket = phone.listen();
    let path = format!("/sessions/{}", of_phone["session_id"].as_str().unwrap());
    let mut bob = Api::register(server.addr, "bob");
    bob.delete(&path).expect_problem(404, "not_found");
    assert_eq!(alice.delete(&path).status, 204);
    assert_closed(socket);
    phone.get("/me").expect_problem(401, "unauthenticated");
    alice.delete(&path).expect_problem(404, "not_found");
    alice
        .delete(&format!("/sessions/{}", any_user()))
        .expect_problem(404, "not_found");
    alice
        .delete("/sessions/none")
        .expect_problem(404, "not_found");
    assert_eq!(
        names(&mut alice),
        ["Firefox on Linux", "my tablet", "unknown client"]
    );
    // One's own: as a logout.
    let of_tablet = named(&mut tablet, "my tablet");
    let path = format!("/sessions/{}", of_tablet["session_id"].as_str().unwrap());
    let reply = tablet.delete(&path);
    assert_eq!(reply.status, 204);
    assert!(reply.all("set-cookie").all(|it| it.contains("Max-Age=0")));
    tablet.get("/me").expect_problem(401, "unauthenticated");

    let socket = alice.listen();
    alice
        .post("/logout?all=maybe", &json!({}))
        .expect_problem(400, "malformed_request");
    assert_eq!(alice.post("/logout?all=true", &json!({})).status, 204);
    assert_closed(socket);
    for _ in 0..2 {
        alice.get("/me").expect_problem(401, "unauthenticated");
        let mut again = client(&alice, "alice", PASSWORD, "again");
        assert_eq!(names(&mut again)[0], "again");
        again.get("/me").expect(200);
        server.kill();
        server = options.start();
        alice = alice.at(server.addr);
    }
    assert_eq!(
        names(&mut client(&alice, "alice", PASSWORD, "last")),
        ["last", "again", "again"]
    );
}

#[test]
fn a_display_name_is_shown_wherever_a_user_is() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(dir.path());
    let mut server = options.start();
    let mut alice = Api::register(server.addr, "Alice");
    let before = alice.get("/me").expect(200);
    assert_eq!(before.get("display_name"), None);
    let name = "Alice in Wonderland \u{1f407}";
    let shown = alice
        .patch("/me", &json!({"display_name": name}))
        .expect(200);
    assert_eq!(shown["display_name"], name);
    assert!(shown["updated_at"].as_str() > before["updated_at"].as_str());
    let id = alice.user_id.clone();
    for _ in 0..2 {
        assert_eq!(alice.get("/me").expect(200), shown);
        assert_eq!(alice.get(&format!("/users/{id}")).expect(200), shown);
        for query in [&*format!("ids={id}"), "prefix=ali", "name=ALICE"] {
            let found = alice.get(&format!("/users?{query}")).expect(200);
            assert_eq!(found, json!([shown]), "{query}");
        }
        // What does not name it leaves it.
        assert_eq!(alice.patch("/me", &json!({})).expect(200), shown);
        server.kill();
        server = options.start();
        alice = alice.at(server.addr);
    }
    let gone = alice
        .patch("/me", &json!({"display_name": null}))
        .expect(200);
    assert_eq!(gone.get("display_name"), None);
    alice
        .patch("/me", &json!({"display_name": "A"}))
        .expect(200);
    let gone = alice.patch("/me", &json!({"display_name": ""})).expect(200);
    assert_eq!(gone.get("display_name"), None);
}

#[test]
fn settings_are_shared_by_all_devices_of_a_user() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(dir.path());
    let mut server = options.start();
    let mut alice = Api::register(server.addr, "alice");
    let mut bob = Api::register(server.addr, "bob");
    assert_eq!(alice.get("/me/settings").expect(200), json!({}));
    let (mut phone, mut tablet, mut other) = (alice.listen(), alice.listen(), bob.listen());
    let patch = json!({"theme": "dark", "chats": {"a": {"mute": true}, "b": null}});
    let set = alice.patch("/me/settings", &patch).expect(200);
    assert_eq!(
        set,
        json!({"theme": "dark", "chats": {"a": {"mute": true}}})
    );
    for device in [&mut phone, &mut tablet] {
        let heard = device.next_of("settings_changed", &[]);
        assert_eq!(heard["settings"], set);
    }
    let patch = json!({"theme": null, "chats": {"b": [1, 2]}});
    let set = alice.patch("/me/settings", &patch).expect(200);
    assert_eq!(set, json!({"chats": {"a": {"mute": true}, "b": [1, 2]}}));
    let large = json!({"x": "x".repeat(4096)});
    alice
        .patch("/me/settings", &large)
        .expect_problem(422, "out_of_bounds");
    let list = alice.call(Request::new("PATCH", "/me/settings").json(&json!([1])));
    list.expect_problem(400, "malformed_json");
    other.assert_silent();
    server.kill();
    server = options.start();
    (alice, bob) = (alice.at(server.addr), bob.at(server.addr));
    assert_eq!(alice.get("/me/settings").expect(200), set);
    assert_eq!(bob.get("/me/settings").expect(200), json!({}));
}

#[test]
fn in_trust_mode_there_are_neither_sessions_nor_passwords() {
    let (_dir, server) = start_trusting();
    let mut api = Api::trusted(server.addr, &any_user());
    assert_eq!(api.get("/sessions").expect(200), json!([]));
    let path = format!("/sessions/{}", any_user());
    api.delete(&path).expect_problem(404, "not_found");
    let body = json!({"old": PASSWORD, "new": NEW_PASSWORD});
    let change = Request::new("PUT", "/me/password").json(&body);
    api.call(change).expect_problem(404, "not_found");
    let delete = Request::new("DELETE", "/me").json(&json!({"password": PASSWORD}));
    api.call(delete).expect_problem(404, "not_found");
}

#[test]
fn an_account_is_deleted_without_its_password_where_none_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).start();
    let mut alice = Api::register(server.addr, "alice");
    let empty_form = Request::new("DELETE", "/me").form("");
    alice.call(empty_form).expect_problem(400, "malformed_json");
    assert_eq!(alice.delete("/me").status, 204);
    alice.get("/me").expect_problem(401, "unauthenticated");
    let mut nobody = Api::anonymous(server.addr);
    let body = json!({"username": "alice", "password": PASSWORD});
    nobody
        .post("/login", &body)
        .expect_problem(401, "wrong_credentials");
}

#[test]
fn a_deleted_account_is_gone_also_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(dir.path());
    let mut server = options.start();
    let mut alice = Api::register(server.addr, "alice");
    let mut bob = Api::register(server.addr, "bob");
    let mut other = client(&alice, "alice", PASSWORD, "phone");
    let sockets = [alice.listen(), other.listen()];
    let delete = |api: &mut Api, body: &Value| api.call(Request::new("DELETE", "/me").json(body));
    let refused = delete(&mut alice, &json!({"password": "wrong"}));
    refused.expect_problem(403, "wrong_password");
    assert_eq!(refused.json()["errors"][0]["field"], "password");
    delete(&mut alice, &json!({})).expect_problem(400, "malformed_json");
    other.get("/me").expect(200);
    let deleted = delete(&mut alice, &json!({"password": PASSWORD}));
    assert_eq!(deleted.status, 204);
    sockets.into_iter().for_each(assert_closed);
    let id = alice.user_id.clone();
    for _ in 0..2 {
        for api in [&mut alice, &mut other] {
            api.get("/me").expect_problem(401, "unauthenticated");
        }
        let mut nobody = Api::anonymous(server.addr);
        let body = json!({"username": "alice", "password": PASSWORD});
        let log_in = nobody.post("/login", &body);
        log_in.expect_problem(401, "wrong_credentials");
        let taken = nobody.post("/users", &body);
        taken.expect_problem(409, "username_taken");
        let shown = bob.get(&format!("/users/{id}"));
        shown.expect_problem(404, "not_found");
        for search in [format!("ids={id}"), "name=Alice".into(), "prefix=al".into()] {
            let found = bob.get(&format!("/users?{search}")).expect(200);
            assert_eq!(found, json!([]), "{search}");
        }
        let chat = json!({"name": "room", "members": [id]});
        let created = bob.post("/chats", &chat);
        created.expect_problem(422, "unknown_member");
        let direct = bob.post(&format!("/direct/{id}"), &json!({}));
        assert!(matches!(direct.status, 404 | 422), "{direct:?}");
        server.kill();
        server = options.start();
        (alice, other) = (alice.at(server.addr), other.at(server.addr));
        bob = bob.at(server.addr);
    }
}

/// All that a chat shows of its messages, as JSON.
fn told(api: &mut Api, chat: &str) -> String {
    let events = api.get(&format!("/chats/{chat}/events?limit=1000"));
    let inbox = api.get("/chats").expect(200);
    format!("{:?} {} {inbox}", api.history(chat), events.expect(200))
}

#[test]
fn what_a_deleted_user_said_is_in_no_reply_also_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(dir.path());
    let mut server = options.start();
    let mut alice = Api::register(server.addr, "alice");
    let mut bob = Api::register(server.addr, "bob");
    let here = alice.create_chat("here", &[&bob.user_id]);
    let left = bob.create_chat("left", &[&alice.user_id]);
    let direct = alice.post(&format!("/direct/{}", bob.user_id), &json!({}));
    let direct = direct.expect(201)["chat_id"].as_str().unwrap().to_owned();
    for chat in [&here, &left, &direct] {
        bob.say(chat, "from bob");
        let said = alice.say(chat, "a secret");
        let message = format!("/chats/{chat}/messages/{}", said.message_id);
        let edit = json!({"content": "another secret"});
        alice.patch(&message, &edit).expect(200);
        alice.say(chat, "the last secret");
    }
    let member = format!("/chats/{left}/members/{}", alice.user_id);
    assert_eq!(alice.delete(&member).status, 204);
    let mut socket = bob.listen();
    let deletion = Request::new("DELETE", "/me").json(&json!({"password": PASSWORD}));
    assert_eq!(alice.call(deletion).status, 204);
    let mut erased = Vec::new();
    while erased.len() < 3 {
        let event = socket.next();
        if event["type"] == "messages_erased" {
            assert_eq!(event["user_id"], *alice.user_id);
            erased.push(event["chat_id"].as_str().unwrap().to_owned());
        }
    }
    erased.sort();
    let mut chats = [here, left, direct];
    chats.sort();
    assert_eq!(erased, chats);
    for _ in 0..2 {
        for chat in &chats {
            let told = told(&mut bob, chat);
            assert!(!told.contains("secret"), "{told}");
            assert!(told.contains("from bob"), "{told}");
            let messages = bob.history(chat);
            let theirs = messages
                .iter()
                .filter(|it| it["sender_id"] == *alice.user_id);
            let theirs: Vec<_> = theirs.collect();
            assert_eq!(theirs.len(), 2);
            for message in theirs {
                assert_eq!(message["deleted"], true);
                assert_eq!(message["deleted_by"], *alice.user_id);
                assert_time(&message["deleted_at"]);
            }
        }
        server.kill();
        server = options.start();
        bob = bob.at(server.addr);
    }
}

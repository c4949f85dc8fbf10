//! Users, their logins, and who they are in trust mode.

use serde_json::{Value, json};

use crate::support::api::{Api, PASSWORD, next_link};
use crate::support::http::Request;
use crate::support::ws::{self, Ws};
use crate::support::{Options, any_user, eventually, start_trusting, start_with_tokens};
use crate::{assert_time, contents};

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
    let credentials = "username=%C3%A9ve%2Ba&password=correct+horse+battery";
    let user = alice
        .call(Request::new("POST", "/users").form(credentials))
        .expect(201);
    assert_eq!(user["username"], "éve+a");
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
    let all = ["a&", "a&b", "a&b=c", "a&+b", "a&é", "b"];
    let mut apis: Vec<Api> = all
        .iter()
        .map(|name| Api::register(server.addr, name))
        .collect();
    let alice = &mut apis[0];
    let name = |user: &Value| user["username"].as_str().unwrap().to_owned();
    let sorted = ["a&", "a&+b", "a&b", "a&b=c", "a&é"];
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

/// The names of users that were found.
fn names(found: &Value) -> Vec<&str> {
    let users = found.as_array().unwrap().iter();
    users
        .map(|user| user["username"].as_str().unwrap())
        .collect()
}

#[test]
fn names_are_one_in_whatever_case_width_and_composition_and_are_shown_as_they_were_typed() {
    let (_dir, server) = start_with_tokens();
    let mut api = Api::register(server.addr, "\u{c9}ve");
    Api::register(server.addr, "Ann");
    let credentials = |name: &str| json!({"username": name, "password": PASSWORD});
    let mut other = Api::anonymous(server.addr);
    for (typed, shown) in [
        ("ann", "Ann"),
        ("ANN", "Ann"),
        ("\u{ff21}\u{ff4e}\u{ff4e}", "Ann"),
        ("\u{e9}ve", "\u{c9}ve"),
        ("E\u{301}VE", "\u{c9}ve"),
    ] {
        let taken = other.post("/users", &credentials(typed));
        taken.expect_problem(409, "username_taken");
        let session = other.post("/login", &credentials(typed)).expect(200);
        assert_eq!(session["username"], shown, "{typed}");
        let found = api
            .get(&format!("/users?name={}", encoded(typed)))
            .expect(200);
        assert_eq!(names(&found), [shown], "{typed}");
    }
    let nobody = api.get("/users?name=an").expect(200);
    assert_eq!(nobody, json!([]));
    for prefix in ["a", "AN", "\u{ff21}"] {
        let found = api
            .get(&format!("/users?prefix={}", encoded(prefix)))
            .expect(200);
        assert_eq!(names(&found), ["Ann"], "{prefix}");
    }
    // Shown as the profile has it: composed, and not in full width.
    let wide = Api::register(server.addr, "\u{ff22}o\u{308}b");
    let found = api.get(&format!("/users/{}", wide.user_id)).expect(200);
    assert_eq!(found["username"], "B\u{f6}b");
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn many_users_are_found_by_their_ids_in_that_order() {
    let (_dir, server) = start_with_tokens();
    let mut ann = Api::register(server.addr, "ann");
    let bob = Api::register(server.addr, "Bob");
    let nobody = "00000000-0000-7000-8000-000000000000";
    let ids = [&*bob.user_id, nobody, &*ann.user_id, &*bob.user_id].join(",");
    let found = ann.get(&format!("/users?ids={ids}")).expect(200);
    assert_eq!(names(&found), ["Bob", "ann"]);
    let found = ann.get(&format!("/users?ids={nobody}")).expect(200);
    assert_eq!(found, json!([]));
    let most = [nobody; 100].join(",");
    assert_eq!(
        ann.get(&format!("/users?ids={most}")).expect(200),
        json!([])
    );
    let more = [nobody; 101].join(",");
    for (query, status, code) in [
        (format!("ids={more}"), 422, "out_of_bounds"),
        ("ids=".to_owned(), 422, "out_of_bounds"),
        ("name=".to_owned(), 422, "out_of_bounds"),
        (format!("name={}", "x".repeat(65)), 422, "out_of_bounds"),
        ("ids=ann".to_owned(), 400, "malformed_request"),
        (format!("ids={nobody},"), 400, "malformed_request"),
        (format!("ids={nobody}&name=ann"), 400, "malformed_request"),
        ("name=ann&prefix=a".to_owned(), 400, "malformed_request"),
    ] {
        let refused = ann.get(&format!("/users?{query}"));
        refused.expect_problem(status, code);
    }
}

#[test]
fn a_password_is_the_same_however_it_is_composed_and_spaced() {
    let (_dir, server) = start_with_tokens();
    let mut api = Api::anonymous(server.addr);
    let credentials = |password: &str| json!({"username": "ann", "password": password});
    api.post("/users", &credentials("e\u{301}clair\u{a0}au chocolat"))
        .expect(201);
    for password in [
        "\u{e9}clair au chocolat",
        "e\u{301}clair au\u{3000}chocolat",
    ] {
        api.post("/login", &credentials(password)).expect(200);
    }
    let wrong = api.post("/login", &credentials("\u{c9}clair au chocolat"));
    wrong.expect_problem(401, "wrong_credentials");
    assert_eq!(server.metrics().sum("rookery_password_retries_total"), 0.0);
    let wrong = api.post("/login", &credentials("E\u{301}clair au chocolat"));
    wrong.expect_problem(401, "wrong_credentials");
    assert_eq!(server.metrics().sum("rookery_password_retries_total"), 1.0);
}

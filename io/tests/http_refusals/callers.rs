//! Who calls, what they may see, and how often.

use serde_json::{Value, json};

use crate::cases::{Lives, case, play_all};
use crate::support::api::{Api, PASSWORD};
use crate::support::http::{Request, Response};
use crate::support::ws::{self, Ws};
use crate::support::{Options, any_user, start_with_tokens};

#[test]
fn callers_prove_who_they_are() {
    const NOBODY: (u16, &str) = (401, "unauthenticated");
    let (_dir, server) = start_with_tokens();
    let mut api = Api::register(server.addr, "alice");
    let token = api.identity[0]
        .1
        .strip_prefix("Bearer ")
        .unwrap()
        .to_owned();
    let (head_and_claims, signature) = token.rsplit_once('.').unwrap();
    let (_, claims) = head_and_claims.split_once('.').unwrap();
    // {"alg":"none","typ":"JWT"} in base64url.
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let credentials = [
        ("authorization", "Bearer x".to_owned()),
        ("authorization", "Bearer ".to_owned()),
        ("authorization", "Basic YTpi".to_owned()),
        ("authorization", token.clone()),
        ("authorization", format!("Bearer {none}.{claims}.")),
        (
            "authorization",
            format!("Bearer {none}.{claims}.{signature}"),
        ),
        (
            "authorization",
            format!("Bearer {head_and_claims}.{flipped}{}", &signature[1..]),
        ),
        ("authorization", format!("Bearer {}", "x".repeat(8 * 1024))),
        ("cookie", "session=x".to_owned()),
        ("cookie", format!("user_id={}", api.user_id)),
    ];
    let mut cases = vec![case("nothing", Request::get("/me").encode(), NOBODY, Lives)];
    cases.extend(credentials.iter().map(|(name, value)| {
        let request = Request::get("/me").header(name, value);
        case(
            format!("{name}: {value:.60}"),
            request.encode(),
            NOBODY,
            Lives,
        )
    }));
    let message = format!("/chats/{}/messages/{}", any_user(), any_user());
    let calls = [
        ("GET", "/chats".to_owned()),
        ("POST", "/chats".to_owned()),
        ("POST", "/ws-ticket".to_owned()),
        ("POST", "/logout".to_owned()),
        ("POST", "/logout?all=true".to_owned()),
        ("GET", "/sessions".to_owned()),
        ("DELETE", format!("/sessions/{}", any_user())),
        ("PUT", "/me/password".to_owned()),
        ("PATCH", "/me".to_owned()),
        ("DELETE", "/me".to_owned()),
        ("GET", "/me/settings".to_owned()),
        ("PATCH", "/me/settings".to_owned()),
        ("GET", "/users?prefix=a".to_owned()),
        ("GET", format!("/users/{}", api.user_id)),
        ("GET", format!("/chats/{}/messages", any_user())),
        ("GET", format!("/chats/{}/members", any_user())),
        ("PATCH", format!("/chats/{}", any_user())),
        ("DELETE", format!("/chats/{}", any_user())),
        ("POST", format!("/direct/{}", any_user())),
        ("GET", "/me/blocks".to_owned()),
        ("PUT", format!("/me/blocks/{}", any_user())),
        ("DELETE", format!("/me/blocks/{}", any_user())),
        (
            "PUT",
            format!("/chats/{}/members/{}", any_user(), any_user()),
        ),
        ("PATCH", message.clone()),
        ("DELETE", message.clone()),
        ("PUT", format!("{message}/reactions/a")),
        ("DELETE", format!("{message}/reactions/a")),
    ];
    cases.extend(calls.iter().map(|(method, path)| {
        let request = Request::new(method, path).json(&json!({}));
        case(format!("{method} {path}"), request.encode(), NOBODY, Lives)
    }));
    play_all(&server, &cases);
    assert_eq!(api.get("/me").expect(200)["username"], "alice");

    let login = |username: &str, password: &str| {
        let reply = Api::anonymous(server.addr).post(
            "/login",
            &json!({"username": username, "password": password}),
        );
        (reply.status, reply.json())
    };
    let wrong = login("alice", "wrong");
    assert_eq!(wrong.0, 401);
    assert_eq!(wrong.1["code"], "wrong_credentials");
    assert_eq!(wrong, login("nobody", PASSWORD), "no telling who exists");
}

#[test]
fn who_is_not_known_is_told_how_to_become_so() {
    const CHALLENGE: &str = r#"Bearer realm="rookery""#;
    const INVALID: &str = r#"Bearer realm="rookery", error="invalid_token""#;
    let (_dir, server) = start_with_tokens();
    let mut http = server.http();
    let connect = ws::upgrade(&format!("/ws/connect/{}", any_user()))
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let with_ticket = ws::upgrade(&format!("/ws/connect/{}?ticket=x", any_user()))
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let mut gone = Api::register(server.addr, "gone");
    gone.post("/logout", &json!({})).expect(204);
    let credentials = json!({"username": "gone", "password": "wrong"});
    let message = Request::new("POST", &format!("/chats/{}/messages", any_user()));
    for (request, challenge) in [
        (Request::get("/me"), CHALLENGE),
        (
            Request::get("/me").header("authorization", "Basic YTpi"),
            CHALLENGE,
        ),
        (Request::get("/me").header("cookie", "user_id=x"), CHALLENGE),
        (Request::new("POST", "/login").json(&credentials), CHALLENGE),
        (connect.clone(), CHALLENGE),
        (
            Request::get("/me").header("authorization", "Bearer x"),
            INVALID,
        ),
        (message.header("authorization", "bearer x"), INVALID),
        (Request::get("/me").header("cookie", "session=x"), INVALID),
        (Request::get("/me").headers(&gone.identity), INVALID),
        (connect.header("authorization", "Bearer x"), INVALID),
        (with_ticket, INVALID),
    ] {
        let reply = http.call(&request).unwrap();
        assert_eq!(reply.status, 401, "{reply:?}");
        assert_eq!(reply.header("www-authenticate"), Some(challenge));
    }
}

#[test]
fn what_is_another_s_looks_like_what_is_not_there() {
    let (_dir, server) = start_with_tokens();
    let mut alice = Api::register(server.addr, "alice");
    let mut eve = Api::register(server.addr, "eve");
    let chat = alice.create_chat("secret", &[]);
    alice.say(&chat, "psst");
    let (alice_id, eve_id) = (alice.user_id.clone(), eve.user_id.clone());
    let mut answers = |chat: &str| {
        let paths = [
            ("GET", format!("/chats/{chat}"), Value::Null),
            ("GET", format!("/chats/{chat}/messages"), Value::Null),
            ("GET", format!("/chats/{chat}/members"), Value::Null),
            (
                "POST",
                format!("/chats/{chat}/messages"),
                json!({"content": "hi"}),
            ),
            (
                "POST",
                format!("/chats/{chat}/members"),
                json!({"user_id": eve_id}),
            ),
            (
                "DELETE",
                format!("/chats/{chat}/members/{alice_id}"),
                Value::Null,
            ),
            (
                "PUT",
                format!("/chats/{chat}/members/{alice_id}"),
                json!({"role": "member"}),
            ),
            ("PATCH", format!("/chats/{chat}"), json!({"name": "hers"})),
        ];
        paths.map(|(method, path, body)| {
            let mut request = Request::new(method, &path);
            if !body.is_null() {
                request = request.json(&body);
            }
            let reply = eve.call(request);
            reply.expect_problem(404, "not_found");
            reply.body
        })
    };
    assert_eq!(answers(&chat), answers(&any_user()));
    assert_eq!(alice.history(&chat).len(), 1, "nothing came of it");

    let path = format!("/ws/connect/{}", alice.user_id);
    let as_another = Ws::connect(server.addr, ws::upgrade(&path).headers(&eve.identity));
    as_another.err().unwrap().expect_problem(403, "forbidden");
    for path in [
        "/chats/no-uuid",
        "/chats/no-uuid/messages",
        "/users/no-uuid",
    ] {
        eve.get(path).expect_problem(404, "not_found");
    }
    eve.get(&format!("/users/{}", any_user()))
        .expect_problem(404, "not_found");
}

#[test]
fn a_username_is_given_once() {
    let (_dir, server) = start_with_tokens();
    let taken = json!({"username": "alice", "password": PASSWORD});
    let replies: Vec<Response> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| Api::anonymous(server.addr).post("/users", &taken)))
            .collect();
        racers
            .into_iter()
            .map(|racer| racer.join().unwrap())
            .collect()
    });
    let (won, lost): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 201);
    assert_eq!((won.len(), lost.len()), (1, 3));
    for reply in lost {
        reply.expect_problem(409, "username_taken");
    }
}

#[test]
fn too_fast_is_told_when_to_retry() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path())
        .shards(2)
        .flag("--login-rate", 3)
        .flag("--user-rate", 5)
        .start();
    let mut alice = Api::register(server.addr, "alice");
    let chat = alice.create_chat("room", &[]);
    let refused = (0..50)
        .map(|_| alice.call(alice.message(&chat, "hi", None)))
        .find(|reply| reply.status != 200)
        .expect("50 messages at once are more than 5 a second");
    refused.expect_limit("user-rate");

    let wrong = json!({"username": "alice", "password": "wrong"});
    let mut guesser = Api::anonymous(server.addr);
    for _ in 0..3 {
        assert_eq!(guesser.post("/login", &wrong).status, 401);
    }
    let refused = guesser.post("/login", &wrong);
    refused.expect_limit("login-rate");
    let other = json!({"username": "bob", "password": "wrong"});
    assert_eq!(
        guesser.post("/login", &other).status,
        401,
        "bob is not alice"
    );
}

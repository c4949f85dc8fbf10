//! What requests ask for and carry.

use serde_json::{Value, json};

use crate::cases::{Case, Closes, HOST, Lives, case, play_all};
use crate::support::api::{Api, PASSWORD};
use crate::support::http::Request;
use crate::support::{any_user, start_trusting, start_with_tokens};

#[test]
fn methods_and_paths_are_known_or_refused() {
    let (_dir, server) = start_trusting();
    Case::play(
        &case(
            "an unknown method",
            format!("BREW /livez HTTP/1.1\r\n{HOST}\r\n"),
            (501, "method_not_implemented"),
            Closes,
        ),
        &server,
    );
    for path in [
        "/nothing",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/%c0%ae%c0%ae/x",
        "/a%0d%0ab",
    ] {
        let request = Request::get(path).encode();
        case(path, request, (404, "not_found"), Lives).play(&server);
    }
    let mut api = Api::trusted(server.addr, &any_user());
    for (method, path, allowed) in [
        ("DELETE", "/users", vec!["GET", "POST"]),
        ("GET", "/login", vec!["POST"]),
        ("PUT", "/chats", vec!["GET", "POST"]),
        ("POST", "/livez", vec!["GET"]),
    ] {
        let reply = api.call(Request::new(method, path));
        reply.expect_problem(405, "method_not_allowed");
        let allow = reply.header("allow").unwrap();
        for method in allowed {
            assert!(allow.split(", ").any(|m| m == method), "{path}: {allow}");
        }
    }
}

#[test]
fn values_are_within_their_bounds() {
    const BOUNDS: (u16, &str) = (422, "out_of_bounds");
    let (_dir, server) = start_trusting();
    let mut api = Api::trusted(server.addr, &any_user());
    let chat = api.create_chat("room", &[]);
    let messages = format!("/chats/{chat}/messages");
    let posts = [
        (messages.clone(), json!({"content": ""})),
        (messages.clone(), json!({"content": "x".repeat(4097)})),
        (messages.clone(), json!({"content": "é".repeat(2049)})),
        (messages.clone(), json!({"content": " \n\t\u{200b}"})),
        (messages.clone(), json!({"content": "a\u{0}b"})),
        (messages.clone(), json!({"content": "a\u{9b}b"})),
        (messages.clone(), json!({"content": "x", "client_id": ""})),
        (
            messages.clone(),
            json!({"content": "x", "client_id": "x".repeat(65)}),
        ),
        ("/chats".to_owned(), json!({"name": "", "members": []})),
        (
            "/chats".to_owned(),
            json!({"name": "x".repeat(129), "members": []}),
        ),
        ("/chats".to_owned(), json!({"name": " ", "members": []})),
        ("/chats".to_owned(), json!({"name": "a\nb", "members": []})),
        (
            "/chats".to_owned(),
            json!({"name": "a\u{202e}b", "members": []}),
        ),
        ("/users".to_owned(), json!({"username": ""})),
        ("/users".to_owned(), json!({"username": "x".repeat(65)})),
    ];
    let mut cases: Vec<Case> = posts
        .iter()
        .map(|(path, body)| {
            let request = Request::new("POST", path).headers(&api.identity).json(body);
            let name = format!("{path} {:.80}", body.to_string());
            case(name, request.encode(), BOUNDS, Lives)
        })
        .collect();
    let queries = [
        ("limit=0", BOUNDS),
        ("limit=101", BOUNDS),
        ("limit=x", (400, "malformed_request")),
        ("limit=-1", (400, "malformed_request")),
        ("before=x", (400, "malformed_request")),
        ("after=99999999999999999999", (400, "malformed_request")),
        ("before=5&after=5", (400, "malformed_request")),
        ("limit=5&limit=5", (400, "malformed_request")),
        ("before=5&before=6", (400, "malformed_request")),
        ("limit=5&x=%FF", (400, "malformed_request")),
        ("%FF=5", (400, "malformed_request")),
    ];
    cases.extend(queries.iter().map(|(query, refusal)| {
        let request = Request::get(&format!("{messages}?{query}")).headers(&api.identity);
        case(*query, request.encode(), *refusal, Lives)
    }));
    let long_key = Request::new("POST", &messages)
        .headers(&api.identity)
        .header("idempotency-key", &"x".repeat(65))
        .json(&json!({"content": "x"}));
    cases.push(case("a long key", long_key.encode(), BOUNDS, Lives));
    for (path, member) in [("/chats", "nobody"), ("/chats", "")] {
        let body = json!({"name": "x", "members": [member]});
        let request = Request::new("POST", path)
            .headers(&api.identity)
            .json(&body);
        cases.push(case(
            format!("member {member:?}"),
            request.encode(),
            (400, "malformed_json"),
            Lives,
        ));
    }
    play_all(&server, &cases);
    assert_eq!(api.history(&chat), Vec::<Value>::new());

    api.say(&chat, &"x".repeat(4096));
    api.say_as(&chat, "x", Some(&"x".repeat(64)));
    api.create_chat(&"x".repeat(128), &[]);
    let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
    api.create_chat(family, &[]);
    api.say(&chat, &format!("{family}\r\n\tand \u{202b}\u{5d0}\u{202c}"));
}

#[test]
fn every_call_says_what_is_wrong_with_it() {
    const BOUNDS: (u16, &str) = (422, "out_of_bounds");
    const MALFORMED: (u16, &str) = (400, "malformed_request");
    const JSON: (u16, &str) = (400, "malformed_json");
    const ABSENT: (u16, &str) = (404, "not_found");
    const UNKNOWN: (u16, &str) = (422, "unknown_member");
    let (_dir, server) = start_with_tokens();
    let mut api = Api::register(server.addr, "alice");
    let chat = api.create_chat("room", &[]);
    let (chats, messages) = (format!("/chats/{chat}"), format!("/chats/{chat}/messages"));
    let members = format!("{chats}/members");
    let long = "x".repeat(65);
    let post = |path: &str| Request::new("POST", path);
    let get = |path: &str, query: &str| Request::get(&format!("{path}?{query}"));
    let credentials = |username: &str, password: &str| {
        post("/users").json(&json!({"username": username, "password": password}))
    };
    let utf8 = "content=%ff";
    let requests = [
        ("an empty password", credentials("bob", ""), BOUNDS),
        (
            "a long password",
            credentials("bob", &"x".repeat(1025)),
            BOUNDS,
        ),
        (
            "a control character",
            credentials("b\u{7}b", PASSWORD),
            BOUNDS,
        ),
        ("a name of two words", credentials("b b", PASSWORD), BOUNDS),
        (
            "a name of emoji",
            credentials("\u{1f426}", PASSWORD),
            BOUNDS,
        ),
        (
            "a name whose small letters are too long",
            credentials(&"\u{23a}".repeat(22), PASSWORD),
            BOUNDS,
        ),
        (
            "a password with a tab",
            credentials("bob", "pass\tword1234"),
            BOUNDS,
        ),
        (
            "no password",
            post("/users").json(&json!({"username": "bob"})),
            JSON,
        ),
        (
            "no password to log in",
            post("/login").json(&json!({"username": "bob"})),
            JSON,
        ),
        (
            "no username",
            post("/login").json(&json!({"password": "x"})),
            JSON,
        ),
        ("no fields", post("/users").json(&json!({})), JSON),
        (
            "a long prefix",
            get("/users", &format!("prefix={long}")),
            BOUNDS,
        ),
        (
            "a prefix of no UTF-8",
            get("/users", "prefix=%FF"),
            MALFORMED,
        ),
        ("half a character", get("/users", "prefix=%C3"), MALFORMED),
        (
            "two prefixes",
            get("/users", "prefix=a&prefix=b"),
            MALFORMED,
        ),
        ("no users", get("/users", "limit=0"), BOUNDS),
        ("too many users", get("/users", "limit=101"), BOUNDS),
        ("some users", get("/users", "limit=some"), MALFORMED),
        (
            "users behind a long name",
            get("/users", &format!("after={long}")),
            BOUNDS,
        ),
        ("no chats", get("/chats", "limit=0"), BOUNDS),
        ("too many chats", get("/chats", "limit=1001"), BOUNDS),
        ("some chats", get("/chats", "limit=some"), MALFORMED),
        ("an empty cursor", get("/chats", "cursor="), MALFORMED),
        ("a made-up cursor", get("/chats", "cursor=next"), MALFORMED),
        (
            "a cursor of no time",
            get("/chats", &format!("cursor={}", "_".repeat(32))),
            MALFORMED,
        ),
        ("no members", get(&members, "limit=0"), BOUNDS),
        ("too many members", get(&members, "limit=1001"), BOUNDS),
        ("some members", get(&members, "limit=some"), MALFORMED),
        ("members behind no id", get(&members, "after=x"), MALFORMED),
        (
            "a chat without a name",
            post("/chats").json(&json!({"members": []})),
            JSON,
        ),
        (
            "members that are no list",
            post("/chats").json(&json!({"name": "x", "members": 1})),
            JSON,
        ),
        ("no member", post(&members).json(&json!({})), JSON),
        (
            "no member's id",
            post(&members).json(&json!({"user_id": "x"})),
            JSON,
        ),
        (
            "a member who is no user",
            post(&members).json(&json!({"user_id": any_user()})),
            UNKNOWN,
        ),
        (
            "members who are no users",
            post("/chats").json(&json!({"name": "x", "members": [any_user(), any_user()]})),
            UNKNOWN,
        ),
        (
            "a member in plain text",
            post(&members).body("text/plain", "x"),
            (415, "unsupported_media_type"),
        ),
        (
            "to remove nobody",
            Request::new("DELETE", &format!("{members}/x")),
            ABSENT,
        ),
        (
            "a repeated field",
            post(&messages).form("content=a&content=b"),
            MALFORMED,
        ),
        ("a form of no UTF-8", post(&messages).form(utf8), MALFORMED),
        (
            "a key of no bytes",
            post(&messages)
                .header("idempotency-key", "")
                .json(&json!({"content": "x"})),
            BOUNDS,
        ),
        (
            "a chat that is no id",
            get("/chats/x/messages", "limit=1"),
            ABSENT,
        ),
        ("to connect as no id", Request::get("/ws/connect/x"), ABSENT),
    ];
    let cases: Vec<Case> = requests
        .into_iter()
        .map(|(name, request, refusal)| {
            case(
                name,
                request.headers(&api.identity).encode(),
                refusal,
                Lives,
            )
        })
        .collect();
    play_all(&server, &cases);
    assert_eq!(api.history(&chat), Vec::<Value>::new());
    assert_eq!(api.get(&chats).expect(200)["members"], json!([api.user_id]));
    let found = api.get("/users?prefix=").expect(200);
    assert_eq!(found.as_array().unwrap().len(), 1, "bob was not registered");
}

#[test]
fn trust_needs_somebody_to_trust() {
    const NOBODY: (u16, &str) = (401, "unauthenticated");
    let (_dir, server) = start_trusting();
    let chat = Api::trusted(server.addr, &any_user()).create_chat("room", &[]);
    let post = Request::new("POST", &format!("/chats/{chat}/messages"));
    let nobody_s = json!({"name": "x", "members": []});
    let message = json!({"content": "x"});
    let by_no_id = json!({"content": "x", "sender_id": "me"});
    let requests = [
        ("no sender", post.clone().json(&message), NOBODY),
        (
            "no sender's id",
            post.json(&by_no_id),
            (400, "malformed_json"),
        ),
        (
            "a cookie of no id",
            Request::get("/chats").header("cookie", "user_id=x"),
            NOBODY,
        ),
        (
            "nobody's chat",
            Request::new("POST", "/chats").json(&nobody_s),
            (422, "out_of_bounds"),
        ),
    ];
    let cases: Vec<Case> = requests
        .into_iter()
        .map(|(name, request, refusal)| case(name, request.encode(), refusal, Lives))
        .collect();
    play_all(&server, &cases);
}

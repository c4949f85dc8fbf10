//! What clients ask for: bodies of all calls, as JSON and as forms, queries, and messages over a WebSocket. A whole
//! shard answers.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rookery_engine::config::AuthMode;
use rookery_engine::input::Entrance;
use rookery_fuzz::world::{CHAT, OPERATOR_TOKEN, USER, World, texts};
use rookery_fuzz::{assert_documented, pieces};
use rookery_schema::limits::PAGE_BYTES_MAX;
use rookery_testing::http::HttpReply;
use rookery_testing::ws::text_frame;
use serde_json::Value;

/// Calls with a body; `C` stands for the chat and `U` for its member. Those of the second half are operators'.
const CALLS: [(&str, &str); 10] = [
    ("POST", "/users"),
    ("POST", "/login"),
    ("POST", "/chats"),
    ("POST", "/chats/C/members"),
    ("POST", "/chats/C/messages"),
    ("POST", "/ws-ticket"),
    ("POST", "/logout"),
    ("POST", "/invites"),
    ("POST", "/users"),
    ("PUT", "/users/U/password"),
];
/// From here on they are operators'.
const OPERATORS: usize = 7;
/// What has a query.
const LISTS: [&str; 4] = ["/users", "/chats", "/chats/C/members", "/chats/C/messages"];
/// Bytes of a message that one short frame takes.
const FRAME_BYTES_MAX: usize = u16::MAX as usize;

/// The bit of the first byte that says that tokens tell who calls.
const BY_TOKEN: u8 = 0x80;

// The first byte says what is asked for, and how callers are known; the rest is what is said.
fuzz_target!(|bytes: &[u8]| {
    let Some((&what, said)) = bytes.split_first() else {
        return;
    };
    let auth = match what & BY_TOKEN {
        0 => AuthMode::Trust,
        _ => AuthMode::Token,
    };
    let what = usize::from(what & !BY_TOKEN);
    match what % (2 * CALLS.len() + LISTS.len() + 1) {
        call @ ..10 => ask(auth, call, "application/json", said),
        form @ 10..20 => ask(auth, form - 10, "application/x-www-form-urlencoded", said),
        list @ 20..24 => list_all(auth, LISTS[list - 20], said),
        _ => say(auth, said),
    }
});

fn ask(auth: AuthMode, call: usize, content_type: &str, body: &[u8]) {
    let (method, path) = CALLS[call];
    let mut world = World::new(auth);
    let of_user = world.credentials(auth);
    let (entrance, credentials) = if call >= OPERATORS {
        (
            Entrance::Admin,
            format!("Authorization: Bearer {OPERATOR_TOKEN}"),
        )
    } else {
        (Entrance::Public { operations: false }, of_user)
    };
    let head = format!(
        "{method} {} HTTP/1.1\r\nHost: localhost\r\n{credentials}\r\nContent-Type: {content_type}\r\n\
         Content-Length: {}\r\n\r\n",
        with_ids(path),
        body.len(),
    );
    let request = [head.as_bytes(), body].concat();
    let reply = world.call(entrance, [&request[..]]);
    check_reply(reply.clone());
    let mut other = World::new(auth);
    // What is random is the same from here on.
    other.credentials(auth);
    assert_eq!(other.call(entrance, pieces(&request)), reply);
    // Whatever was changed can be shown.
    for path in ["/chats", "/chats/C/messages"] {
        let shown = get(&mut world, auth, path, "");
        assert_eq!(check_reply(shown).status, 200);
    }
}

fn list_all(auth: AuthMode, path: &str, query: &[u8]) {
    let is_sent = |byte: &u8| byte.is_ascii_graphic() && *byte != b'#';
    if let Ok(query) = std::str::from_utf8(query)
        && query.bytes().all(|byte| is_sent(&byte))
    {
        check_reply(get(&mut World::new(auth), auth, path, query));
    }
}

fn get(world: &mut World, auth: AuthMode, path: &str, query: &str) -> Vec<u8> {
    let path = with_ids(path);
    let credentials = world.credentials(auth);
    let request =
        format!("GET {path}?{query} HTTP/1.1\r\nHost: localhost\r\n{credentials}\r\n\r\n");
    world.call(Entrance::Public { operations: false }, [request.as_bytes()])
}

fn with_ids(path: &str) -> String {
    let path = path.replace('C', &CHAT.to_string());
    path.replace('U', &USER.to_string())
}

/// One reply, whole, which says why where it is no success.
fn check_reply(mut reply: Vec<u8>) -> HttpReply {
    let only = HttpReply::take(&mut reply).expect("every request is answered");
    assert!(reply.is_empty(), "one request has one reply");
    assert!(only.body.len() <= PAGE_BYTES_MAX);
    match only.status {
        200 | 201 => drop(only.json()),
        204 => assert!(only.body.is_empty()),
        status => {
            let problem = only.json();
            assert_eq!(problem["status"], status);
            assert!(
                (400..500).contains(&status),
                "nothing is amiss with the server: {problem}"
            );
            assert_documented(problem["code"].as_str().expect("a code"));
        }
    }
    only
}

/// Each message is answered by one, and what was posted is heard once.
fn say(auth: AuthMode, said: &[u8]) {
    let Ok(said) = std::str::from_utf8(said) else {
        return;
    };
    if said.len() > FRAME_BYTES_MAX {
        return;
    }
    let mut world = World::new(auth);
    let conn = world.listen();
    let heard = world.receive(conn, &text_frame(said));
    let heard = texts(heard)
        .into_iter()
        .map(|text| serde_json::from_slice::<Value>(&text).expect("what is sent is JSON"));
    let (mut answers, mut messages) = (0, 0);
    for text in heard {
        match text["type"].as_str() {
            Some("ack" | "pong") => answers += 1,
            Some("error") => {
                answers += 1;
                assert_documented(text["code"].as_str().expect("a code"));
            }
            Some("message") => messages += 1,
            _ => panic!("{text}"),
        }
    }
    assert_eq!(answers, 1);
    assert!(messages <= 1);
}

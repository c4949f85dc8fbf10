//! Bodies: what they may be, and who is named in them.

use serde_json::{Value, json};

use crate::cases::{Case, Lives, case, play_all};
use crate::support::api::Api;
use crate::support::http::Request;
use crate::support::{any_user, start_trusting, start_with_tokens};

#[test]
fn bodies_are_what_they_say() {
    const JSON: (u16, &str) = (400, "malformed_json");
    let (_dir, server) = start_trusting();
    let mut api = Api::trusted(server.addr, &any_user());
    let chat = api.create_chat("room", &[]);
    let path = format!("/chats/{chat}/messages");
    let identity = api.identity.clone();
    let post = |media_type: &str, body: &[u8]| {
        Request::new("POST", &path)
            .headers(&identity)
            .body(media_type, body)
            .encode()
    };
    let deep = format!(
        r#"{{"content":{}1{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let bodies: [&[u8]; 19] = [
        b"",
        b"{",
        b"null",
        b"[]",
        br#"["content"]"#,
        b"\"content\"",
        b"{\"content\":1}",
        b"{\"content\":null}",
        b"{}",
        br#"{"content":"a"} x"#,
        br#"{"content":"a","content":"b"}"#,
        br#"{"content":NaN}"#,
        br#"{"content":"\ud800"}"#,
        b"{\"content\":\"\xff\"}",
        b"{\"content\":\"a\",\"x\":\"\xff\"}",
        b"{\"content\":\"a\",\"\xc3\":1}",
        b"{\"content\":\"a\",\"x\":[{\"y\":\"\xed\xa0\x80\"}]}",
        br#"{"content":1e400}"#,
        deep.as_bytes(),
    ];
    let mut cases: Vec<Case> = bodies
        .iter()
        .map(|body| {
            let name = String::from_utf8_lossy(&body[..body.len().min(60)]);
            case(name, post("application/json", body), JSON, Lives)
        })
        .collect();
    let media_types = [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "",
    ];
    cases.extend(media_types.iter().map(|media_type| {
        let bytes = post(media_type, br#"{"content":"a"}"#);
        let refusal = (415, "unsupported_media_type");
        case(format!("media type {media_type:?}"), bytes, refusal, Lives)
    }));
    let form = post("application/x-www-form-urlencoded", b"contents=a");
    cases.push(case(
        "a form without content",
        form,
        (400, "malformed_json"),
        Lives,
    ));
    play_all(&server, &cases);

    let history = api.history(&chat);
    assert_eq!(
        history,
        Vec::<Value>::new(),
        "what was refused left no trace"
    );
    let mut http = server.http();
    http.write(&post(
        "application/json; charset=utf-8",
        br#"{"content":"a"}"#,
    ))
    .unwrap();
    assert_eq!(http.receive().unwrap().status, 200);
}

#[test]
fn a_body_that_can_t_be_read_is_told_what_can() {
    let (_dir, server) = start_trusting();
    let mut api = Api::trusted(server.addr, &any_user());
    let chat = api.create_chat("room", &[]);
    let message = json!({"content": "a"});
    let post = Request::new("POST", &format!("/chats/{chat}/messages"));
    let text = api.call(post.clone().body("text/plain", "a"));
    text.expect_problem(415, "unsupported_media_type");
    assert_eq!(
        text.header("accept"),
        Some("application/json, application/x-www-form-urlencoded")
    );
    for coding in ["gzip", "br, identity", "identity\r\ncontent-encoding: gzip"] {
        let coded = post.clone().header("content-encoding", coding);
        let coded = api.call(coded.json(&message));
        coded.expect_problem(415, "unsupported_content_coding");
        assert_eq!(coded.header("accept-encoding"), Some("identity"));
    }
    assert_eq!(api.history(&chat), Vec::<Value>::new());
    let plain = post.header("content-encoding", "identity").json(&message);
    assert_eq!(api.call(plain).status, 200);
}

#[test]
fn members_of_a_form_may_be_marked_as_a_list() {
    let (_dir, server) = start_trusting();
    let mut api = Api::trusted(server.addr, &any_user());
    let (one, two) = (any_user(), any_user());
    for form in [
        format!("name=x&members[]={one}&members[]={two}"),
        format!("name=x&members%5B%5D={one}&members={two}"),
        format!("name=x&members={one}&members={two}"),
    ] {
        let chat = api.call(Request::new("POST", "/chats").form(&form));
        let members = chat.expect(201)["members"].take();
        assert_eq!(members, json!([one, two, api.user_id]), "{form}");
    }
    let no_list = Request::new("POST", "/chats").form("name[]=x");
    api.call(no_list).expect_problem(400, "malformed_json");
}

#[test]
fn a_sender_in_the_body_is_looked_at_only_where_it_counts() {
    let nobody_s = [json!("me"), json!(7), json!({"a": []}), Value::Null];
    let (_dir, server) = start_with_tokens();
    let mut alice = Api::register(server.addr, "alice");
    let chat = alice.create_chat("room", &[]);
    for sender in nobody_s.iter().chain([&json!(any_user())]) {
        let new_chat = json!({"name": "x", "sender_id": sender});
        let chat_of_alice = alice.post("/chats", &new_chat).expect(201);
        assert_eq!(chat_of_alice["members"], json!([alice.user_id]));
        let message = json!({"content": "x", "sender_id": sender});
        let posted = alice.post(&format!("/chats/{chat}/messages"), &message);
        assert_eq!(posted.status, 200, "{sender}");
        let member = json!({"user_id": alice.user_id, "sender_id": sender});
        let added = alice.post(&format!("/chats/{chat}/members"), &member);
        assert_eq!(added.status, 200, "{sender}");
    }
    for message in alice.history(&chat) {
        assert_eq!(message["sender_id"], alice.user_id);
    }

    let (_dir, trusting) = start_trusting();
    let mut named = Api::trusted(trusting.addr, &any_user());
    let chat = named.create_chat("room", &[]);
    let message = json!({"content": "x", "sender_id": "me"});
    let posted = named.post(&format!("/chats/{chat}/messages"), &message);
    assert_eq!(posted.status, 200, "the cookie counts");
    let mut unnamed = Api::anonymous(trusting.addr);
    let message = json!({"content": "x", "sender_id": named.user_id});
    let posted = unnamed.post(&format!("/chats/{chat}/messages"), &message);
    assert_eq!(posted.status, 200, "nothing else tells who it is");
    for message in named.history(&chat) {
        assert_eq!(message["sender_id"], named.user_id);
    }
}

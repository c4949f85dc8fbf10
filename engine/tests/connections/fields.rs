//! A refusal of what a client sent names the field, and what is wrong with it; or the place where the text breaks.

mod texts;
mod users;

use std::sync::Arc;

use rookery_engine::config::AuthMode;
use rookery_engine::ids::ConnId;
use rookery_testing::http::HttpReply;
use rookery_testing::ws::text_frame;
use serde_json::Value;

use crate::host::Host;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const OPERATOR: &str = "Authorization: Bearer a token of an operator, for tests\r\n";

/// A call that is refused, for a field and a fault.
type Refused<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

fn ask(host: &mut Host, conn: ConnId, call: (&str, &str, &str, &str), header: &str) -> Value {
    let (method, path, media_type, body) = call;
    let (user, length) = (host.user, body.len());
    let chat = host.chat.to_string();
    let path = path
        .replace("{chat}", &chat)
        .replace("{user}", &user.to_string());
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nCookie: user_id={user}\r\n{header}\
         Content-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    host.send(conn, request.as_bytes());
    let mut replies = host.read_all(conn);
    let reply = HttpReply::take(&mut replies).unwrap_or_else(|| panic!("{path} {body}"));
    assert!(
        (400..500).contains(&reply.status),
        "{path} {body}: {reply:?}"
    );
    reply.json()
}

/// A shard that operators may call.
fn with_operators() -> Host {
    Host::with(AuthMode::Token, |config| {
        config.operator_token = Some(Arc::new("a token of an operator, for tests"));
    })
}

#[track_caller]
fn assert_names(problem: &Value, field: &str, code: &str, what: &str) {
    let error = &problem["errors"][0];
    assert_eq!(error["field"], field, "{what}: {problem}");
    assert_eq!(error["code"], code, "{what}: {problem}");
    assert_eq!(error["detail"], problem["detail"], "{what}");
    assert!(problem["detail"].as_str().unwrap().len() < 200, "{what}");
    assert!(problem.get("line").is_none(), "it is JSON: {problem}");
}

fn play(host: &mut Host, conn: ConnId, media_type: &str, header: &str, cases: &[Refused<'_>]) {
    for (method, path, body, field, code) in cases {
        let problem = ask(host, conn, (method, path, media_type, body), header);
        assert_names(&problem, field, code, &format!("{path} {body:.80}"));
    }
}

#[test]
fn every_call_names_the_field_that_is_wrong() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let (messages, members) = ("/chats/{chat}/messages", "/chats/{chat}/members");
    let (chat, member) = ("/chats/{chat}", "/chats/{chat}/members/{user}");
    let about = format!(r#"{{"description":"{}"}}"#, "x".repeat(1025));
    let long = |field: &str, bytes: usize| format!(r#"{{"{field}":"{}"}}"#, "x".repeat(bytes));
    let (name, content) = (long("name", 129), long("content", 4097));
    let long_id = format!(r#"{{"content":"x","client_id":"{}"}}"#, "x".repeat(65));
    let read = "/chats/{chat}/read";
    let cases: [Refused<'_>; _] = [
        ("PUT", read, "{}", "seq", "missing"),
        ("PUT", read, r#"{"seq":"1"}"#, "seq", "malformed"),
        ("PUT", read, r#"{"seq":-1}"#, "seq", "malformed"),
        ("POST", messages, "{}", "content", "missing"),
        (
            "POST",
            messages,
            r#"{"content":null}"#,
            "content",
            "malformed",
        ),
        ("POST", messages, r#"{"content":7}"#, "content", "malformed"),
        (
            "POST",
            messages,
            r#"{"content":["x"]}"#,
            "content",
            "malformed",
        ),
        (
            "POST",
            messages,
            r#"{"content":{"content":"x"}}"#,
            "content",
            "malformed",
        ),
        (
            "POST",
            messages,
            r#"{"content":"a","x":1,"content":"b"}"#,
            "content",
            "repeated",
        ),
        (
            "POST",
            messages,
            r#"{"content":""}"#,
            "content",
            "too_short",
        ),
        ("POST", messages, &content, "content", "too_long"),
        (
            "POST",
            messages,
            r#"{"content":"x","client_id":true}"#,
            "client_id",
            "malformed",
        ),
        (
            "POST",
            messages,
            r#"{"content":"x","client_id":""}"#,
            "client_id",
            "too_short",
        ),
        ("POST", messages, &long_id, "client_id", "too_long"),
        (
            "GET",
            "/chats/{chat}/messages?limit=0",
            "",
            "limit",
            "out_of_range",
        ),
        (
            "GET",
            "/chats/{chat}/messages?limit=x",
            "",
            "limit",
            "malformed",
        ),
        (
            "GET",
            "/chats/{chat}/messages?limit=1&limit=1",
            "",
            "limit",
            "repeated",
        ),
        (
            "GET",
            "/chats/{chat}/messages?before=-1",
            "",
            "before",
            "malformed",
        ),
        (
            "GET",
            "/chats/{chat}/messages?after=1.5",
            "",
            "after",
            "malformed",
        ),
        (
            "GET",
            "/chats/{chat}/messages?after=%ff",
            "",
            "after",
            "malformed",
        ),
        (
            "GET",
            "/chats/{chat}/messages?before=1&after=1",
            "",
            "after",
            "conflicting",
        ),
        ("PATCH", chat, r#"{"name":""}"#, "name", "too_short"),
        ("PATCH", chat, &about, "description", "too_long"),
        (
            "PATCH",
            chat,
            r#"{"description":"a\u001bb"}"#,
            "description",
            "forbidden_characters",
        ),
        (
            "PATCH",
            chat,
            r#"{"members_may_add":"yes"}"#,
            "members_may_add",
            "malformed",
        ),
        ("PATCH", chat, r#"{"history":"x"}"#, "history", "unknown"),
        ("PUT", member, "{}", "role", "missing"),
        ("PUT", member, r#"{"role":"x"}"#, "role", "unknown"),
        ("POST", "/chats", r#"{"members":[]}"#, "name", "missing"),
        ("POST", "/chats", r#"{"name":""}"#, "name", "too_short"),
        ("POST", "/chats", &name, "name", "too_long"),
        (
            "POST",
            "/chats",
            r#"{"name":"x","members":"y"}"#,
            "members",
            "malformed",
        ),
        (
            "POST",
            "/chats",
            r#"{"name":"x","members":["y"]}"#,
            "members",
            "malformed",
        ),
        (
            "POST",
            "/chats",
            r#"{"name":"x","members":[7]}"#,
            "members",
            "malformed",
        ),
        ("GET", "/chats?limit=1001", "", "limit", "out_of_range"),
        ("GET", "/chats?cursor=next", "", "cursor", "malformed"),
        ("POST", members, "{}", "user_id", "missing"),
        (
            "POST",
            members,
            r#"{"user_id":"x"}"#,
            "user_id",
            "malformed",
        ),
        (
            "GET",
            "/chats/{chat}/members?after=x",
            "",
            "after",
            "malformed",
        ),
    ];
    play(&mut host, conn, JSON, "", &cases);
    let forms: [Refused<'_>; _] = [
        ("POST", messages, "client_id=x", "content", "missing"),
        (
            "POST",
            messages,
            "content=a&content=b",
            "content",
            "repeated",
        ),
        (
            "POST",
            messages,
            "client_id=x&content=%ff",
            "content",
            "malformed",
        ),
        ("POST", "/chats", "name=x&members=y", "members", "malformed"),
        (
            "POST",
            "/chats",
            "name=x&members[]=y",
            "members",
            "malformed",
        ),
    ];
    play(&mut host, conn, FORM, "", &forms);
    let key = format!("Idempotency-Key: {}\r\n", "x".repeat(65));
    for (key, code) in [
        (&*key, "too_long"),
        ("Idempotency-Key: \"\"\r\n", "too_short"),
    ] {
        let body = r#"{"content":"x"}"#;
        play(
            &mut host,
            conn,
            JSON,
            key,
            &[("POST", messages, body, "Idempotency-Key", code)],
        );
    }
    assert!(host.asked.is_empty(), "nothing is done");
}

#[test]
fn a_sender_who_is_none_is_named() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let body = r#"{"content":"x","sender_id":"me"}"#;
    let cookie = format!("Cookie: user_id={}\r\n", host.user);
    let post = host.request("POST", &format!("/chats/{}/messages", host.chat), body);
    let post = String::from_utf8(post).unwrap().replace(&cookie, "");
    host.send(conn, post.as_bytes());
    let reply = HttpReply::take(&mut host.read_all(conn)).unwrap();
    assert_names(&reply.json(), "sender_id", "malformed", body);
}

#[test]
fn a_form_takes_a_number_as_text_and_says_where_that_is_none() {
    let mut host = with_operators();
    let operator = host.accept_operator();
    let invited = |host: &mut Host, body: &str| {
        let length = body.len();
        let request = format!(
            "POST /invites HTTP/1.1\r\nHost: localhost\r\n{OPERATOR}Content-Type: {FORM}\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        host.send(operator, request.as_bytes());
        let mut replies = host.read_all(operator);
        HttpReply::take(&mut replies).unwrap().status
    };
    assert_eq!(invited(&mut host, "expires_in=3600"), 201);
    assert_eq!(invited(&mut host, "expires_in=3600&other=x"), 201);
    let cases: [Refused<'_>; _] = [
        (
            "POST",
            "/invites",
            "expires_in=1",
            "expires_in",
            "out_of_range",
        ),
        (
            "POST",
            "/invites",
            "expires_in=-60",
            "expires_in",
            "malformed",
        ),
        ("POST", "/invites", "expires_in=", "expires_in", "malformed"),
        (
            "POST",
            "/invites",
            "expires_in=x",
            "expires_in",
            "malformed",
        ),
        (
            "POST",
            "/invites",
            "expires_in=3600&expires_in=3600",
            "expires_in",
            "repeated",
        ),
    ];
    play(&mut host, operator, FORM, OPERATOR, &cases);

    let mut host = Host::in_trust();
    let conn = host.accept();
    let read = "/chats/{chat}/read";
    let cases: [Refused<'_>; _] = [
        ("PUT", read, "seq=x", "seq", "malformed"),
        ("PUT", read, "seq=1.5", "seq", "malformed"),
        ("PUT", read, "chat=1", "seq", "missing"),
    ];
    play(&mut host, conn, FORM, "", &cases);
}

#[test]
fn a_whole_number_may_be_written_with_a_fraction_of_zero() {
    let mut host = with_operators();
    let operator = host.accept_operator();
    for (seconds, status) in [
        ("3600.0", 201),
        ("3.6e3", 201),
        ("3600.5", 400),
        ("-3600.0", 400),
        ("59.0", 422),
        ("1e300", 400),
    ] {
        let body = format!(r#"{{"expires_in":{seconds}}}"#);
        let request = format!(
            "POST /invites HTTP/1.1\r\nHost: localhost\r\n{OPERATOR}Content-Type: {JSON}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        host.send(operator, request.as_bytes());
        let reply = HttpReply::take(&mut host.read_all(operator)).unwrap();
        assert_eq!(reply.status, status, "{seconds}");
    }
}

#[test]
fn a_body_that_is_no_json_is_refused_where_it_breaks() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let deep = format!(r#"{{"content":"x","client_id":{}"#, "[".repeat(1000));
    for (body, line, column, why) in [
        ("", 1, 1, "a JSON object"),
        ("  [1]", 1, 3, "a JSON object"),
        ("{", 1, 1, "EOF while parsing an object"),
        ("{\n \"content\": \"x\",\n}", 3, 1, "trailing comma"),
        (r#"{"content":NaN}"#, 1, 12, "expected value"),
        ("{\"content\":\"a\nb\"}", 2, 0, "control character"),
        (r#"{"content":"\ud800"}"#, 1, 19, "hex escape"),
        (r#"{"content":"a"} x"#, 1, 17, "trailing characters"),
        (r#"{"content":7,"x":}"#, 1, 18, "expected value"),
        (&deep, 1, 154, "recursion limit"),
    ] {
        let call = ("POST", "/chats/{chat}/messages", JSON, body);
        let problem = ask(&mut host, conn, call, "");
        assert_eq!(problem["code"], "malformed_json", "{body:.80}");
        let at = (&problem["line"], &problem["column"]);
        assert_eq!(at, (&line.into(), &column.into()), "{body:.80}: {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(why), "{body:.80}: {detail}");
        let place = format!("line {line}, column {column}: ");
        assert!(detail.starts_with(&place), "{detail}");
        assert!(problem.get("errors").is_none(), "no field is known");
    }
    let path = format!("/chats/{}/messages", host.chat);
    let mut request = host.request("POST", &path, "{\n\"content\":\"-\"}");
    let dash = request.iter().rposition(|byte| *byte == b'-').unwrap();
    request[dash] = 0xff;
    host.send(conn, &request);
    let problem = HttpReply::take(&mut host.read_all(conn)).unwrap().json();
    assert_eq!([&problem["line"], &problem["column"]], [2, 12]);
}

#[test]
fn what_is_wrong_with_a_field_is_said_in_the_words_of_json() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let id = host.user;
    let listed = format!(r#"{{"name":"x","members":["{id}",[]]}}"#);
    for (path, body, detail) in [
        (
            "/chats",
            r#"{"name":7}"#,
            "name must be a string, and is a number",
        ),
        ("/chats", r#"{}"#, "name is missing"),
        ("/chats", r#"{"name":"x","name":"y"}"#, "name is repeated"),
        (
            "/chats",
            r#"{"name":"x","members":{}}"#,
            "members must be a list, and is an object",
        ),
        (
            "/chats",
            &listed,
            "members[1] must be a UUID string in the hyphenated format, and is a list",
        ),
    ] {
        let problem = ask(&mut host, conn, ("POST", path, JSON, body), "");
        assert_eq!(problem["detail"], detail, "{body}");
    }
}

#[test]
fn a_message_of_a_websocket_is_refused_for_its_field() {
    let mut host = Host::in_trust();
    let conn = host.listen();
    let chat = host.chat;
    let send = |rest: &str| format!(r#"{{"type":"send","chat_id":"{chat}"{rest}}}"#);
    for (message, field, code) in [
        ("{}".to_owned(), "type", "missing"),
        (r#"{"type":7}"#.to_owned(), "type", "malformed"),
        (r#"{"type":"shout"}"#.to_owned(), "type", "unknown"),
        (
            r#"{"type":"send","content":"x"}"#.to_owned(),
            "chat_id",
            "missing",
        ),
        (
            r#"{"type":"send","chat_id":"x"}"#.to_owned(),
            "chat_id",
            "malformed",
        ),
        (
            format!(r#"{{"type":"read","chat_id":"{chat}"}}"#),
            "seq",
            "missing",
        ),
        (send(""), "content", "missing"),
        (send(r#","content":7"#), "content", "malformed"),
        (send(r#","content":"""#), "content", "too_short"),
        (
            send(r#","content":"x","client_id":"""#),
            "client_id",
            "too_short",
        ),
        (
            send(r#","content":"x","content":"x""#),
            "content",
            "repeated",
        ),
    ] {
        let error = said(&mut host, conn, &message);
        assert_names(&error, field, code, &message);
    }
    let error = said(&mut host, conn, "{\"type\":\n\"send\",,}");
    assert_eq!([&error["line"], &error["column"]], [2, 8], "{error}");
    assert_eq!(error["code"], "malformed_json");
}

fn said(host: &mut Host, conn: ConnId, message: &str) -> Value {
    host.send(conn, &text_frame(message));
    let heard = host.read_all(conn);
    let begin = heard.iter().position(|byte| *byte == b'{').unwrap();
    serde_json::from_slice(&heard[begin..]).unwrap()
}

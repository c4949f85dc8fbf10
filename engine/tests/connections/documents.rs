//! The documents that describe the API, as they are sent.

use rookery_engine::ids::ConnId;
use rookery_engine::{ASYNCAPI, OPENAPI};

use crate::host::Host;

pub(crate) fn request(method: &str, path: &str, more: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n")
}

/// The next reply of a connection whose client has read `bytes`: its status, head and body.
pub(crate) fn next<'a>(bytes: &mut &'a str, has_body: bool) -> (&'a str, &'a str, &'a str) {
    let (head, rest) = bytes.split_once("\r\n\r\n").unwrap();
    let length = field(head, "Content-Length").map_or(0, |text| text.parse().unwrap());
    let (body, rest) = rest.split_at(if has_body { length } else { 0 });
    *bytes = rest;
    (head.split(' ').nth(1).unwrap(), head, body)
}

pub(crate) fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(it, _)| *it == name).map(|(_, value)| value)
}

pub(crate) fn ask(host: &mut Host, conn: ConnId, requests: &str) -> String {
    host.send(conn, requests.as_bytes());
    String::from_utf8(host.read_all(conn)).unwrap()
}

#[test]
fn they_come_in_their_turn_and_whole() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let train = [
        request("GET", "/livez", ""),
        request("GET", "/openapi.json", ""),
        request("HEAD", "/openapi.json", ""),
        request("GET", "/asyncapi.json", ""),
        request("GET", "/livez", ""),
        request("GET", "/about", "Connection: close\r\n"),
    ];
    let replies = ask(&mut host, conn, &train.concat());
    let rest = &mut replies.as_str();
    assert_eq!(next(rest, true).2, "alive\n");
    assert_eq!(next(rest, true).2, OPENAPI);
    let (status, head, _) = next(rest, false);
    let length = OPENAPI.len().to_string();
    assert_eq!(
        (status, field(head, "Content-Length")),
        ("200", Some(&*length))
    );
    assert_eq!(next(rest, true).2, ASYNCAPI);
    assert_eq!(next(rest, true).2, "alive\n");
    let (_, head, body) = next(rest, true);
    assert_eq!(field(head, "Connection"), Some("close"));
    for path in ["/openapi.json", "/asyncapi.json"] {
        assert!(body.contains(path), "{body}");
    }
    assert_eq!(*rest, "");
    assert!(host.is_closed(conn));
}

#[test]
fn who_has_one_is_told_so() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let reply = ask(&mut host, conn, &request("GET", "/openapi.json", ""));
    let (_, head, _) = next(&mut reply.as_str(), true);
    assert_eq!(field(head, "Content-Type"), Some("application/json"));
    assert_eq!(field(head, "Cache-Control"), Some("no-cache"));
    let etag = field(head, "ETag").unwrap();
    assert!(
        etag.starts_with('"') && etag.ends_with('"'),
        "a strong one: {etag}"
    );

    for (known, status) in [
        (etag.to_owned(), "304"),
        (format!("\"other\", W/{etag}"), "304"),
        ("*".to_owned(), "304"),
        ("\"other\"".to_owned(), "200"),
        (etag.trim_matches('"').to_owned(), "200"),
    ] {
        let known = format!("If-None-Match: {known}\r\n");
        let reply = ask(&mut host, conn, &request("GET", "/openapi.json", &known));
        let rest = &mut reply.as_str();
        let (found, head, body) = next(rest, true);
        assert_eq!(
            (found, field(head, "ETag")),
            (status, Some(etag)),
            "{known}"
        );
        assert_eq!(body.is_empty(), status == "304");
        assert_eq!(*rest, "", "nothing is behind it");
    }
    let other = ask(&mut host, conn, &request("GET", "/asyncapi.json", ""));
    let (_, head, _) = next(&mut other.as_str(), true);
    assert_ne!(field(head, "ETag"), Some(etag));
}

#[test]
fn they_are_not_copied_for_those_who_do_not_read_them() {
    const CLIENTS: usize = 100;
    let mut host = Host::in_trust();
    for _ in 0..CLIENTS {
        let conn = host.accept();
        host.send(conn, request("GET", "/openapi.json", "").as_bytes());
        assert!(host.waiting_bytes(conn) > OPENAPI.len());
    }
    let held = host.held_bytes();
    assert!(held < OPENAPI.len() as u64, "{held} bytes");
}

//! Request lines, targets, header fields and `Host`.

use rookery_engine::http::{Method, Refusal, Version};

use crate::support::{FIRST, accept, feed, get_with, refuse};

#[test]
fn every_method_is_recognized_by_its_exact_name() {
    let methods = [
        ("GET", Method::Get),
        ("HEAD", Method::Head),
        ("POST", Method::Post),
        ("PUT", Method::Put),
        ("PATCH", Method::Patch),
        ("DELETE", Method::Delete),
        ("OPTIONS", Method::Options),
    ];
    for (name, method) in methods {
        let request = accept(format!("{name} /x HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(request.method, method);
        assert_eq!(method.name(), name);
    }
    for name in ["get", "BREW", "TRACE", "PROPFIND", "GETT"] {
        refuse(
            format!("{name} / HTTP/1.1\r\nHost: a\r\n\r\n"),
            Refusal::METHOD_NOT_IMPLEMENTED,
        );
    }
    refuse(
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
        Refusal::METHOD_NOT_IMPLEMENTED,
    );
}

#[test]
fn a_target_is_taken_apart() {
    let cases: &[(&str, &str, &str, Option<&str>)] = &[
        ("GET", "/", "/", None),
        ("GET", "/a/b?c=d", "/a/b", Some("c=d")),
        ("GET", "/a?", "/a", Some("")),
        ("GET", "/a?b?c", "/a", Some("b?c")),
        ("GET", "/a%20b%2Fc?d=%00", "/a%20b%2Fc", Some("d=%00")),
        ("GET", "//a/../b", "//a/../b", None),
        ("GET", "http://a", "/", None),
        ("GET", "http://a?b=c", "/", Some("b=c")),
        ("GET", "HTTP://a:80/b?c", "/b", Some("c")),
        ("GET", "https://[::1]:8000/b", "/b", None),
        ("OPTIONS", "*", "*", None),
        ("OPTIONS", "http://a", "*", None),
        ("OPTIONS", "http://a?b", "/", Some("b")),
        ("OPTIONS", "http://a/", "/", None),
        ("OPTIONS", "/a", "/a", None),
    ];
    for &(method, target, path, query) in cases {
        let request = accept(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!((request.path(), request.query()), (path, query), "{target}");
    }
}

#[test]
fn an_unreserved_character_is_the_same_encoded_or_not() {
    for (target, path) in [
        ("/%63hats", "/chats"),
        ("/%41%5a%61%7a%30%39%2D%2e%5F%7e", "/AZaz09-._~"),
        ("/%2e%2e/etc", "/../etc"),
        ("/a%2fb%2F%3A%25%20", "/a%2fb%2F%3A%25%20"),
        ("/%2561", "/%2561"),
        ("/%e9%C3%A9", "/%e9%C3%A9"),
        ("/%6%61%", "/%6a%"),
        ("/%g1%6g%61", "/%g1%6ga"),
        ("http://a/%63?%63", "/c"),
    ] {
        let request = accept(format!("GET {target} HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n"));
        assert_eq!(request.path(), path);
        assert_eq!(request.header("x"), Some(&b"y"[..]));
    }
    let request = accept("GET /%63?%63=%61 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(request.query(), Some("%63=%61"));
}

#[test]
fn a_malformed_target_is_refused() {
    let targets = [
        "*",
        "a",
        "a/b",
        "a:443",
        "?a=b",
        "/a#b",
        "/a?b#c",
        "/a%00",
        "/a%00b/c",
        "/..\\a",
        "/caf\u{e9}",
        "/a?caf\u{e9}",
        "ftp://a/",
        "http:/a",
        "http:///a",
        "http://user@a/",
        "http://a:b/",
        "://a/",
    ];
    for target in targets {
        refuse(
            format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"),
            Refusal::BAD_TARGET,
        );
    }
}

#[test]
fn a_malformed_request_line_is_refused() {
    let lines = [
        "GET",
        "GET /",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        " GET / HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTQ/1.1",
        "GET / HTTP",
        "GET / HTTP/",
        "GET / HTTP/1",
        "GET / HTTP/1.",
        "GET / HTTP/2",
        "GET / HTTP/1.x",
        "GET / HTTP/x.1",
        "GET / HTTP/1,1",
        "GET / HTTP/10.1",
        "GET / HTTP/-1.1",
        "GET /a b HTTP/1.1",
        "GET /a\u{0} HTTP/1.1",
        "GET /a\u{1b} HTTP/1.1",
        "G\u{e9}T / HTTP/1.1",
        "G(T / HTTP/1.1",
    ];
    for line in lines {
        refuse(
            format!("{line}\r\nHost: a\r\n\r\n"),
            Refusal::BAD_REQUEST_LINE,
        );
    }
    refuse(
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        Refusal::BAD_LINE_ENDING,
    );
}

#[test]
fn later_minor_versions_are_read_as_1_1_and_other_major_ones_are_refused() {
    assert_eq!(accept("GET / HTTP/1.0\r\n\r\n").version, Version::Http10);
    for version in ["HTTP/1.1", "HTTP/1.2", "HTTP/1.9"] {
        let request = accept(format!(
            "POST /a?b {version}\r\nHost: a\r\nX: y\r\nContent-Length: 2\r\n\r\nhi"
        ));
        assert_eq!(request.version, Version::Http11);
        assert!(request.keep_alive);
        assert_eq!((request.path(), request.query()), ("/a", Some("b")));
        assert_eq!(request.header("x"), Some(&b"y"[..]));
        assert_eq!(request.body, "hi");
    }
    refuse("GET / HTTP/1.2\r\n\r\n", Refusal::BAD_HOST);
    refuse(
        "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
        Refusal::BAD_LINE_ENDING,
    );
    for version in ["HTTP/9.9", "HTTP/2.0", "HTTP/3.1", "HTTP/0.9"] {
        refuse(
            format!("GET / {version}\r\nHost: a\r\n\r\n"),
            Refusal::VERSION_NOT_SUPPORTED,
        );
    }
}

/// The senders of these wait for an answer and may never send the end of a head.
#[test]
fn what_cannot_become_a_request_is_refused_at_once() {
    let cases: &[(&[u8], Refusal)] = &[
        (
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            Refusal::VERSION_NOT_SUPPORTED,
        ),
        (b"PRI * HTTP/2.0\r\n", Refusal::VERSION_NOT_SUPPORTED),
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            Refusal::BAD_REQUEST_LINE,
        ),
        (b"\x00", Refusal::BAD_REQUEST_LINE),
        (b"\xff\xfe\xfd", Refusal::BAD_REQUEST_LINE),
        (b"GET /\r\n", Refusal::BAD_REQUEST_LINE),
        (b"GET / HTTP/9.9", Refusal::VERSION_NOT_SUPPORTED),
        (b"GET / HTTP/9x", Refusal::BAD_REQUEST_LINE),
        (b"{\"content\":", Refusal::BAD_REQUEST_LINE),
        (b"\n", Refusal::BAD_LINE_ENDING),
        (b"\rG", Refusal::BAD_LINE_ENDING),
    ];
    for &(bytes, refusal) in cases {
        refuse(bytes, refusal);
    }
}

#[test]
fn a_malformed_header_line_is_refused() {
    let names = [
        "X : a",
        "X\t: a",
        ": a",
        "X",
        "X[]: a",
        "X Y: a",
        " X: a",
        "X\u{e9}: a",
        "X\u{0}: a",
        "A: b\r\n c",
        "A: b\r\n\tc",
    ];
    for line in names {
        refuse(get_with(&format!("{line}\r\n")), Refusal::BAD_HEADER_NAME);
    }
    for value in [
        "a\u{0}b", "\u{7}", "a\u{b}b", "a\u{c}", "a\u{7f}", "a\rb", "\r", "a\r\r",
    ] {
        refuse(
            get_with(&format!("X: {value}\r\n")),
            Refusal::BAD_HEADER_VALUE,
        );
    }
}

#[test]
fn a_bare_line_feed_is_refused_before_the_head_is_complete() {
    let heads = [
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\nY: c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\n",
        "GET / HTTP/1.1\r\nHost: a\n",
    ];
    for head in heads {
        refuse(head, Refusal::BAD_LINE_ENDING);
    }
}

#[test]
fn a_few_empty_lines_before_a_request_are_skipped() {
    for count in 0..=4 {
        let stream = format!("{FIRST}{}{FIRST}", "\r\n".repeat(count));
        assert_eq!(feed([stream.as_bytes()]).requests.len(), 2);
        accept(format!("{}{FIRST}", "\r\n".repeat(count)));
    }
    refuse("\r\n".repeat(5), Refusal::BAD_LINE_ENDING);
}

#[test]
fn exactly_one_valid_host_is_required() {
    for host in [
        "a",
        "a.b-c_d",
        "a:8000",
        "a:",
        "127.0.0.1:65535",
        "[::1]",
        "[fe80::1]:80",
    ] {
        let request = accept(format!("GET / HTTP/1.1\r\nHost:{host} \r\n\r\n"));
        assert_eq!(request.authority(), Some(host));
    }
    let invalid = [
        "",
        "a, b",
        "a b",
        "user@h",
        "h/path",
        "h?q",
        "h#f",
        "a:b",
        "a:80:80",
        "a:65536",
        "a:+80",
        ":80",
        "[::1",
        "[]",
        "[::1]80",
        "[g::]",
        "::1",
        "caf\u{e9}",
    ];
    for host in invalid {
        refuse(
            format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            Refusal::BAD_HOST,
        );
        refuse(
            format!("GET / HTTP/1.0\r\nHost: {host}\r\n\r\n"),
            Refusal::BAD_HOST,
        );
    }
    refuse("GET / HTTP/1.1\r\n\r\n", Refusal::BAD_HOST);
    refuse("GET http://a/ HTTP/1.1\r\n\r\n", Refusal::BAD_HOST);
    refuse(
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        Refusal::BAD_HOST,
    );
    refuse(
        "GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n",
        Refusal::BAD_HOST,
    );
    assert_eq!(accept("GET / HTTP/1.0\r\n\r\n").authority(), None);
}

#[test]
fn what_is_believed_is_said_once() {
    for name in [
        "Authorization",
        "Content-Type",
        "Idempotency-Key",
        "Origin",
        "Sec-Fetch-Site",
    ] {
        let twice = |second: &str| format!("{name}: a\r\nX: b\r\n{second}: a\r\n");
        for second in [name, &name.to_lowercase()] {
            refuse(get_with(&twice(second)), Refusal::REPEATED_HEADER);
        }
        accept(get_with(&format!("{name}: a\r\n")));
    }
    accept(get_with(
        "Accept: a\r\nAccept: b\r\nCookie: a=b\r\nCookie: c=d\r\n",
    ));
}

#[test]
fn an_absolute_target_overrules_the_host_header() {
    let request = accept("GET http://a:80/b HTTP/1.1\r\nHost: c\r\n\r\n");
    assert_eq!(request.authority(), Some("a:80"));
}

#[test]
fn headers_are_found_whatever_their_case() {
    let request = accept(get_with(
        "X-A: one\r\nEmpty:\r\nx-a:  two \t\r\nY: caf\u{e9}\r\n",
    ));
    assert_eq!(request.header("x-A"), Some(&b"one"[..]));
    assert_eq!(request.headers("X-a").collect::<Vec<_>>(), [b"one", b"two"]);
    assert_eq!(request.header("empty"), Some(&b""[..]));
    assert_eq!(request.header("Y"), Some("caf\u{e9}".as_bytes()));
    assert_eq!(request.header("Z"), None);
}

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
fn a_target_is_taken_apart_and_not_decoded() {
    let cases: &[(&str, &str, &str, Option<&str>)] = &[
        ("GET", "/", "/", None),
        ("GET", "/a/b?c=d", "/a/b", Some("c=d")),
        ("GET", "/a?", "/a", Some("")),
        ("GET", "/a?b?c", "/a", Some("b?c")),
        ("GET", "/a%20b%2Fc?d=%00", "/a%20b%2Fc", Some("d=%00")),
        ("GET", "//a/../b", "//a/../b", None),
        ("GET", "/%2e%2e/etc", "/%2e%2e/etc", None),
        ("GET", "http://a", "/", None),
        ("GET", "http://a?b=c", "/", Some("b=c")),
        ("GET", "HTTP://a:80/b?c", "/b", Some("c")),
        ("GET", "https://[::1]:8000/b", "/b", None),
        ("OPTIONS", "*", "*", None),
        ("OPTIONS", "/a", "/a", None),
    ];
    for &(method, target, path, query) in cases {
        let request = accept(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!((request.path(), request.query()), (path, query), "{target}");
    }
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
fn versions_other_than_1_0_and_1_1_are_refused() {
    assert_eq!(accept("GET / HTTP/1.0\r\n\r\n").version, Version::Http10);
    assert_eq!(
        accept("GET / HTTP/1.1\r\nHost: a\r\n\r\n").version,
        Version::Http11
    );
    for version in ["HTTP/9.9", "HTTP/2.0", "HTTP/0.9", "HTTP/1.2"] {
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
        (b"GET / HTTP/9", Refusal::VERSION_NOT_SUPPORTED),
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

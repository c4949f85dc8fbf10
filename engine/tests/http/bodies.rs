//! Where a body ends: `Content-Length`, `Transfer-Encoding`, chunks and `Expect`.

use rookery_engine::http::Refusal;

use crate::support::{FIRST, accept, feed, feed_bytewise, get_with, post_chunks, refuse};

#[test]
fn a_body_is_as_long_as_announced() {
    for (length, body) in [("0", ""), ("5", "hello"), ("0005", "hello")] {
        for method in ["POST", "GET", "DELETE", "PATCH"] {
            let request = accept(format!(
                "{method} / HTTP/1.1\r\nHost: a\r\ncontent-length: {length}\r\n\r\n{body}"
            ));
            assert_eq!(request.body, body);
            assert_eq!(request.has_body_framing(), !body.is_empty());
        }
    }
    assert!(!accept(FIRST).has_body_framing());
    assert_eq!(
        accept("POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi").body,
        "hi"
    );
}

#[test]
fn a_malformed_content_length_is_refused() {
    let values = [
        "+5",
        "-0",
        "-5",
        "0x5",
        "1 0",
        "",
        "1_0",
        "5, 5",
        "5, 6",
        "5,",
        "5.0",
        "five",
        "18446744073709551616",
        "99999999999999999999999999",
    ];
    for value in values {
        refuse(
            get_with(&format!("Content-Length: {value}\r\n")),
            Refusal::BAD_CONTENT_LENGTH,
        );
    }
    for pair in [
        "5\r\nContent-Length: 6",
        "5\r\nContent-Length: 5",
        "5\r\ncontent-length: 5",
    ] {
        refuse(
            get_with(&format!("Content-Length: {pair}\r\n")),
            Refusal::BAD_CONTENT_LENGTH,
        );
    }
}

#[test]
fn both_framings_at_once_are_refused() {
    let length = "Content-Length: 5\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    for lines in [format!("{length}{chunked}"), format!("{chunked}{length}")] {
        refuse(get_with(&lines), Refusal::CONFLICTING_BODY_LENGTH);
    }
    refuse(
        get_with("Transfer-Encoding: identity\r\nContent-Length: 0\r\n"),
        Refusal::CONFLICTING_BODY_LENGTH,
    );
}

#[test]
fn chunked_is_the_only_transfer_coding() {
    for value in [
        "gzip, chunked, identity",
        "chunked, gzip, chunked",
        "chunked;a=b, chunked",
        "gzip",
        "xchunked",
        "identity",
        "gzip, chunked;a=b",
        "g(zip, chunked",
        "gzip,, chunked",
        "chunked, chunked",
        "chunked,",
        ", chunked",
        "",
        "chunked;a=b",
        "chunked chunked",
        "\"chunked\"",
        "chunked\r\nTransfer-Encoding: chunked",
        "chunked\r\nTransfer-Encoding: identity",
    ] {
        let request = get_with(&format!("Transfer-Encoding: {value}\r\n"));
        refuse(request, Refusal::BAD_TRANSFER_ENCODING);
    }
    for value in [
        "gzip, chunked",
        "gzip,CHUNKED",
        "gzip, deflate, chunked",
        "identity, chunked",
        "x;level=9, chunked",
    ] {
        let request = get_with(&format!("Transfer-Encoding: {value}\r\n"));
        refuse(request, Refusal::TRANSFER_CODING_NOT_IMPLEMENTED);
    }
    for value in ["\u{b}chunked", "chunked\u{c}", "chunked\u{0}"] {
        let request = get_with(&format!("Transfer-Encoding: {value}\r\n"));
        refuse(request, Refusal::BAD_HEADER_VALUE);
    }
    refuse(
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Refusal::BAD_TRANSFER_ENCODING,
    );
}

#[test]
fn a_coding_of_the_content_is_seen() {
    for (lines, coded) in [
        ("", false),
        ("Content-Encoding: identity\r\n", false),
        ("Content-Encoding:\r\n", false),
        ("content-encoding: gzip\r\n", true),
        ("Content-Encoding: Identity, br\r\n", true),
        (
            "Content-Encoding: identity\r\nContent-Encoding: br\r\n",
            true,
        ),
        (
            "Content-Encoding: br\r\nContent-Encoding: identity\r\n",
            true,
        ),
    ] {
        let request = accept(get_with(lines));
        assert_eq!(request.has_content_coding(), coded, "{lines}");
    }
}

#[test]
fn chunks_are_joined() {
    for (chunks, body) in [
        ("0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("2\r\nhe\r\n3\r\nllo\r\n000\r\n\r\n", "hello"),
        (
            "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n",
            "01234567890123456789",
        ),
        ("000000000000005\r\n\r\n0\r\n\r\n0\r\n\r\n", "\r\n0\r\n"),
    ] {
        let request = accept(post_chunks(chunks));
        assert_eq!(request.body, body);
        assert!(request.has_body_framing());
    }
}

#[test]
fn extensions_and_trailers_are_read_and_dropped() {
    for chunks in [
        "5;a\r\nhello\r\n0\r\n\r\n",
        "5;a=b;c;d=e\r\nhello\r\n0;f\r\n\r\n",
        "5;a=\"b; \\\" c\"\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nContent-Length: 50\r\nX:\r\n\r\n",
    ] {
        let request = accept(post_chunks(chunks));
        assert_eq!(request.body, "hello");
        assert_eq!(
            request.header("content-length"),
            None,
            "a trailer must not become a header"
        );
    }
}

#[test]
fn malformed_chunks_are_refused() {
    for chunks in [
        "-1\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "5_0\r\n",
        "\r\n",
        "g\r\n",
        "1000000000000000\r\n",
        "ffffffffffffffff\r\n",
        "0000000000000000\r\n",
        "5\r\nhelloX",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\rX",
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5;\r\nhello\r\n0\r\n\r\n",
        "5;;a\r\nhello\r\n0\r\n\r\n",
        "5;a=\r\nhello\r\n0\r\n\r\n",
        "5; a\r\nhello\r\n0\r\n\r\n",
        "5;a =b\r\nhello\r\n0\r\n\r\n",
        "5;a=\"b\r\nhello\r\n0\r\n\r\n",
        "5;a=\"b\\\r\nhello\r\n0\r\n\r\n",
        "5;a=\"b\"c\r\nhello\r\n0\r\n\r\n",
        "5;a=\"b\u{0}\"\r\nhello\r\n0\r\n\r\n",
        "5;a\n\r\nhello\r\n0\r\n\r\n",
        "0\r\nX\r\n\r\n",
        "0\r\n: a\r\n\r\n",
        "0\r\nX : a\r\n\r\n",
        "0\r\n X: a\r\n\r\n",
        "0\r\nX: a\u{7}\r\n\r\n",
        "0\r\nX: a\n\r\n",
        "0\r\n\n",
        "0\r\n\rX",
    ] {
        refuse(post_chunks(chunks), Refusal::BAD_CHUNK);
    }
}

#[test]
fn an_expecting_client_is_asked_for_its_body_once() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n";
    for (framing, body) in [
        ("Content-Length: 5\r\n\r\n", "hello"),
        (
            "Transfer-Encoding: chunked\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
        ),
    ] {
        let stream = format!("{head}{framing}{body}");
        let outcome = feed_bytewise(stream.as_bytes());
        assert_eq!((outcome.continues, outcome.requests.len()), (1, 1));
        assert_eq!(outcome.requests[0].body, "hello");
        let outcome = feed([stream.as_bytes()]);
        assert_eq!(outcome.continues, 0, "the body is there already");
        assert_eq!(outcome.requests[0].body, "hello");
    }
    let outcome = feed_bytewise(format!("{head}\r\n").as_bytes());
    assert_eq!(
        (outcome.continues, outcome.requests.len()),
        (0, 1),
        "there is no body to ask for"
    );
}

#[test]
fn an_http_1_0_client_never_sees_an_interim_response() {
    let outcome =
        feed_bytewise(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!((outcome.continues, outcome.requests.len()), (0, 1));
}

#[test]
fn expectations_that_cannot_be_met_are_refused() {
    for value in ["foo", "", "100-continue, foo", "100"] {
        refuse(
            get_with(&format!("Expect: {value}\r\n")),
            Refusal::EXPECTATION_FAILED,
        );
    }
    let outcome = feed([get_with("Expect: 100-continue\r\nContent-Length: 65537\r\n").as_bytes()]);
    assert_eq!(
        (outcome.continues, outcome.refusal),
        (0, Some(Refusal::BODY_TOO_LARGE))
    );
}

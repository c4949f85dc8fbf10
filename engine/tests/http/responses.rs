//! Responses as a client's parser reads them.

use bytes::BytesMut;
use rookery_engine::http::{
    CONTINUE, HttpDate, ResponseHead, Status, Version, write_head, write_response,
};

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

fn date() -> HttpDate {
    HttpDate::new(784_111_777)
}

/// A plain 200 of JSON on an HTTP/1.1 connection that stays open.
fn plain(date: &HttpDate) -> ResponseHead<'_> {
    ResponseHead {
        status: Status::Ok,
        version: Version::Http11,
        keep_alive: true,
        head_only: false,
        content_type: Some("application/json"),
        extra: &[],
        date,
    }
}

/// A response as another implementation reads it: status, header lines, and what follows them.
fn read(bytes: &[u8]) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let mut headers = [httparse::EMPTY_HEADER; 20];
    let mut response = httparse::Response::new(&mut headers);
    let head_len = response.parse(bytes).unwrap().unwrap();
    let headers = response
        .headers
        .iter()
        .map(|header| {
            (
                header.name.to_owned(),
                String::from_utf8_lossy(header.value).into_owned(),
            )
        })
        .collect();
    (response.code.unwrap(), headers, bytes[head_len..].to_vec())
}

fn respond(head: &ResponseHead<'_>, body: &[u8]) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let mut out = Vec::new();
    write_response(&mut out, head, body);
    read(&out)
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(n, _)| n == name)
        .map(|(_, value)| value.as_str())
}

#[test]
fn a_plain_response_byte_for_byte() {
    let mut out = BytesMut::from("before");
    write_response(&mut out, &plain(&date()), b"{\"a\":1}");
    let expected = format!(
        "beforeHTTP/1.1 200 OK\r\nDate: {DATE}\r\nContent-Type: application/json\r\n\
         Content-Length: 7\r\n\r\n{{\"a\":1}}"
    );
    assert_eq!(out, expected);
}

#[test]
fn the_length_is_right_at_every_number_of_digits() {
    for length in [0, 1, 9, 10, 99, 100, 65_535, 1_000_000] {
        let (_, headers, body) = respond(&plain(&date()), &vec![b'x'; length]);
        assert_eq!(
            header(&headers, "Content-Length"),
            Some(length.to_string().as_str())
        );
        assert_eq!(body.len(), length);
    }
    let mut out = Vec::new();
    write_head(&mut out, &plain(&date()), usize::MAX);
    let (_, headers, body) = read(&out);
    assert_eq!(
        header(&headers, "Content-Length"),
        Some(usize::MAX.to_string().as_str())
    );
    assert!(body.is_empty());
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let date = date();
    let get = respond(&plain(&date), b"hello");
    let head = respond(
        &ResponseHead {
            head_only: true,
            ..plain(&date)
        },
        b"hello",
    );
    assert_eq!((head.0, &head.1), (get.0, &get.1));
    assert_eq!((&get.2[..], &head.2[..]), (&b"hello"[..], &b""[..]));
}

#[test]
fn bodyless_statuses_have_neither_body_nor_length() {
    for status in [Status::NoContent, Status::SwitchingProtocols] {
        let date = date();
        let head = ResponseHead {
            status,
            content_type: None,
            ..plain(&date)
        };
        let (code, headers, body) = respond(&head, b"hello");
        assert_eq!(code, status.code());
        assert_eq!(header(&headers, "Content-Length"), None);
        assert_eq!(header(&headers, "Date"), Some(DATE));
        assert!(body.is_empty());
    }
}

#[test]
fn the_connection_header_is_sent_where_the_version_needs_it() {
    for (version, keep_alive, expected) in [
        (Version::Http11, true, None),
        (Version::Http11, false, Some("close")),
        (Version::Http10, true, Some("keep-alive")),
        (Version::Http10, false, Some("close")),
    ] {
        let date = date();
        let (_, headers, _) = respond(
            &ResponseHead {
                version,
                keep_alive,
                ..plain(&date)
            },
            b"",
        );
        assert_eq!(header(&headers, "Connection"), expected);
    }
}

#[test]
fn a_handshake_brings_its_own_connection_header() {
    let date = date();
    let head = ResponseHead {
        status: Status::SwitchingProtocols,
        content_type: None,
        keep_alive: false,
        extra: &[("Connection", "Upgrade"), ("Upgrade", "websocket")],
        ..plain(&date)
    };
    let (code, headers, _) = respond(&head, b"");
    assert_eq!(code, 101);
    let connections: Vec<_> = headers
        .iter()
        .filter(|(name, _)| name == "Connection")
        .collect();
    assert_eq!(
        connections,
        [&("Connection".to_owned(), "Upgrade".to_owned())]
    );
}

#[test]
fn a_value_cannot_end_its_line() {
    for (value, sent) in [
        ("plain", "plain"),
        ("tab\there", "tab\there"),
        ("caf\u{e9}", "caf\u{e9}"),
        ("a\r\nSet-Cookie: b", "a  Set-Cookie: b"),
        ("a\r\n\r\n<html>", "a    <html>"),
        ("a\nb\rc\0d\u{7f}e", "a b c d e"),
        ("", ""),
    ] {
        let date = date();
        let head = ResponseHead {
            extra: &[("X", value), ("Y", "last")],
            ..plain(&date)
        };
        let (_, headers, body) = respond(&head, b"body");
        assert_eq!(header(&headers, "X"), Some(sent));
        assert_eq!(header(&headers, "Y"), Some("last"));
        assert_eq!(headers.len(), 5);
        assert_eq!(body, b"body");
    }
}

#[test]
fn a_date_is_formatted_anew_only_for_another_second() {
    let mut date = HttpDate::new(0);
    assert_eq!(date.value(), b"Thu, 01 Jan 1970 00:00:00 GMT");
    date.advance_to(784_111_777);
    assert_eq!(date.value(), DATE.as_bytes());
    assert_eq!(
        HttpDate::new(u64::MAX).value(),
        b"Fri, 31 Dec 9999 23:59:59 GMT"
    );
}

#[test]
fn an_interim_response_is_a_whole_head() {
    assert_eq!(read(CONTINUE), (100, vec![], vec![]));
}

#[test]
fn statuses_have_their_registered_texts() {
    assert_eq!(Status::NotFound.to_string(), "404 Not Found");
    assert_eq!(
        Status::ServiceUnavailable.to_string(),
        "503 Service Unavailable"
    );
    assert_eq!(Status::RequestHeaderFieldsTooLarge.code(), 431);
}

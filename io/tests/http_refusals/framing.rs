//! Where a request ends: bodies, chunks, and what hides in them.

use crate::cases::{Case, Closes, HOST, SMUGGLED, case, play_all, post_with};
use crate::support::http::Request;
use crate::support::start_with_tokens;

#[test]
fn the_length_of_a_body_is_beyond_doubt() {
    const LENGTH: (u16, &str) = (400, "bad_content_length");
    const CODING: (u16, &str) = (400, "bad_transfer_encoding");
    const UNKNOWN: (u16, &str) = (501, "transfer_coding_not_implemented");
    let (_dir, server) = start_with_tokens();
    let mut cases = vec![
        case(
            "both framings (9112, 6.1)",
            post_with(
                "content-length: 5\r\ntransfer-encoding: chunked",
                &format!("0\r\n\r\n{SMUGGLED}"),
            ),
            (400, "conflicting_body_length"),
            Closes,
        ),
        case(
            "two lengths",
            post_with("content-length: 5\r\ncontent-length: 6", "hello!"),
            LENGTH,
            Closes,
        ),
        case(
            "a coding in HTTP/1.0 (9112, 6.1)",
            format!("POST /users HTTP/1.0\r\n{HOST}transfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
            CODING,
            Closes,
        ),
        case(
            "chunked in two lines",
            post_with(
                "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
                SMUGGLED,
            ),
            CODING,
            Closes,
        ),
    ];
    let lengths = [
        "5, 6",
        "+5",
        "-0",
        "-1",
        "0x5",
        "1 0",
        "",
        "1_0",
        "5.0",
        "18446744073709551616",
        "99999999999999999999999999",
    ];
    cases.extend(lengths.iter().map(|value| {
        let bytes = post_with(&format!("content-length: {value}"), SMUGGLED);
        case(format!("content-length {value:?}"), bytes, LENGTH, Closes)
    }));
    let codings = [
        ("gzip, chunked, identity", CODING),
        ("chunked, chunked", CODING),
        ("chunked, identity", CODING),
        ("", CODING),
        // Where the body ends is not known (9112, 6.3), or what it is (9112, 6.1).
        ("gzip", CODING),
        ("xchunked", CODING),
        ("identity", CODING),
        ("chunked, gzip, chunked", CODING),
        ("gzip, chunked", UNKNOWN),
        ("identity, chunked", UNKNOWN),
        ("\x0bchunked", (400, "bad_header_value")),
        ("\x0cchunked", (400, "bad_header_value")),
        ("chunked\0", (400, "bad_header_value")),
    ];
    cases.extend(codings.iter().map(|(value, refusal)| {
        let bytes = post_with(&format!("transfer-encoding: {value}"), SMUGGLED);
        case(
            format!("transfer-encoding {value:?}"),
            bytes,
            *refusal,
            Closes,
        )
    }));
    play_all(&server, &cases);
}

#[test]
fn chunks_are_well_formed() {
    let (_dir, server) = start_with_tokens();
    let chunked = |body: &str| post_with("transfer-encoding: chunked", body);
    let mut cases: Vec<Case> = [
        "-1\r\na\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5_0\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "g\r\n",
        "1000000000000000\r\n",
        "fffffffffffffffff\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhelloXX0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5;\r\nhello\r\n0\r\n\r\n",
        "5;=x\r\nhello\r\n0\r\n\r\n",
        "0\r\nno colon\r\n\r\n",
    ]
    .iter()
    .map(|body| {
        case(
            format!("{body:?}"),
            chunked(body),
            (400, "bad_chunk"),
            Closes,
        )
    })
    .collect();
    cases.push(case(
        "an extension of 5 KiB",
        chunked(&format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(5 * 1024))),
        (400, "chunk_extensions_too_large"),
        Closes,
    ));
    cases.push(case(
        "trailers of 5 KiB",
        chunked(&format!("0\r\nx: {}\r\n\r\n", "x".repeat(5 * 1024))),
        (431, "trailers_too_large"),
        Closes,
    ));
    play_all(&server, &cases);
}

#[test]
fn a_request_inside_a_body_is_never_answered() {
    let (_dir, server) = start_with_tokens();
    let early_errors = [
        (Request::new("POST", "/chats"), 401),
        (Request::new("POST", "/nothing"), 404),
        (Request::new("PUT", "/users"), 405),
        (Request::get("/livez"), 200),
    ];
    for (request, status) in early_errors {
        let mut http = server.http();
        let request = request.body("text/plain", SMUGGLED);
        http.send(&request.encode());
        http.send(&Request::get("/readyz").encode());
        http.send(&Request::get("/end").header("connection", "close").encode());
        let first = http.receive().unwrap();
        assert!([status, 400].contains(&first.status), "{first:?}");
        if first.header("connection") != Some("close") {
            assert_eq!(http.receive().unwrap().status, 200, "the next request's");
            assert_eq!(http.receive().unwrap().status, 404, "the last request's");
        }
        http.assert_closed();
    }
}

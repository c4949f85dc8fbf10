//! Every bound, at its last allowed value and one past it.

use rookery_engine::http::limits::*;
use rookery_engine::http::{Refusal, RequestReader};

use crate::support::{accept, feed, get_with, post_chunks, refuse};

/// A head of exactly `len` bytes.
fn head_of(len: usize) -> String {
    let empty = get_with("X: \r\n");
    get_with(&format!("X: {}\r\n", "x".repeat(len - empty.len())))
}

/// A request whose request line is exactly `len` bytes.
fn request_line_of(len: usize) -> String {
    let path = "x".repeat(len - "GET / HTTP/1.1".len());
    format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn request_line() {
    accept(request_line_of(REQUEST_LINE_BYTES_MAX));
    refuse(
        request_line_of(REQUEST_LINE_BYTES_MAX + 1),
        Refusal::URI_TOO_LONG,
    );
    refuse(request_line_of(100_000), Refusal::URI_TOO_LONG);
    refuse(
        "G".repeat(REQUEST_LINE_BYTES_MAX + 2),
        Refusal::URI_TOO_LONG,
    );
}

#[test]
fn head() {
    accept(head_of(HEAD_BYTES_MAX));
    refuse(head_of(HEAD_BYTES_MAX + 1), Refusal::HEAD_TOO_LARGE);
    refuse(head_of(100_000), Refusal::HEAD_TOO_LARGE);
    refuse(&head_of(100_000)[..HEAD_BYTES_MAX], Refusal::HEAD_TOO_LARGE);
}

#[test]
fn header_fields() {
    let with_fields = |count: usize| get_with(&"X: y\r\n".repeat(count - 1));
    let most = accept(with_fields(HEADER_FIELDS_MAX));
    assert_eq!(most.headers("x").count(), HEADER_FIELDS_MAX - 1);
    refuse(
        with_fields(HEADER_FIELDS_MAX + 1),
        Refusal::TOO_MANY_HEADERS,
    );
}

#[test]
fn announced_body() {
    let with_length = |length: usize| get_with(&format!("Content-Length: {length}\r\n"));
    let body = "x".repeat(BODY_BYTES_MAX);
    assert_eq!(accept(with_length(BODY_BYTES_MAX) + &body).body, body);
    refuse(with_length(BODY_BYTES_MAX + 1), Refusal::BODY_TOO_LARGE);
    refuse(with_length(usize::MAX), Refusal::BODY_TOO_LARGE);
}

#[test]
fn chunked_body() {
    let body = "x".repeat(BODY_BYTES_MAX);
    let full = format!(
        "8000\r\n{0}\r\n8000\r\n{0}\r\n",
        &body[..BODY_BYTES_MAX / 2]
    );
    assert_eq!(accept(post_chunks(&format!("{full}0\r\n\r\n"))).body, body);
    refuse(
        post_chunks(&format!("{full}1\r\n")),
        Refusal::BODY_TOO_LARGE,
    );
    refuse(post_chunks("10001\r\n"), Refusal::BODY_TOO_LARGE);
    refuse(post_chunks("fffffffffffffff\r\n"), Refusal::BODY_TOO_LARGE);
}

#[test]
fn chunk_extensions() {
    let extension = |len: usize| format!(";{}", "x".repeat(len - 1));
    let chunk = |len: usize| format!("1{}\r\nx\r\n", extension(len));
    let last = "0\r\n\r\n";
    accept(post_chunks(&(chunk(CHUNK_METADATA_BYTES_MAX) + last)));
    accept(post_chunks(
        &(chunk(CHUNK_METADATA_BYTES_MAX / 2).repeat(2) + last),
    ));
    let too_large = Refusal::CHUNK_EXTENSIONS_TOO_LARGE;
    refuse(
        post_chunks(&(chunk(CHUNK_METADATA_BYTES_MAX + 1) + last)),
        too_large,
    );
    refuse(
        post_chunks(&(chunk(CHUNK_METADATA_BYTES_MAX / 2 + 1).repeat(2) + last)),
        too_large,
    );
    // A line that never ends.
    refuse(
        post_chunks(&format!("1{}", extension(2 * CHUNK_METADATA_BYTES_MAX))),
        too_large,
    );
}

#[test]
fn trailers() {
    let field = |len: usize| format!("X:{}\r\n", "x".repeat(len - 2));
    let ended_by = |trailers: String| post_chunks(&format!("1\r\nx\r\n0\r\n{trailers}\r\n"));
    accept(ended_by(field(CHUNK_METADATA_BYTES_MAX)));
    accept(ended_by(field(CHUNK_METADATA_BYTES_MAX / 4).repeat(4)));
    let too_large = Refusal::TRAILERS_TOO_LARGE;
    refuse(ended_by(field(CHUNK_METADATA_BYTES_MAX + 1)), too_large);
    refuse(
        ended_by(field(CHUNK_METADATA_BYTES_MAX / 4).repeat(4) + "X:\r\n"),
        too_large,
    );
    refuse(
        post_chunks(&format!("0\r\nX: {}", "x".repeat(CHUNK_METADATA_BYTES_MAX))),
        too_large,
    );
}

/// Six bytes on the wire carry one of body here, and none of them may be kept.
#[test]
fn tiny_chunks_take_no_more_memory_than_their_data() {
    let stream = post_chunks(&("1\r\nx\r\n".repeat(BODY_BYTES_MAX) + "0\r\n\r\n"));
    let outcome = feed(stream.as_bytes().chunks(4096));
    assert_eq!(outcome.requests[0].body.len(), BODY_BYTES_MAX);
    assert!(outcome.held_max < HEAD_BYTES_MAX + BODY_BYTES_MAX);
}

#[test]
fn an_idle_connection_costs_little() {
    assert!(size_of::<RequestReader>() <= 48);
}

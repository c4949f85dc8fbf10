//! Writing responses.

use bytes::BufMut;

use super::date::HttpDate;
use super::method::Version;
use super::status::Status;

/// The interim response that asks for the body of a request which said `Expect: 100-continue`.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Decimal digits of the largest `u64`.
const U64_DIGITS_MAX: usize = 20;

/// Everything of a response but its body.
#[derive(Debug, Clone, Copy)]
pub struct ResponseHead<'a> {
    /// The status.
    pub status: Status,
    /// The version of the request: an HTTP/1.0 client has to be told that its connection stays.
    pub version: Version,
    /// Whether the connection stays open after this response.
    pub keep_alive: bool,
    /// The request was a `HEAD`: the head of the `GET`, length included, and no body.
    pub head_only: bool,
    /// The body's media type.
    pub content_type: Option<&'static str>,
    /// More fields, name and value. Control characters in a value are sent as spaces.
    pub extra: &'a [(&'static str, &'a str)],
    /// The current date.
    pub date: &'a HttpDate,
}

/// Appends a complete response to a connection's output.
pub fn write_response(out: &mut impl BufMut, head: &ResponseHead<'_>, body: &[u8]) {
    write_head(out, head, body.len());
    if !head.head_only && !head.status.is_bodyless() {
        out.put_slice(body);
    }
}

/// Appends the head of a response; the caller sends the body of `content_length` bytes.
///
/// Statuses that have no body ([`Status::is_bodyless`]) get no `Content-Length`, whatever the
/// number (RFC 9110, 8.6).
pub fn write_head(out: &mut impl BufMut, head: &ResponseHead<'_>, content_length: usize) {
    out.put_slice(head.status.line().as_bytes());
    out.put_slice(head.date.line());
    if let Some(content_type) = head.content_type {
        out.put_slice(b"Content-Type: ");
        out.put_slice(content_type.as_bytes());
        out.put_slice(b"\r\n");
    }
    if !head.status.is_bodyless() {
        out.put_slice(b"Content-Length: ");
        write_decimal(out, content_length as u64);
        out.put_slice(b"\r\n");
    }
    write_connection(out, head);
    for (name, value) in head.extra {
        out.put_slice(name.as_bytes());
        out.put_slice(b": ");
        write_value(out, value.as_bytes());
        out.put_slice(b"\r\n");
    }
    out.put_slice(b"\r\n");
}

/// Says what becomes of the connection where the version's default doesn't.
fn write_connection(out: &mut impl BufMut, head: &ResponseHead<'_>) {
    // The handshake that switches protocols brings its own `Connection: Upgrade`.
    if head.status == Status::SwitchingProtocols {
        return;
    }
    match (head.keep_alive, head.version) {
        (true, Version::Http11) => {}
        (true, Version::Http10) => out.put_slice(b"Connection: keep-alive\r\n"),
        (false, _) => out.put_slice(b"Connection: close\r\n"),
    }
}

/// Writes a field value such that nothing in it can end the line (RFC 9110, 5.5).
fn write_value(out: &mut impl BufMut, value: &[u8]) {
    let forbidden = |byte: u8| byte.is_ascii_control() && byte != b'\t';
    for run in value.split_inclusive(|&byte| forbidden(byte)) {
        match run.split_last() {
            Some((&last, clean)) if forbidden(last) => {
                out.put_slice(clean);
                out.put_u8(b' ');
            }
            _ => out.put_slice(run),
        }
    }
}

fn write_decimal(out: &mut impl BufMut, mut number: u64) {
    let mut digits = [0; U64_DIGITS_MAX];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.put_slice(&digits[first..]);
}

//! The version in a request line, where it is none of the two that the parser knows.

use super::refusal::Refusal;

/// Bytes of a version: `HTTP`, a slash, and two digits with a dot between them (RFC 9112, 2.3).
const VERSION_BYTES: usize = 8;

/// What to make of a version that the parser refuses.
pub(super) enum Judged {
    /// It can't be told before more of it comes.
    Incomplete,
    /// HTTP/1 in a later minor version, whose digit stands here. Its requests can be read as HTTP/1.1 (RFC 9110, 2.5
    /// and 6.2).
    LaterMinor { digit: usize },
}

/// Judges the version of a request line.
///
/// # Errors
/// It is malformed, or another major version.
pub(super) fn judge(request: &[u8]) -> Result<Judged, Refusal> {
    let start = version_start(request).ok_or(Refusal::BAD_REQUEST_LINE)?;
    let version = &request[start..request.len().min(start + VERSION_BYTES)];
    let is_expected = |(index, byte): (usize, &u8)| match b"HTTP/0.0"[index] {
        b'0' => byte.is_ascii_digit(),
        expected => *byte == expected,
    };
    if !version.iter().enumerate().all(is_expected) {
        return Err(Refusal::BAD_REQUEST_LINE);
    }
    match version {
        [_, _, _, _, _, b'1', _, _] => Ok(Judged::LaterMinor {
            digit: start + VERSION_BYTES - 1,
        }),
        [_, _, _, _, _, _, _, _] => Err(Refusal::VERSION_NOT_SUPPORTED),
        _ => Ok(Judged::Incomplete),
    }
}

/// Where the third word begins.
fn version_start(request: &[u8]) -> Option<usize> {
    let second = memchr::memchr_iter(b' ', request).nth(1)?;
    Some(second + 1)
}

//! Paths that are equal though their bytes differ (RFC 3986, section 6.2.2.2).

use memchr::memchr;

/// Decodes the percent-encoded unreserved characters of a path in place, and says how long it is then. Anything else
/// that is encoded stays so: a slash as `%2F` separates nothing.
pub(super) fn decode_unreserved(path: &mut [u8]) -> usize {
    let Some(mut decoded) = memchr(b'%', path) else {
        return path.len();
    };
    let mut read = decoded;
    while read < path.len() {
        let unreserved = match &path[read..] {
            [b'%', high, low, ..] => byte_of(*high, *low).filter(|byte| is_unreserved(*byte)),
            _ => None,
        };
        path[decoded] = unreserved.unwrap_or(path[read]);
        decoded += 1;
        read += if unreserved.is_some() { 3 } else { 1 };
    }
    decoded
}

/// The byte that two hexadecimal digits stand for.
fn byte_of(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// RFC 3986, section 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

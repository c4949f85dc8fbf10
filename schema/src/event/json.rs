//! Values as compact JSON: texts, numbers, ids, times.

use bytes::BufMut;

use crate::ids::UserId;
use crate::time::Timestamp;

/// Bytes of an id in JSON, without quotes.
pub(super) const ID_BYTES: usize = uuid::fmt::Hyphenated::LENGTH;

/// Bytes of a text that are looked at together: most have nothing to escape.
const PLAIN_CHUNK_BYTES: usize = 64;

/// Appends a text as a JSON string, escaped.
pub fn put_json_text(out: &mut Vec<u8>, text: &str) {
    out.put_u8(b'"');
    for chunk in text.as_bytes().chunks(PLAIN_CHUNK_BYTES) {
        // Without an early exit, the compiler tests many bytes at once.
        let escapes = chunk
            .iter()
            .fold(false, |any, byte| any | needs_escape(*byte));
        if escapes {
            put_escaped(out, chunk);
        } else {
            out.put_slice(chunk);
        }
    }
    out.put_u8(b'"');
}

const fn needs_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

fn put_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        if needs_escape(byte) {
            put_escape(out, byte);
        } else {
            out.put_u8(byte);
        }
    }
}

/// The escapes of RFC 8259, section 7, for the bytes that need one.
fn put_escape(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' => out.put_slice(br#"\""#),
        b'\\' => out.put_slice(br"\\"),
        b'\n' => out.put_slice(br"\n"),
        b'\r' => out.put_slice(br"\r"),
        b'\t' => out.put_slice(br"\t"),
        control => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.put_slice(br"\u00");
            out.put_u8(HEX[usize::from(control >> 4)]);
            out.put_u8(HEX[usize::from(control & 15)]);
        }
    }
}

/// Appends a decimal number.
pub fn put_number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.put_slice(&digits[start..]);
}

pub(crate) fn put_id(out: &mut Vec<u8>, before: &[u8], id: &[u8; 16]) {
    out.put_slice(before);
    let mut text = [0; ID_BYTES];
    uuid::Uuid::from_bytes_ref(id)
        .hyphenated()
        .encode_lower(&mut text);
    out.put_slice(&text);
}

/// Appends what comes before it, and a time with the quote behind it.
pub fn put_time(out: &mut Vec<u8>, before: &[u8], time: Timestamp) {
    out.put_slice(before);
    out.put_slice(&time.rfc3339());
    out.put_u8(b'"');
}

/// Appends a user id as a JSON string.
pub fn put_user_id(out: &mut Vec<u8>, id: UserId) {
    put_id(out, b"\"", id.as_bytes());
    out.put_u8(b'"');
}

/// Appends a JSON array of user ids.
pub fn put_user_ids(out: &mut Vec<u8>, ids: impl Iterator<Item = UserId>) {
    out.put_u8(b'[');
    for (index, id) in ids.enumerate() {
        if index > 0 {
            out.put_u8(b',');
        }
        put_user_id(out, id);
    }
    out.put_u8(b']');
}

//! Why a server refused.

use memchr::{memchr, memmem};

/// In the order in which they count: the name of a limit says more than the code.
const FIELDS: [&[u8]; 2] = [br#""limit":""#, br#""code":""#];

/// The reason that a refusal gives: the limit that was met, or else the code. `problem` is the JSON of a reply or an
/// `error`.
pub fn reason(problem: &[u8]) -> &str {
    FIELDS
        .into_iter()
        .find_map(|field| text_after(problem, field))
        .unwrap_or("no reason given")
}

fn text_after<'a>(json: &'a [u8], field: &[u8]) -> Option<&'a str> {
    let value = &json[memmem::find(json, field)? + field.len()..];
    str::from_utf8(&value[..memchr(b'"', value)?]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_says_more_than_a_code() {
        let limit = br#"{"status":429,"code":"too_many_requests","limit":"user-bytes"}"#;
        assert_eq!(reason(limit), "user-bytes");
        assert_eq!(
            reason(br#"{"code":"unavailable","detail":""}"#),
            "unavailable"
        );
        assert_eq!(reason(b"<html>"), "no reason given");
    }
}

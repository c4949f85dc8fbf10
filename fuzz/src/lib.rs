//! What several fuzz targets have in common.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a target finds something by panicking")]

pub mod http;
pub mod world;

/// What clients are told of refusals.
const API: &str = include_str!("../../docs/api.md");

/// Checks that the docs name a refusal's code.
///
/// # Panics
/// Where they don't.
pub fn assert_documented(code: &str) {
    assert!(
        API.contains(&format!("`{code}`")),
        "{code} is not in docs/api.md"
    );
}

/// All of `bytes`, cut where they say themselves, so that what is fed in one piece can be fed in many.
pub fn pieces(bytes: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let (piece, after) = rest.split_at(rest.len().min(1 + usize::from(first % 61)));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

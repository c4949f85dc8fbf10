//! The calls of the API, as clients use them.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod amended;
mod chats;
mod ends;
mod marks;
mod me;
mod messages;
mod repeats;
mod roles;

use serde_json::Value;

/// RFC 3339 in UTC.
#[track_caller]
fn assert_time(value: &Value) {
    let text = value.as_str().unwrap();
    let bytes = text.as_bytes();
    assert!(text.ends_with('Z') && bytes[10] == b'T', "{text}");
    assert!(text.starts_with("20") && text.len() >= 20, "{text}");
}

fn contents(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| message["content"].as_str().unwrap())
        .collect()
}

fn seqs(messages: &[Value]) -> Vec<u64> {
    messages
        .iter()
        .map(|message| message["seq"].as_u64().unwrap())
        .collect()
}

//! The same of texts that people may not write to each other.

use serde_json::json;

use super::{JSON, assert_names, play, said};
use crate::host::Host;

#[test]
fn a_content_that_may_not_be_is_named_wherever_it_comes() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let socket = host.listen();
    let messages = "/chats/{chat}/messages";
    let message = format!("{messages}/00000000-0000-7000-8000-000000000000");
    for (content, code) in [
        (" \n\t\u{200b}", "blank"),
        ("a\u{0}b", "forbidden_characters"),
        ("a\u{9b}b", "forbidden_characters"),
    ] {
        let body = json!({"content": content}).to_string();
        for (method, path) in [("POST", messages), ("PATCH", &message)] {
            let case = (method, path, &*body, "content", code);
            play(&mut host, conn, JSON, "", &[case]);
        }
        let send = json!({"type": "send", "chat_id": host.chat, "content": content});
        let error = said(&mut host, socket, &send.to_string());
        assert_names(&error, "content", code, content);
    }
    assert!(host.asked.is_empty(), "nothing is done");
}

#[test]
fn a_name_of_a_chat_that_may_not_be_is_named() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    for (name, code) in [
        (" ", "blank"),
        ("a\nb", "forbidden_characters"),
        ("a\u{2028}b", "forbidden_characters"),
        ("a\u{202e}b", "forbidden_characters"),
    ] {
        let body = json!({"name": name}).to_string();
        play(
            &mut host,
            conn,
            JSON,
            "",
            &[("POST", "/chats", &body, "name", code)],
        );
    }
    assert!(host.asked.is_empty(), "nothing is done");
}

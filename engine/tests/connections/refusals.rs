//! What a WebSocket is told about a message that can't be taken: which one it was, where that can be read.

use serde_json::Value;

use rookery_testing::ws::text_frame;

use crate::host::Host;

#[test]
fn a_refusal_names_the_message_it_is_about() {
    let mut host = Host::in_trust();
    let conn = host.listen();
    for (message, code, client_id) in [
        (
            r#"{"type":"send","chat_id":"x","content":"a","client_id":"c"}"#,
            "malformed_json",
            Some("c"),
        ),
        (
            r#"{"type":"send","chat_id":7,"content":"a","client_id":"c"}"#,
            "malformed_json",
            Some("c"),
        ),
        (
            r#"{"client_id":"\u00e9","type":"send","content":{}}"#,
            "malformed_json",
            Some("é"),
        ),
        (
            r#"{"type":"send","content":"a","client_id":"c"}"#,
            "malformed_json",
            Some("c"),
        ),
        (
            r#"{"type":"shout","client_id":"c"}"#,
            "malformed_request",
            Some("c"),
        ),
        (r#"{"client_id":"c"}"#, "malformed_json", Some("c")),
        (r#"{"type":"send","client_id":7}"#, "malformed_json", None),
        (
            r#"{"type":"send","client_id":"a","client_id":"b"}"#,
            "malformed_json",
            None,
        ),
        (r#"["send","c"]"#, "malformed_json", None),
        (r#"{"type":"send","client_id":"c""#, "malformed_json", None),
    ] {
        host.send(conn, &text_frame(message));
        let heard = host.read_all(conn);
        let begin = heard.iter().position(|byte| *byte == b'{').unwrap();
        let error: Value = serde_json::from_slice(&heard[begin..]).unwrap();
        assert_eq!(error["type"], "error", "{message}");
        assert_eq!(error["code"], code, "{message}");
        assert_eq!(error["client_id"].as_str(), client_id, "{message}");
    }
    assert!(host.wants_input(conn), "none of this is the end");
}

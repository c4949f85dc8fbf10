//! The protocol on the wire.

use std::io::Write;

use serde_json::json;
use tungstenite::Message;

use crate::support::api::Api;
use crate::support::ws::{self, BATCH, End, Ws};
use crate::support::{any_user, eventually, start_trusting};

/// A masked client frame; the mask is zero, so that the payload can be read.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    let mut bytes = vec![first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    bytes.extend_from_slice(payload);
    bytes
}

#[test]
fn objects_begin_with_their_type_on_one_line() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let mut device = Ws::connect(
        server.addr,
        ws::upgrade(&format!("/ws/connect/{}", alice.user_id)),
    )
    .ok()
    .unwrap();
    let mut expect = |kind: &str| {
        let Message::Text(text) = device.next_raw() else {
            panic!("text frames only");
        };
        assert!(
            text.starts_with(&format!("{{\"type\":\"{kind}\"")),
            "{text}"
        );
        assert!(
            !text.contains('\n') && !text.contains(": "),
            "compact: {text}"
        );
    };
    // What happens before it is not for this connection.
    expect("ready");
    let chat = alice.create_chat("a \"room\"", &[]);
    alice.say(&chat, "two\nlines");
    expect("chat_created");
    expect("message");
}

#[test]
fn pings_are_answered() {
    let (_dir, server) = start_trusting();
    let mut device = Ws::trusted(server.addr, &any_user());
    device.assert_lives();
    device
        .send_raw(Message::Ping("are you there".into()))
        .unwrap();
    assert_eq!(device.next_raw(), Message::Pong("are you there".into()));
}

#[test]
fn with_the_batch_protocol_frames_are_shared() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let path = format!("/ws/connect/{}", alice.user_id);
    let offer = |protocols: &str| {
        let request = ws::upgrade(&path).header("sec-websocket-protocol", protocols);
        let mut device = Ws::connect(server.addr, request).ok().unwrap();
        device.expect_ready(&alice.user_id);
        device
    };
    let mut batch = offer(&format!("other, {BATCH}"));
    assert_eq!(batch.protocol.as_deref(), Some(BATCH));
    let mut unknown = offer("other");
    assert_eq!(unknown.protocol, None, "what is not known is not chosen");
    let sent: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    alice.say_all(&chat, &sent);
    for device in [&mut batch, &mut unknown] {
        for content in &sent {
            assert_eq!(device.next()["content"], content.as_str());
        }
    }
}

#[test]
fn bad_frames_close_their_connection_with_the_right_code() {
    let (_dir, server) = start_trusting();
    let user = any_user();
    let mut other = Ws::trusted(server.addr, &user);
    let unmasked = vec![0x81, 2, b'{', b'}'];
    let declared = |length: u64| {
        let mut bytes = vec![0x81, 0xff];
        bytes.extend(length.to_be_bytes());
        bytes.extend([0; 4]);
        bytes
    };
    let fragmented_ping = frame(0x09, b"x");
    let long_ping = [vec![0x89, 0xfe, 0, 126, 0, 0, 0, 0], vec![b'x'; 126]].concat();
    let interrupted = [frame(0x01, b"a"), frame(0x81, b"b")].concat();
    let split_utf8 = [frame(0x01, b"\xc3"), frame(0x80, b"(")].concat();
    let endless = frame(0x01, &[b'x'; 125])
        .into_iter()
        .chain((0..600).flat_map(|_| frame(0x00, &[b'x'; 125])))
        .collect();
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("not masked", unmasked, 1002),
        ("a reserved bit", frame(0xc1, b"{}"), 1002),
        ("a reserved opcode", frame(0x83, b"{}"), 1002),
        ("a fragmented ping", fragmented_ping, 1002),
        ("a ping over 125 bytes", long_ping, 1002),
        ("a lone continuation", frame(0x80, b"{}"), 1002),
        ("a message inside another", interrupted, 1002),
        ("a length with its top bit set", declared(1 << 63), 1002),
        ("a close frame of one byte", frame(0x88, b"x"), 1002),
        ("bad UTF-8", frame(0x81, b"\xff\xfe"), 1007),
        ("bad UTF-8 over two frames", split_utf8, 1007),
        (
            "a length over 64 KiB, declared only",
            declared(64 * 1024 + 1),
            1009,
        ),
        ("64 KiB in small pieces", endless, 1009),
    ];
    for (name, bytes, code) in cases {
        let mut device = Ws::trusted(server.addr, &user);
        let mut stream = device.stream();
        // The server may have closed before the last of it.
        let _ = stream.write_all(&bytes);
        assert_eq!(device.end(), End::Closed(code), "{name}");
        other.assert_lives();
    }
    server.assert_lives();
}

#[test]
fn a_close_is_returned() {
    let (_dir, server) = start_trusting();
    let mut device = Ws::trusted(server.addr, &any_user());
    device
        .stream()
        .write_all(&frame(0x88, &1000_u16.to_be_bytes()))
        .unwrap();
    assert_eq!(device.end(), End::Closed(1000));
    let mut inventive = Ws::trusted(server.addr, &any_user());
    let own_code = frame(0x88, &4008_u16.to_be_bytes());
    inventive.stream().write_all(&own_code).unwrap();
    assert_eq!(inventive.end(), End::Closed(4008));
    let closed = |code: &str| {
        let metrics = server.metrics();
        metrics.sum_with("rookery_connections_closed_total", "code", code)
    };
    assert_eq!((closed("1000"), closed("other")), (1.0, 1.0));
    assert_eq!(closed("4008"), 0.0, "it is not a slow reader");

    let mut vanished = Ws::trusted(server.addr, &any_user());
    vanished.send(&json!({"type": "ping"})).unwrap();
    drop(vanished);
    eventually("the server forgets them all", || {
        (server.metrics().sum("rookery_websocket_connections") == 0.0).then_some(())
    });
}

#[test]
fn binary_frames_are_not_spoken() {
    let (_dir, server) = start_trusting();
    let mut device = Ws::trusted(server.addr, &any_user());
    device.send_raw(Message::binary(&b"{}"[..])).unwrap();
    assert_eq!(device.end(), End::Closed(1003), "RFC 6455, section 7.4.1");
}

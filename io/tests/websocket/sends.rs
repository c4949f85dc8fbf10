//! Posts over a WebSocket.

use serde_json::{Value, json};
use tungstenite::Message;

use crate::support::api::Api;
use crate::support::ws::{End, Ws};
use crate::support::{Options, any_user, start_trusting};

#[test]
fn a_send_is_acknowledged_with_its_client_id() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let mut bob = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[&bob.user_id]);
    let (mut phone, mut other) = (alice.listen(), bob.listen());
    for n in 0..3 {
        let id = format!("c-{n}");
        let send = json!({"type": "send", "chat_id": chat, "content": "hi", "client_id": id});
        phone.send(&send).unwrap();
        let ack = phone.next_of("ack", &["message"]);
        assert_eq!(ack["client_id"], id.as_str());
        let heard = other.next();
        assert_eq!(heard["message_id"], ack["message_id"]);
        assert_eq!(heard["client_id"], id.as_str());
        assert_eq!(heard["sender_id"], alice.user_id.as_str());
    }
    let repeat = json!({"type": "send", "chat_id": chat, "content": "hi", "client_id": "c-0"});
    let mut laptop = alice.listen();
    laptop.send(&repeat).unwrap();
    laptop.next_of("ack", &[]);
    assert_eq!(bob.history(&chat).len(), 3, "sent again is not sent twice");

    phone
        .send(&json!({"type": "send", "chat_id": chat, "content": "no id"}))
        .unwrap();
    assert_eq!(other.next()["content"], "no id");
}

#[test]
fn sends_that_can_t_be_done_are_told_so() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let mut eve = Api::trusted(server.addr, &any_user()).listen();
    let chat = alice.create_chat("room", &[]);
    let mut refuse = |send: Value, code: &str| -> Value {
        eve.send(&send).unwrap();
        let error = eve.next_of("error", &[]);
        assert_eq!(error["code"], code, "{error}");
        assert_eq!(error.get("client_id"), send.get("client_id"));
        error
    };
    let send =
        |chat: &str| json!({"type": "send", "chat_id": chat, "content": "x", "client_id": "1"});
    let real = refuse(send(&chat), "not_found");
    let absent = refuse(send(&any_user()), "not_found");
    assert_eq!(real["detail"], absent["detail"], "no telling what exists");
    let empty = json!({"type": "send", "chat_id": chat, "content": "", "client_id": "2"});
    refuse(empty, "out_of_bounds");
    let long = json!({"type": "send", "chat_id": chat, "content": "x".repeat(4097)});
    refuse(long, "out_of_bounds");
    let ping = json!(["ping", null, null, null]);
    for no_object in [json!({}), json!([]), json!("ping"), ping] {
        refuse(no_object, "malformed_json");
    }
    refuse(json!({"type": "dance"}), "malformed_request");
    for incomplete in [
        json!({"type": "send", "chat_id": chat}),
        json!({"type": "send", "content": "x"}),
    ] {
        refuse(incomplete, "malformed_json");
    }
    for client_id in ["3", "é"] {
        let send = json!({"type": "send", "chat_id": "x", "content": "x", "client_id": client_id});
        refuse(send, "malformed_json");
    }
    eve.send_raw(Message::text("{")).unwrap();
    assert_eq!(eve.next_of("error", &[])["code"], "malformed_json");
    eve.assert_lives();
    assert_eq!(alice.history(&chat), Vec::<Value>::new());
}

#[test]
fn sends_beyond_those_in_flight_are_acknowledged_in_order() {
    // Several times what the server has under way for one connection.
    const SENDS: usize = 5000;
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let mut device = Ws::trusted(server.addr, &any_user());
    let mut sender = alice.listen();
    for n in 0..SENDS {
        let client_id = n.to_string();
        let send = json!({"type": "send", "chat_id": chat, "content": "x", "client_id": client_id});
        sender.send(&send).unwrap();
    }
    for n in 0..SENDS {
        let ack = sender.next_of("ack", &["message"]);
        assert_eq!(ack["client_id"], n.to_string());
    }
    device.assert_lives();
}

#[test]
fn too_many_messages_are_refused_on_the_socket() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path())
        .shards(2)
        .flag("--user-rate", 5)
        .start();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let mut device = alice.listen();
    for n in 0..100 {
        let send =
            json!({"type": "send", "chat_id": chat, "content": "x", "client_id": n.to_string()});
        if device.send(&send).is_err() {
            break;
        }
    }
    // The first refusals are told; who goes on is closed.
    let told = device.next_of("error", &["ack", "message"]);
    assert_eq!(told["code"], "too_many_requests");
    assert!(told["retry_after"].as_f64().unwrap() > 0.0);
    assert_eq!(device.end(), End::Closed(4029));
    server.assert_lives();
}

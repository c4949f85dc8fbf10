//! What devices hear, and how their connections end.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::api::Api;
use support::http::Request;
use support::ws::{self, BATCH, End, Ws};
use support::{Options, any_user, eventually, start_trusting, start_with_tokens};
use tungstenite::Message;

#[test]
fn every_device_of_every_member_hears_every_message() {
    let (_dir, server) = start_trusting();
    let mut members: Vec<Api> = (0..5)
        .map(|_| Api::trusted(server.addr, &any_user()))
        .collect();
    let ids: Vec<String> = members.iter().map(|api| api.user_id.clone()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut devices: Vec<Ws> = members
        .iter()
        .flat_map(|member| [member.listen(), member.listen()])
        .collect();
    let mut outsider = Ws::trusted(server.addr, &any_user());

    let chat = members[0].create_chat("room", &ids);
    for device in &mut devices {
        let created = device.next();
        assert_eq!(created["type"], "chat_created");
        assert_eq!(
            (&created["chat_id"], &created["seq"]),
            (&json!(chat), &json!(1))
        );
        assert_eq!(created["name"], "room");
    }
    let acks: Vec<_> = (0..20)
        .map(|n| members[n % 5].say_as(&chat, &format!("number {n}"), Some(&n.to_string())))
        .collect();
    for device in &mut devices {
        for (n, ack) in acks.iter().enumerate() {
            let expected = json!({
                "type": "message",
                "chat_id": chat,
                "seq": n + 2,
                "message_id": ack.message_id,
                "sender_id": ids[n % 5],
                "content": format!("number {n}"),
                "created_at": ack.created_at,
                "client_id": n.to_string(),
            });
            assert_eq!(device.next(), expected);
        }
        device.assert_lives();
    }
    outsider.assert_silent();
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
    for incomplete in [
        json!({"type": "dance"}),
        json!({"type": "send", "chat_id": chat}),
        json!({"type": "send", "content": "x"}),
    ] {
        refuse(incomplete, "malformed_request");
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
fn devices_hear_how_messages_change() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let mut bob = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[&bob.user_id]);
    let said = alice.say(&chat, "first");
    let mut devices = [alice.listen(), bob.listen()];
    let path = format!("/chats/{chat}/messages/{}", said.message_id);
    let thumb = format!("{path}/reactions/%F0%9F%91%8D");
    alice
        .patch(&path, &json!({"content": "second"}))
        .expect(200);
    bob.put(&thumb).expect(204);
    bob.delete(&thumb).expect(204);
    alice.delete(&path).expect(204);
    for device in &mut devices {
        let mut next = |kind: &str, seq: u64, when: &str| -> Value {
            let mut event = device.next();
            let fields = event.as_object_mut().unwrap();
            for (name, expected) in [
                ("type", json!(kind)),
                ("chat_id", json!(chat)),
                ("seq", json!(seq)),
                ("message_id", json!(said.message_id)),
            ] {
                assert_eq!(fields.remove(name), Some(expected), "{name}");
            }
            assert!(fields.remove(when).unwrap().is_string());
            event
        };
        assert_eq!(
            next("message_edited", 3, "edited_at"),
            json!({"content": "second", "by": alice.user_id})
        );
        for (kind, seq) in [("reaction_added", 4), ("reaction_removed", 5)] {
            assert_eq!(
                next(kind, seq, "created_at"),
                json!({"emoji": "\u{1f44d}", "user_id": bob.user_id})
            );
        }
        assert_eq!(
            next("message_deleted", 6, "deleted_at"),
            json!({"by": alice.user_id})
        );
    }
}

#[test]
fn who_is_added_begins_to_hear_and_who_is_removed_stops() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let bob = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let mut device = bob.listen();
    alice.say(&chat, "before");
    device.assert_silent();

    let members = format!("/chats/{chat}/members");
    alice
        .post(&members, &json!({"user_id": bob.user_id}))
        .expect(200);
    let added = device.next();
    assert_eq!(added["type"], "member_added");
    assert_eq!(added["user_id"], bob.user_id.as_str());
    assert_eq!(added["seq"], 3);
    alice.say(&chat, "during");
    assert_eq!(device.next()["content"], "during");

    let path = format!("{members}/{}", bob.user_id);
    assert_eq!(alice.delete(&path).status, 204);
    let removed = device.next();
    assert_eq!(removed["type"], "member_removed");
    assert_eq!(removed["user_id"], bob.user_id.as_str());
    alice.say(&chat, "after");
    device.assert_silent();
    let send = json!({"type": "send", "chat_id": chat, "content": "x"});
    device.send(&send).unwrap();
    assert_eq!(device.next()["code"], "not_found");

    alice
        .post(&members, &json!({"user_id": bob.user_id}))
        .expect(200);
    assert_eq!(device.next()["type"], "member_added");
    alice.say(&chat, "again");
    assert_eq!(device.next()["content"], "again");
}

#[test]
fn a_chat_that_is_busy_while_someone_joins_has_no_gap_for_them() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let joiners: Vec<Api> = (0..4)
        .map(|_| Api::trusted(server.addr, &any_user()))
        .collect();
    let mut devices: Vec<Ws> = joiners.iter().map(Api::listen).collect();
    let mut busy = Api::trusted(server.addr, &alice.user_id);
    let (sent, joined) = std::thread::scope(|scope| {
        let talker = scope.spawn(|| {
            (0..300).for_each(|n| drop(busy.say(&chat, &n.to_string())));
            300
        });
        for joiner in &joiners {
            let body = json!({"user_id": joiner.user_id});
            alice
                .post(&format!("/chats/{chat}/members"), &body)
                .expect(200);
        }
        (talker.join().unwrap(), joiners.len())
    });
    let last = 1 + sent + joined as u64;
    for device in &mut devices {
        let first = device.next();
        assert_eq!(first["type"], "member_added", "{first}");
        let first = first["seq"].as_u64().unwrap();
        for seq in first + 1..=last {
            assert_eq!(device.next()["seq"], seq);
        }
    }
}

/// A masked client frame; the mask is zero, so that the payload can be read.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    let mut bytes = vec![first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    bytes.extend_from_slice(payload);
    bytes
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

#[test]
fn tokens_cookies_and_tickets_open_a_connection() {
    let (_dir, server) = start_with_tokens();
    let mut alice = Api::register(server.addr, "alice");
    let path = format!("/ws/connect/{}", alice.user_id);
    let token = alice.identity[0]
        .1
        .strip_prefix("Bearer ")
        .unwrap()
        .to_owned();
    alice.listen();

    let cookie = ws::upgrade(&path).header("cookie", &format!("session={token}"));
    let by_cookie = Ws::connect(server.addr, cookie);
    by_cookie.ok().unwrap().expect_ready(&alice.user_id);

    let reply = alice.call(Request::new("POST", "/ws-ticket"));
    let ticket = reply.expect(200)["ticket"].as_str().unwrap().to_owned();
    let with_ticket = ws::upgrade(&format!("{path}?ticket={ticket}"));
    let mut device = Ws::connect(server.addr, with_ticket.clone()).ok().unwrap();
    device.expect_ready(&alice.user_id);
    for (request, was_given) in [
        (with_ticket, true),
        (ws::upgrade(&format!("{path}?ticket=x")), true),
        (ws::upgrade(&format!("{path}?ticket={token}")), true),
        (ws::upgrade(&path), false),
        (ws::upgrade(&path).header("authorization", "Bearer x"), true),
    ] {
        let refused = Ws::connect(server.addr, request).err().unwrap();
        refused.expect_problem(401, "unauthenticated");
        let challenge = refused.header("www-authenticate").unwrap();
        assert_eq!(challenge.contains(r#"error="invalid_token""#), was_given);
    }
    assert!(!server.log().contains(&ticket), "a ticket is not logged");
}

#[test]
fn a_logout_closes_the_session_s_sockets_and_no_others() {
    let (_dir, server) = start_with_tokens();
    let mut phone = Api::register(server.addr, "alice");
    let mut laptop = Api::anonymous(server.addr);
    laptop.login("alice");
    let mut closing: Vec<Ws> = (0..4).map(|_| phone.listen()).collect();
    let mut staying = laptop.listen();
    assert_eq!(phone.call(Request::new("POST", "/logout")).status, 204);
    for device in &mut closing {
        assert_eq!(device.end(), End::Closed(4001));
    }
    staying.assert_lives();
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

#[test]
fn the_other_devices_of_a_user_hear_within_a_second_what_they_have_read() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let bob = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[&bob.user_id]);
    for n in 0..3 {
        alice.say(&chat, &n.to_string());
    }
    let mut devices = [bob.listen(), bob.listen()];
    let mut hers = alice.listen();
    let read = |seq| json!({"type": "read", "chat_id": chat, "seq": seq});
    for (seq, unread) in [(2, 2), (3, 1), (4, 0)] {
        let since = Instant::now();
        devices[0].send(&read(seq)).unwrap();
        let told = json!({"type": "read", "chat_id": chat, "seq": seq, "unread": unread});
        assert_eq!(devices[1].next(), told);
        assert!(since.elapsed() < Duration::from_millis(1500));
    }
    let elsewhere = json!({"type": "read", "chat_id": any_user(), "seq": 1});
    devices[0].send(&elsewhere).unwrap();
    let refused = devices[0].next();
    assert_eq!(refused["code"], "not_found", "{refused}");
    let without = json!({"type": "read", "chat_id": chat});
    devices[0].send(&without).unwrap();
    let refused = devices[0].next();
    assert_eq!(refused["errors"][0]["field"], "seq", "{refused}");
    devices[0].assert_lives();
    hers.assert_silent();
}

#[test]
fn members_on_all_shards_hear_who_types_and_who_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path()).shards(2).start();
    // So many that some of them have their homes on each shard.
    let mut members: Vec<Api> = (0..6)
        .map(|_| Api::trusted(server.addr, &any_user()))
        .collect();
    let ids: Vec<String> = members.iter().map(|api| api.user_id.clone()).collect();
    let others: Vec<&str> = ids.iter().map(String::as_str).collect();
    let chat = members[0].create_chat("room", &others);
    let mut devices: Vec<Ws> = members.iter().map(Api::listen).collect();
    let follow = json!({"type": "presence", "chat_id": chat});
    devices[0].send(&follow).unwrap();
    let mut online: Vec<String> = (0..ids.len())
        .map(|_| {
            let presence = devices[0].next_of("presence", &[]);
            assert_eq!(presence["online"], true);
            presence["user_id"].as_str().unwrap().to_owned()
        })
        .collect();
    let mut expected = ids.clone();
    online.sort();
    expected.sort();
    assert_eq!(online, expected);

    for (typist, user_id) in ids.iter().enumerate() {
        devices[typist]
            .send(&json!({"type": "typing", "chat_id": chat}))
            .unwrap();
        for (_, device) in (0..).zip(&mut devices).filter(|(n, _)| *n != typist) {
            let expected = json!({"type": "typing", "chat_id": chat, "user_id": user_id});
            assert_eq!(device.next(), expected);
        }
    }
    // Whoever does not come back in time has gone.
    drop(devices.pop());
    let gone = devices[0].poll(Duration::from_secs(20)).unwrap();
    let gone: Value = serde_json::from_str(&gone).unwrap();
    assert_eq!(
        (&gone["user_id"], &gone["online"]),
        (&json!(ids[5]), &json!(false))
    );
    assert!(gone["last_seen"].is_string());
    devices.iter_mut().for_each(Ws::assert_lives);
}

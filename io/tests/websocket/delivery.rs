//! What members hear.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::ws::Ws;
use crate::support::{Options, any_user, start_trusting};

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
        let told =
            json!({"type": "read", "chat_id": chat, "seq": seq, "unread": unread, "last_seq": 4});
        assert_eq!(devices[1].next(), told);
        assert!(since.elapsed() < Duration::from_millis(1500));
    }
    let elsewhere = json!({"type": "read", "chat_id": any_user(), "seq": 1});
    devices[0].send(&elsewhere).unwrap();
    let refused = devices[0].next();
    assert_eq!(refused["code"], "not_found", "{refused}");
    assert_eq!(refused["chat_id"], elsewhere["chat_id"], "{refused}");
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

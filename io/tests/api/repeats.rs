//! Messages that are sent again.

use rookery_testing::seeds;
use serde_json::json;

use crate::support::api::{self, Api, posted};
use crate::support::{Options, any_user, start_trusting};

const REUSED: &str = "idempotency_key_reused";
use crate::{contents, seqs};

#[test]
fn a_repeated_client_id_is_one_message() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let mut bob = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[&bob.user_id]);
    let other = alice.create_chat("other", &[]);
    let first = alice.say_as(&chat, "hi", Some("x"));
    assert_eq!(alice.say_as(&chat, "hi", Some("x")), first);
    assert_ne!(bob.say_as(&chat, "hi", Some("x")), first, "another sender");
    assert_ne!(alice.say_as(&other, "hi", Some("x")), first, "another chat");
    assert_eq!(seqs(&alice.history(&chat)), [3, 2]);

    let keyed = alice
        .message(&chat, "by header", None)
        .header("idempotency-key", "k");
    let acks = [(); 2].map(|()| posted(&alice.call(keyed.clone())));
    assert_eq!(acks[0], acks[1]);
    assert_eq!(alice.history(&chat).len(), 3);
}

#[test]
fn a_repeat_in_flight_is_one_message() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    for round in 0..20 {
        let key = format!("round {round}");
        let acks: Vec<api::Posted> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        Api::trusted(server.addr, &alice.user_id).say_as(&chat, &key, Some(&key))
                    })
                })
                .collect();
            racers
                .into_iter()
                .map(|racer| racer.join().unwrap())
                .collect()
        });
        assert!(acks.iter().all(|ack| *ack == acks[0]), "{acks:?}");
    }
    let mut seqs = seqs(&alice.history(&chat));
    seqs.reverse();
    assert_eq!(seqs, (2..22).collect::<Vec<u64>>());
}

#[test]
fn a_repeat_across_a_kill_is_one_message() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::trusting(dir.path());
    let user = any_user();
    let mut server = options.clone().shards(4).start();
    let mut alice = Api::trusted(server.addr, &user);
    let chat = alice.create_chat("room", &[]);
    let letters = seeds::dice().letters(32);
    let first = alice.say_as(&chat, &letters, Some("once"));
    for shards in [2, 3] {
        server.kill();
        server = options.clone().shards(shards).start();
        let mut alice = Api::trusted(server.addr, &user);
        assert_eq!(alice.say_as(&chat, &letters, Some("once")), first);
        assert_eq!(contents(&alice.history(&chat)), [letters.as_str()]);
    }
}

#[test]
fn a_client_id_stands_for_one_content() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::trusting(dir.path());
    let user = any_user();
    let mut server = options.clone().shards(2).start();
    let mut alice = Api::trusted(server.addr, &user);
    let chat = alice.create_chat("room", &[]);
    let first = alice.say_as(&chat, "hi", Some("once"));
    for shards in [3, 1] {
        let mut alice = Api::trusted(server.addr, &user);
        let other = alice.message(&chat, "ho", Some("once"));
        alice.call(other).expect_problem(422, REUSED);
        let by_header = alice
            .message(&chat, "ho", None)
            .header("idempotency-key", "once");
        alice.call(by_header).expect_problem(422, REUSED);
        let mut socket = alice.listen();
        for (content, answer) in [("ho", "error"), ("hi", "ack")] {
            let send =
                json!({"type": "send", "chat_id": chat, "content": content, "client_id": "once"});
            socket.send(&send).unwrap();
            let told = socket.next_of(answer, &[]);
            assert_eq!(told["client_id"], "once");
            if answer == "error" {
                assert_eq!(told["code"], REUSED);
            }
        }
        assert_eq!(alice.say_as(&chat, "hi", Some("once")), first, "it stands");
        assert_eq!(contents(&alice.history(&chat)), ["hi"]);
        server.kill();
        server = options.clone().shards(shards).start();
    }
}

#[test]
fn of_racers_with_one_client_id_one_content_wins() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    for round in 0..20 {
        let key = format!("round {round}");
        let replies: Vec<_> = std::thread::scope(|scope| {
            let racers: Vec<_> = ["hi", "ho", "hi", "ho"]
                .map(|content| {
                    let mut racer = Api::trusted(server.addr, &alice.user_id);
                    let message = racer.message(&chat, content, Some(&key));
                    scope.spawn(move || (content, racer.call(message)))
                })
                .into();
            racers.into_iter().map(|it| it.join().unwrap()).collect()
        });
        let history = alice.history(&chat);
        assert_eq!(history.len(), round + 1);
        for (content, reply) in replies {
            if history[0]["content"] == content {
                assert_eq!(reply.status, 200);
            } else {
                reply.expect_problem(422, REUSED);
            }
        }
    }
}

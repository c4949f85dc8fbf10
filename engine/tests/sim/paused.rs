//! While the store is far behind, the log delivers no more than memory may hold.

use rookery_schema::batch::{RecordBatch, RecordBatchBuilder};
use rookery_schema::record::{MessagePosted, Record};
use rookery_schema::{ChatId, MessageId, Timestamp, UserId};
use rookery_testing::http::{request, user_cookie};
use serde_json::json;

use crate::world::{Settings, World};

const USER: &str = "00000000-0000-0000-0000-00000000abc0";
const CONTENT_BYTES: usize = 4096;
const BATCH_MESSAGES: u64 = 64;
/// 48 MiB.
const BATCHES: u64 = 192;
/// Bytes of records that may wait for the store, and one batch.
const WAITING_BYTES_MAX: u64 = (32 << 20) + BATCH_MESSAGES * 2 * CONTENT_BYTES as u64;

fn batch(chat_id: ChatId, number: u64) -> RecordBatch {
    let content = "x".repeat(CONTENT_BYTES);
    let sender_id: UserId = USER.parse().unwrap();
    let mut batch = RecordBatchBuilder::default();
    for n in 0..BATCH_MESSAGES {
        let id = u128::from(number * BATCH_MESSAGES + n);
        batch.push(&Record::MessagePosted(MessagePosted {
            chat_id,
            message_id: MessageId::from_bytes(id.to_be_bytes()),
            sender_id,
            at: Timestamp::default(),
            client_id: None,
            content: &content,
        }));
    }
    batch.take()
}

#[test]
fn a_log_that_is_far_ahead_of_the_store_waits_for_it() {
    let mut world = World::new(1, Settings::ample(1, 2));
    world.settle();
    let body = json!({"name": "room", "members": []});
    let created = world.call(&request("POST", "/chats", &user_cookie(USER), Some(&body)));
    let chat: ChatId = created.json()["chat_id"].as_str().unwrap().parse().unwrap();
    let partition = world.partition_of(chat);
    world.store.writes_wait = true;
    for number in 0..BATCHES {
        world.log.land(partition, batch(chat, number));
    }
    while world.advance() {}
    assert_eq!(world.log.pauses, 1, "it is told once");
    let waiting_bytes = world.log.delivered(partition) * CONTENT_BYTES as u64;
    assert!(waiting_bytes <= WAITING_BYTES_MAX, "{waiting_bytes}");
    world.store.writes_wait = false;
    world.settle();
    let stored = world.store.messages(chat).len() as u64;
    assert_eq!(stored, BATCHES * BATCH_MESSAGES);
}

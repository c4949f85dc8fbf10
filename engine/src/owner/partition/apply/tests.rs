//! What no log, store or other shard can bring about: a partition that has lost track of itself.

#![cfg(debug_assertions)]

use rookery_schema::record::MembershipChange;
use rookery_schema::{PartitionId, ShardId, Timestamp};

use super::*;
use crate::context::sample::Surroundings;
use crate::edge::port::{Opened, StoreFault};
use crate::mesh::{Asker, Waiting};
use crate::owner::changes::ChangeKey;
use crate::owner::names::ParkedUser;

const CHAT: ChatId = ChatId::from_bytes([7; 16]);
const USER: UserId = UserId::from_bytes([1; 16]);

/// A partition with one span under way.
fn partition(cx: &mut Context<'_>) -> (Partition, SpanId) {
    let mut partition = Partition::open(PartitionId(0), Opened::default(), 1, 0);
    let span = partition.progress.begin(Offset(1), 1, cx);
    (partition, span)
}

fn garbage() -> Bytes {
    Bytes::from_static(b"\0")
}

#[test]
#[should_panic(expected = "a bug: a chat was read that nobody asked for")]
fn a_chat_is_read_for_somebody() {
    let mut surroundings = Surroundings::new();
    let cx = &mut surroundings.at(0);
    partition(cx).0.chat_read(CHAT, Err(StoreFault), cx);
}

#[test]
#[should_panic(expected = "a bug: a chat is waited for that need not be read")]
fn a_chat_that_is_being_created_is_not_waited_for() {
    let mut surroundings = Surroundings::new();
    let cx = &mut surroundings.at(0);
    let (mut partition, span) = partition(cx);
    partition.chats.begin_creation(CHAT);
    let parked = ParkedRecord {
        offset: Offset(0),
        span,
        bytes: garbage(),
    };
    partition.park(CHAT, Parked::Record(parked), cx);
}

#[test]
#[should_panic(expected = "a bug: a name was read that nobody asked for")]
fn a_name_is_read_for_somebody() {
    let mut surroundings = Surroundings::new();
    let cx = &mut surroundings.at(0);
    partition(cx).0.name_read("ann", Err(StoreFault), cx);
}

#[test]
#[should_panic(expected = "a bug: a record that was understood is understood no more")]
fn a_record_that_waits_for_its_chat_was_understood() {
    let mut surroundings = Surroundings::new();
    let cx = &mut surroundings.at(0);
    let (mut partition, span) = partition(cx);
    let parked = ParkedRecord {
        offset: Offset(0),
        span,
        bytes: garbage(),
    };
    partition.apply_parked(CHAT, &parked, cx);
}

#[test]
#[should_panic(expected = "a bug: a record about a user that was understood is understood no more")]
fn a_registration_that_waits_for_its_name_was_understood() {
    let mut surroundings = Surroundings::new();
    let cx = &mut surroundings.at(0);
    let (mut partition, span) = partition(cx);
    let bytes = garbage();
    partition.apply_parked_user(&ParkedUser { span, bytes }, cx);
}

#[test]
#[should_panic(expected = "a bug: a chat is gone while a record of it is applied")]
fn a_chat_stays_while_a_record_of_it_is_passed_over() {
    let mut surroundings = Surroundings::new();
    let cx = &mut surroundings.at(0);
    let (mut partition, span) = partition(cx);
    let record = Record::MemberAdded(MembershipChange {
        chat_id: CHAT,
        user_id: USER,
        by: USER,
        at: Timestamp::default(),
    });
    let applying = Applying {
        offset: Offset(0),
        span,
        record: &record,
        bytes: &garbage(),
    };
    partition.tell_contained(CHAT, applying, cx);
}

#[test]
#[should_panic(expected = "a bug: a chat is gone while a record of it is applied")]
fn a_chat_stays_while_it_is_to_be_shown() {
    let mut surroundings = Surroundings::new();
    let cx = &mut surroundings.at(0);
    let (mut partition, span) = partition(cx);
    let key = ChangeKey::Chat(CHAT, 0);
    let asker = Asker {
        shard: ShardId(0),
        waiting: Waiting::Inbox { gather: 1 },
    };
    partition.changes.wait(key, asker);
    partition.show_when_stored(span, key, CHAT, cx);
}

//! What can't happen, and happens all the same: log, store, hashers or another shard break what they promise. A debug
//! build panics, so that every test and the simulator find it. A release build goes on, tells the operator and counts.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use rookery_engine::effect::Notice;
use rookery_engine::input::Input;
use rookery_engine::mesh::{
    ChatCommand, Command, EventBatch, Events, EventsPage, NameCommand, Outcome, Page, PageStart,
    Rest, Right, ShardMessage, SubscriptionAnswer,
};
use rookery_engine::port::{
    Found, LogEvent, Opened, Part, PasswordOutcome, StoreEvent, StoredChat, Token,
};
use rookery_schema::batch::RecordBatch;
use rookery_schema::event::EventKind;
use rookery_schema::row::{EventRow, Head};
use rookery_schema::{Offset, PartitionId, Seq, Timestamp};
use rookery_testing::ws::text_frame;

use crate::stage::{P0, Stage, THERE, credentials, network, stored_chat};

/// The partition of the other shard.
const P1: PartitionId = PartitionId(1);
/// A number that no question had.
const UNUSED: u64 = u64::MAX;

/// Asserts that something impossible is noticed as this bug.
#[track_caller]
fn check(what: &'static str, impossible: impl FnOnce(&mut Stage)) {
    let mut stage = Stage::new();
    let outcome = catch_unwind(AssertUnwindSafe(|| impossible(&mut stage)));
    if cfg!(debug_assertions) {
        let panic = outcome.expect_err("nothing was noticed");
        let message = panic.downcast_ref::<String>().map(String::as_str);
        assert_eq!(message, Some(format!("a bug: {what}").as_str()));
    } else {
        outcome.expect("a release build goes on");
        // Others may follow from it.
        assert_eq!(stage.notices.first(), Some(&Notice::Bug { what }));
        assert_eq!(stage.stats().bugs.first(), Some(&(what, 1)));
    }
}

fn written(stage: &mut Stage, part: Part, number: u64) {
    let token = Token { part, number };
    let micros = 1;
    stage.step(Input::Store(StoreEvent::Written { token, micros }));
}

fn read(stage: &mut Stage, part: Part, number: u64, found: Found) {
    let token = Token { part, number };
    let outcome = Ok(found);
    stage.step(Input::Store(StoreEvent::Read { token, outcome }));
}

fn hashed(stage: &mut Stage, part: Part) {
    let token = Token {
        part,
        number: UNUSED,
    };
    let outcome = PasswordOutcome::Verified(true);
    stage.step(Input::Password { token, outcome });
}

#[test]
fn a_partition_opens_before_it_closes() {
    check("a partition was closed that was not open", |stage| {
        stage.log_event(LogEvent::Closed { partition: P1 });
    });
    check("a partition was opened that was open", |stage| {
        let (partition, opened) = (P0, Opened::default());
        stage.log_event(LogEvent::Opened { partition, opened });
    });
}

#[test]
fn there_is_no_news_of_a_partition_that_is_not_open() {
    let partition = P1;
    let news: [fn(PartitionId) -> LogEvent; 4] = [
        |partition| LogEvent::CaughtUp { partition },
        |partition| LogEvent::DeadLettered { partition },
        |partition| LogEvent::Appended {
            partition,
            outcome: Ok(Offset(1)),
        },
        |partition| LogEvent::Records {
            partition,
            base: Offset(0),
            batch: RecordBatch::default(),
        },
    ];
    for event in news {
        let what = "the log has news of a partition that is not open";
        check(what, |stage| stage.log_event(event(partition)));
    }
}

#[test]
fn a_log_answers_what_it_was_asked() {
    let what = "an append was answered that nobody asked for";
    check(what, Stage::confirm_delivered);
    check("the log kept a dead letter that nobody sent", |stage| {
        stage.log_event(LogEvent::DeadLettered { partition: P0 });
    });
}

#[test]
fn a_log_delivers_every_record_once() {
    check("the log repeated records", |stage| {
        let user = stage.foreign_user();
        stage.create(&[user]);
        let chat = stage.create(&[user]);
        stage.post(chat, user, None);
        let batch = stage.appends.pop_front().unwrap();
        stage.confirm_append(&batch);
        stage.log_event(LogEvent::Records {
            partition: P0,
            base: Offset(0),
            batch,
        });
    });
}

#[test]
fn a_store_answers_what_it_was_asked() {
    for part in [Part::Partition(P0), Part::Home] {
        check("a read that nobody asked for", |stage| {
            read(stage, part, UNUSED, Found::Chats(Vec::new()));
        });
    }
    let what = "a span that is done, or never began, is named";
    check(what, |stage| written(stage, Part::Partition(P0), UNUSED));
    let what = "a part of the shard read the store that reads nothing";
    check(what, |stage| {
        read(stage, Part::Owner, UNUSED, Found::Chats(Vec::new()));
    });
    check("a WebSocket reads nothing from the store", |stage| {
        let user = stage.user();
        let conn = stage.connect(user);
        let found = Found::Users(Vec::new());
        read(stage, Part::Connection(conn), UNUSED, found);
    });
}

#[test]
fn a_store_syncs_when_it_was_asked_to() {
    check("the store has synced, and nobody asked for it", |stage| {
        let token = Token {
            part: Part::Owner,
            number: 0,
        };
        stage.step(Input::Store(StoreEvent::Synced { token }));
    });
}

#[test]
fn nobody_writes_who_has_nothing_to_write() {
    for part in [Part::Owner, Part::Sessions] {
        let what = "a part of the shard wrote a row that writes none";
        check(what, |stage| written(stage, part, UNUSED));
    }
}

#[test]
fn a_store_finds_a_chat_where_one_was_asked_for() {
    check("the store answered something else than a chat", |stage| {
        let (chat_id, caller) = (stage.chat(), stage.foreign_user());
        stage.ask(Command::Chat(chat_id, ChatCommand::Show { caller }));
        stage.answer_read(Ok(Found::Users(Vec::new())));
    });
}

#[test]
fn a_store_keeps_events_as_they_were_written() {
    check("the store holds an event that can't be read", |stage| {
        let (chat_id, caller) = (stage.chat(), stage.foreign_user());
        stage.ask(Command::Chat(chat_id, ChatCommand::Show { caller }));
        let head = Head {
            seq: Seq(1),
            ..Head::default()
        };
        let stored = StoredChat {
            head,
            recent: vec![EventRow {
                chat_id,
                head,
                record: Bytes::from_static(b"no record"),
                kind: EventKind::Other,
            }],
            ..stored_chat(chat_id, &[caller])
        };
        stage.answer_read(Ok(Found::Chat(Some(Box::new(stored)))));
    });
}

#[test]
fn a_store_has_the_events_that_chats_have() {
    let what = "an event is missing in the store, or can't be read";
    check(what, |stage| {
        let (chat_id, caller) = (stage.chat(), stage.foreign_user());
        let page = EventsPage {
            after: Seq(2),
            until: Seq(u64::MAX),
            limit: 100,
            bytes_max: 1 << 20,
        };
        let command = ChatCommand::ShowEvents { caller, page };
        let question = stage.ask(Command::Chat(chat_id, command));
        let head = Head {
            seq: Seq(9),
            ..Head::default()
        };
        let stored = StoredChat {
            head,
            ..stored_chat(chat_id, &[caller])
        };
        stage.answer_read(Ok(Found::Chat(Some(Box::new(stored)))));
        // It was restored from an earlier state.
        stage.answer_read(Ok(Found::Events(Vec::new())));
        let last = Seq(9);
        let missed = Some(Outcome::TooFarBehind { last });
        assert_eq!(stage.answer(question), missed, "nobody asks again");
    });
}

#[test]
fn a_store_finds_messages_where_they_were_asked_for() {
    check("the store answered something else than messages", |stage| {
        let caller = stage.foreign_user();
        let chat_id = stage.create(&[caller]);
        // More than memory keeps.
        for _ in 0..130 {
            stage.post(chat_id, caller, None);
            stage.settle();
        }
        let page = Page {
            from: PageStart::After(Seq(0)),
            limit: 1,
        };
        let command = ChatCommand::ShowMessages { caller, page };
        stage.ask(Command::Chat(chat_id, command));
        stage.answer_read(Ok(Found::Users(Vec::new())));
    });
}

#[test]
fn a_store_finds_users_where_they_were_asked_for() {
    check("the store answered something else than users", |stage| {
        let username = stage.username();
        let command = NameCommand::Register {
            credentials: credentials(&username, None),
            network: network(),
            right: Right::Open,
        };
        stage.ask(Command::Name(username.into(), command));
        stage.answer_read(Ok(Found::Chats(Vec::new())));
    });
}

#[test]
fn a_store_finds_chats_where_they_were_asked_for() {
    let what = "the store answered something else than a user's chats";
    check(what, |stage| {
        let user = stage.user();
        stage.connect(user);
        stage.answer_read(Ok(Found::Users(Vec::new())));
    });
}

#[test]
fn a_store_finds_sessions_where_they_were_asked_for() {
    let what = "the store answered something else than ended sessions";
    check(what, |stage| {
        read(stage, Part::Sessions, 0, Found::Users(Vec::new()));
    });
}

#[test]
fn hashers_answer_what_they_were_asked() {
    let what = "a password that nobody asked about";
    check(what, |stage| hashed(stage, Part::Partition(P0)));
    for part in [Part::Owner, Part::Home, Part::Sessions] {
        let what = "a part of the shard asked about a password that asks about none";
        check(what, |stage| hashed(stage, part));
    }
}

#[test]
fn hashers_do_what_they_were_asked_to() {
    let password = Some("long enough");
    let what = "a password was to be hashed, and one was compared";
    check(what, |stage| {
        let username = stage.username();
        let command = NameCommand::Register {
            credentials: credentials(&username, password),
            network: network(),
            right: Right::Open,
        };
        stage.ask(Command::Name(username.into(), command));
        stage.answer_read(Ok(Found::Users(Vec::new())));
        stage.compare_password(true);
    });
    let what = "a password was to be compared, and one was hashed";
    check(what, |stage| {
        let username = stage.username();
        let command = NameCommand::LogIn {
            credentials: credentials(&username, password),
            network: network(),
        };
        stage.ask(Command::Name(username.into(), command));
        stage.answer_read(Ok(Found::Users(Vec::new())));
        let token = stage.passwords.pop_front().unwrap().token;
        let outcome = PasswordOutcome::Hashed("hash".into());
        stage.step(Input::Password { token, outcome });
    });
}

#[test]
fn a_subscription_is_answered_once() {
    let what = "a subscription was answered that nobody asked for";
    check(what, |stage| {
        let (user, chat) = (stage.user(), stage.foreign_chat());
        stage.connect(user);
        stage.answer_read(Ok(Found::Chats(vec![chat])));
        let wanted = stage.subscriptions()[0];
        let answer = SubscriptionAnswer::Accepted { next: Seq(1) };
        for _ in 0..2 {
            stage.tell(ShardMessage::Subscribed { wanted, answer });
        }
    });
}

#[test]
fn a_line_of_an_inbox_is_one() {
    let what = "a line of an inbox was asked for, and something else came";
    check(what, |stage| {
        let (user, chat) = (stage.user(), stage.foreign_chat());
        stage.list(user, 1, None);
        stage.answer_read(Ok(Found::Chats(vec![chat])));
        let Some(ShardMessage::Ask { asker, .. }) = stage.sent.pop() else {
            panic!("no line was asked for");
        };
        let outcome = Outcome::Done;
        stage.tell(ShardMessage::Answer { asker, outcome });
    });
}

#[test]
fn an_owner_shows_what_it_has_sent_before() {
    check("a page does not reach to where its room stands", |stage| {
        let (user, chat_id) = (stage.user(), stage.foreign_chat());
        let conn = stage.connect_to_resume(user);
        stage.answer_read(Ok(Found::Chats(vec![chat_id])));
        let wanted = stage.subscriptions()[0];
        let answer = SubscriptionAnswer::Accepted { next: Seq(7) };
        stage.tell(ShardMessage::Subscribed { wanted, answer });
        let text = format!(r#"{{"type":"resume","chats":{{"{chat_id}":4}}}}"#);
        stage.step(Input::Received {
            conn,
            bytes: &text_frame(&text),
            waited_micros: 0,
        });
        let Some(ShardMessage::Ask { asker, .. }) = stage.sent.pop() else {
            panic!("nobody is asked");
        };
        // Event 6 is missing.
        let events = Events {
            lines: Bytes::from_static(b"{}\n"),
            count: 1,
            through: Seq(5),
            rest: Rest::Live,
        };
        let outcome = Outcome::Events(Box::new(events));
        stage.tell(ShardMessage::Answer { asker, outcome });
    });
}

/// Has the other shard send events of a chat that a user of this one listens to.
fn hear(stage: &mut Stage, batches: &[(u64, u32)]) {
    let (user, chat_id) = (stage.user(), stage.foreign_chat());
    stage.connect(user);
    stage.answer_read(Ok(Found::Chats(vec![chat_id])));
    let wanted = stage.subscriptions()[0];
    let answer = SubscriptionAnswer::Accepted { next: Seq(1) };
    stage.tell(ShardMessage::Subscribed { wanted, answer });
    for &(first, count) in batches {
        stage.tell(ShardMessage::Events(EventBatch {
            chat_id,
            from: THERE,
            first: Seq(first),
            lines: Bytes::from_static(b"{}\n"),
            count,
            accepted_at: Timestamp::default(),
            applied_micros: 0,
            leaver: None,
        }));
    }
}

#[test]
fn a_home_gets_no_event_twice() {
    check("a room is ahead of its chat's owner", |stage| {
        hear(stage, &[(1, 1), (1, 1)]);
    });
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "a line is missing of what came")]
fn a_batch_has_as_many_lines_as_it_says() {
    hear(&mut Stage::new(), &[(5, 2)]);
}

//! What the chats of a shard take of its memory, and what goes when that is too much.

use bytes::Bytes;
use rookery_engine::mesh::{ChatCommand, Command, Outcome, Page, PageStart, ShardMessage};
use rookery_engine::port::{Found, StoredChat};
use rookery_schema::event::EventKind;
use rookery_schema::message::Message;
use rookery_schema::record::{MessagePosted, Record};
use rookery_schema::row::{EventRow, Head};
use rookery_schema::{ChatId, MessageId, Seq, Timestamp, UserId};

use crate::stage::{SECOND, Stage, batch_of, stored_chat};

/// A bound that is out of reach.
const AMPLE: usize = 1 << 30;
/// Bytes of a chat with one member, and one short message.
const SMALL_BYTES: u64 = 3000;

fn show(stage: &mut Stage, chat_id: ChatId, caller: UserId) -> u64 {
    stage.ask(Command::Chat(chat_id, ChatCommand::Show { caller }))
}

/// Asks for the newest messages; true where memory has them.
fn has_messages(stage: &mut Stage, chat: ChatId, caller: UserId) -> bool {
    stage.reads.clear();
    let from = PageStart::Newest;
    let page = Page { from, limit: 1 };
    let page = stage.ask(Command::Chat(
        chat,
        ChatCommand::ShowMessages { caller, page },
    ));
    stage.answer(page).is_some()
}

/// Whether a chat is in memory.
fn is_loaded(stage: &mut Stage, chat: ChatId, caller: UserId) -> bool {
    stage.reads.clear();
    let question = show(stage, chat, caller);
    stage.answer(question).is_some()
}

/// Those who joined are not connected.
fn unsubscribe(stage: &mut Stage, chat_id: ChatId, users: Vec<UserId>) {
    stage.tell(ShardMessage::Unsubscribe { chat_id, users });
}

/// A chat as the store has it: with one member, and so many messages.
fn stored(stage: &mut Stage, user: UserId, count: u64, content: &str) -> StoredChat {
    let chat_id = stage.chat();
    let mut record = Vec::new();
    Record::MessagePosted(MessagePosted {
        chat_id,
        message_id: MessageId::from_bytes([1; 16]),
        sender_id: user,
        at: Timestamp::default(),
        client_id: None,
        content,
    })
    .encode(&mut record);
    let record = Bytes::from(record);
    // The first event is the chat's creation.
    let rows = (1..=count).map(|messages| EventRow {
        chat_id,
        head: Head {
            seq: Seq(1 + messages),
            messages,
            ..Head::default()
        },
        record: record.clone(),
        kind: EventKind::Message,
    });
    let recent: Vec<EventRow> = rows.collect();
    let message = |row: &EventRow| Message::of(row).unwrap().unwrap();
    StoredChat {
        head: recent.last().unwrap().head,
        messages: recent.iter().map(message).collect(),
        latest_message: recent.last().map(message),
        recent,
        ..stored_chat(chat_id, &[user])
    }
}

/// The same, read into memory.
fn read(stage: &mut Stage, user: UserId, count: u64, content: &str) -> ChatId {
    let chat = stored(stage, user, count, content);
    let chat_id = chat.chat.chat_id;
    stage.reads.clear();
    show(stage, chat_id, user);
    stage.answer_read(Ok(Found::Chat(Some(Box::new(chat)))));
    stage.tick_after(1000);
    chat_id
}

/// Lets the shard look for something to forget, more often than it takes.
fn rounds(stage: &mut Stage) {
    // What looked in vain rests for a second.
    (0..3).for_each(|_| stage.tick_after(2 * SECOND));
}

#[test]
fn what_was_not_used_for_longest_goes_first_and_events_before_chats() {
    let mut stage = Stage::serving(|config| config.chat_bytes = 190_000);
    let user = stage.foreign_user();
    // What is read from here on lies in the log before what is stored.
    stage.create(&[user]);
    let content = "x".repeat(1000);
    let more = |stage: &mut Stage, count| -> Vec<ChatId> {
        (0..count)
            .map(|_| read(stage, user, 10, &content))
            .collect()
    };
    let kept = |stage: &mut Stage, chats: &[ChatId]| {
        let kept = chats.iter().filter(|it| has_messages(stage, **it, user));
        kept.count()
    };
    let first = more(&mut stage, 10);
    assert_eq!(kept(&mut stage, &first[..5]), 5);
    let second = more(&mut stage, 6);
    let stats = stage.stats();
    assert!(
        (100_000..190_000).contains(&stats.chats_bytes),
        "{}",
        stats.chats_bytes
    );
    assert_eq!((stats.chats_loaded, stats.chats_forgotten), (17, 0));
    assert_eq!(kept(&mut stage, &second), 6);
    assert_eq!(kept(&mut stage, &first[..5]), 5);
    assert!(kept(&mut stage, &first[5..]) < 5);

    let others = more(&mut stage, 100);
    let stats = stage.stats();
    assert!(stats.chats_bytes <= 190_000, "{}", stats.chats_bytes);
    assert!(stats.chats_forgotten > 0);
    assert_eq!(stats.chats_loaded + stats.chats_forgotten, 117);
    assert!(!is_loaded(&mut stage, first[9], user));
    assert!(has_messages(&mut stage, others[99], user));
}

#[test]
fn a_chat_whose_events_are_gone_still_tells_its_newest_message() {
    let mut stage = Stage::serving(|config| config.chat_bytes = 1);
    let user = stage.foreign_user();
    let chat = stage.create(&[user]);
    stage.post_text(chat, user, None, "the newest");
    stage.settle();
    rounds(&mut stage);
    assert!(!has_messages(&mut stage, chat, user), "it is in the store");
    let summarize = ChatCommand::Summarize { user_id: user };
    let summary = stage.ask(Command::Chat(chat, summarize));
    let Some(Outcome::Summary(Some(summary))) = stage.answer(summary) else {
        panic!("somebody listens: the chat is in memory");
    };
    let message = String::from_utf8(summary.last_message.unwrap()).unwrap();
    assert!(message.contains("the newest"), "{message}");
}

#[test]
fn chats_that_are_listened_to_or_not_stored_stay() {
    let mut stage = Stage::serving(|config| config.chat_bytes = 1);
    let user = stage.foreign_user();
    let listened = stage.create(&[user]);
    let unheard = stage.create(&[user]);
    unsubscribe(&mut stage, unheard, vec![user]);
    rounds(&mut stage);
    assert!(is_loaded(&mut stage, listened, user));
    assert!(!is_loaded(&mut stage, unheard, user));

    unsubscribe(&mut stage, listened, vec![user]);
    stage.post(listened, user, None);
    stage.append();
    rounds(&mut stage);
    assert!(has_messages(&mut stage, listened, user), "not stored yet");
    stage.store();
    rounds(&mut stage);
    assert!(!is_loaded(&mut stage, listened, user));
}

#[test]
fn a_chat_that_was_forgotten_is_read_again_and_goes_on() {
    let mut stage = Stage::serving(|config| config.chat_bytes = 1);
    let user = stage.foreign_user();
    let chat = stage.create(&[user]);
    unsubscribe(&mut stage, chat, vec![user]);
    rounds(&mut stage);
    let question = stage.post(chat, user, None);
    assert!(stage.answer(question).is_none() && stage.appends.is_empty());
    let head = Head {
        seq: Seq(1),
        ..Head::default()
    };
    let found = StoredChat {
        head,
        ..stored_chat(chat, &[user])
    };
    stage.answer_read(Ok(Found::Chat(Some(Box::new(found)))));
    let batch = stage.appends.pop_front().unwrap();
    stage.confirm_append(&batch);
    stage.assert_posted(question);
}

#[test]
fn members_and_who_listens_count() {
    const MEMBERS: u64 = 1640;
    let mut stage = Stage::serving(|config| config.chat_bytes = AMPLE);
    let users: Vec<UserId> = (0..MEMBERS).map(|_| stage.foreign_user()).collect();
    let chat = stage.create(&users);
    let listened = stage.stats().chats_bytes;
    unsubscribe(&mut stage, chat, users.clone());
    let alone = stage.stats().chats_bytes;
    // An id, its hash and its place; in a table, its place twice.
    assert!((MEMBERS * 33..MEMBERS * 40).contains(&alone), "{alone}");
    assert!(listened > alone + MEMBERS * 17, "{listened}");
    for &user_id in &users[1..] {
        let caller = users[0];
        let command = ChatCommand::RemoveMember { caller, user_id };
        stage.ask(Command::Chat(chat, command));
    }
    stage.settle();
    let left = stage.stats().chats_bytes;
    // The events of those who left last, each in a buffer of its own.
    assert!(left < 128 * 600 + SMALL_BYTES, "{left}");
    assert_eq!(stage.stats().chats_loaded, 1);
}

#[test]
fn what_came_in_one_large_batch_is_trimmed_once_it_is_stored() {
    const EACH_BYTES: usize = 1000;
    let mut stage = Stage::serving(|config| config.chat_bytes = AMPLE);
    let user = stage.foreign_user();
    let chat = stage.create(&[user]);
    let content = "x".repeat(EACH_BYTES);
    let message = Record::MessagePosted(MessagePosted {
        chat_id: chat,
        message_id: MessageId::from_bytes([1; 16]),
        sender_id: user,
        at: Timestamp::default(),
        client_id: None,
        content: &content,
    });
    stage.deliver(batch_of(&vec![message; 1000]));
    let unstored = stage.stats().chats_bytes;
    assert!(unstored > 1000 * EACH_BYTES as u64, "none may be forgotten");
    stage.store();
    let stored = stage.stats().chats_bytes;
    assert!((64_000..80_000).contains(&stored), "{stored}");
    assert!(has_messages(&mut stage, chat, user));
    // The rest of the window: the buffer that it was in is left.
    stage.post(chat, user, None);
    stage.settle();
    let later = stage.stats().chats_bytes;
    assert!((60_000..80_000).contains(&later), "{later}");
}

#[test]
fn what_is_read_from_the_store_counts() {
    let mut stage = Stage::serving(|config| config.chat_bytes = AMPLE);
    let user = stage.foreign_user();
    read(&mut stage, user, 1, &"x".repeat(5000));
    let bytes = stage.stats().chats_bytes;
    assert!((5000..5000 + SMALL_BYTES).contains(&bytes), "{bytes}");
}

//! What the chats of a shard take of its memory, and what goes when that is too much.

use bytes::Bytes;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{
    ChatCommand, Command, Outcome, Page, PageStart, ShardMessage, Subscription, SubscriptionAnswer,
};
use rookery_engine::port::{Found, StoreFault, StoredChat};
use rookery_schema::event::EventKind;
use rookery_schema::message::Message;
use rookery_schema::record::{MessagePosted, Record};
use rookery_schema::row::{EventRow, Head, Mark};
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
    let answer = stage.answer(page);
    // While it is being read it is not forgotten.
    stage.answer_read_if_any(Err(StoreFault));
    answer.is_some()
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

fn said(chat_id: ChatId, sender_id: UserId, content: &str) -> Record<'_> {
    Record::MessagePosted(MessagePosted {
        chat_id,
        message_id: MessageId::from_bytes([1; 16]),
        sender_id,
        at: Timestamp::default(),
        client_id: None,
        content,
    })
}

/// A chat as the store has it: with one member, and so many messages.
fn stored(stage: &mut Stage, user: UserId, count: u64, content: &str) -> StoredChat {
    let chat_id = stage.chat();
    let mut record = Vec::new();
    said(chat_id, user, content).encode(&mut record);
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
    // One message of two.
    let mut stage = Stage::serving(|config| config.chat_bytes = 6000);
    let user = stage.foreign_user();
    let chat = stage.create(&[user]);
    let [oldest, newest] = ["the oldest", "the newest"].map(|it| it.repeat(300));
    let messages = [&oldest, &newest].map(|it| said(chat, user, it));
    stage.deliver(batch_of(&messages));
    stage.store();
    rounds(&mut stage);
    assert!(!has_messages(&mut stage, chat, user), "it is in the store");
    let summarize = ChatCommand::Summarize {
        user_id: user,
        mark: Mark::default(),
    };
    let summary = stage.ask(Command::Chat(chat, summarize));
    let Some(Outcome::Summary(Some(summary))) = stage.answer(summary) else {
        panic!("the chat is in memory");
    };
    let message = String::from_utf8(summary.last_message.unwrap()).unwrap();
    assert!(message.contains("the newest"), "{message}");
}

#[test]
fn a_chat_that_is_not_stored_stays() {
    let mut stage = Stage::serving(|config| config.chat_bytes = 1);
    let user = stage.foreign_user();
    let chat = stage.create(&[user]);
    stage.post(chat, user, None);
    stage.append();
    rounds(&mut stage);
    assert!(has_messages(&mut stage, chat, user), "not stored yet");
    stage.store();
    rounds(&mut stage);
    assert!(!is_loaded(&mut stage, chat, user));
}

/// A chat that was forgotten while these listen to it.
fn forgotten(stage: &mut Stage, users: &[UserId]) -> ChatId {
    let chat = stage.create(users);
    rounds(stage);
    assert_eq!(stage.stats().chats_loaded, 0);
    stage.sent.clear();
    chat
}

/// The store has a chat with its first event and these members.
fn created(chat: ChatId, users: &[UserId]) -> Found {
    let head = Head {
        seq: Seq(1),
        ..Head::default()
    };
    Found::Chat(Some(Box::new(StoredChat {
        head,
        ..stored_chat(chat, users)
    })))
}

/// Somebody says the first thing in a chat that is read for it as often as it is forgotten.
fn post_first(stage: &mut Stage, chat: ChatId, users: &[UserId]) {
    stage.post(chat, users[0], None);
    while !stage.reads.is_empty() || !stage.appends.is_empty() {
        while !stage.reads.is_empty() {
            stage.answer_read(Ok(created(chat, users)));
        }
        stage.settle();
    }
}

/// Takes the seq of the first event and the number of events of each batch that the other shard was sent.
fn events(stage: &mut Stage) -> Vec<(Seq, u32)> {
    let sent = std::mem::take(&mut stage.sent).into_iter();
    sent.filter_map(|message| match message {
        ShardMessage::Events(batch) => Some((batch.first, batch.count)),
        _ => None,
    })
    .collect()
}

#[test]
fn who_listens_to_a_chat_that_was_forgotten_goes_on_hearing() {
    let mut stage = Stage::serving(|config| config.chat_bytes = 1);
    let users = [stage.foreign_user(), stage.foreign_user()];
    let chat = forgotten(&mut stage, &users);
    let kept = stage.stats().chats_bytes;
    assert!((1..1000).contains(&kept), "{kept}");
    post_first(&mut stage, chat, &users);
    assert_eq!(events(&mut stage), [(Seq(2), 1)]);
    // And again.
    rounds(&mut stage);
    assert_eq!(stage.stats().chats_bytes, kept);
    stage.post(chat, users[0], None);
    assert!(stage.appends.is_empty(), "it was forgotten again");
}

#[test]
fn who_listens_to_a_chat_that_was_forgotten_can_stop_at_any_time() {
    let mut stage = Stage::serving(|config| config.chat_bytes = 1);
    let users = [stage.foreign_user(), stage.foreign_user()];
    let chat = forgotten(&mut stage, &users);
    unsubscribe(&mut stage, chat, vec![users[1]]);
    // The other one stops while it is read.
    stage.post(chat, users[0], None);
    unsubscribe(&mut stage, chat, vec![users[0]]);
    stage.answer_read(Ok(created(chat, &users)));
    assert!(!stage.appends.is_empty());
    post_first(&mut stage, chat, &users);
    assert_eq!(events(&mut stage), []);

    let chat = forgotten(&mut stage, &users);
    unsubscribe(&mut stage, chat, users.to_vec());
    assert_eq!(stage.stats().chats_bytes, 0, "nothing is left of it");
    post_first(&mut stage, chat, &users);
    assert_eq!(events(&mut stage), []);
}

#[test]
fn who_listens_is_kept_while_a_chat_that_was_forgotten_cannot_be_read() {
    let mut stage = Stage::serving(|config| config.chat_bytes = 1);
    let users = [stage.foreign_user()];
    let chat = forgotten(&mut stage, &users);
    let kept = stage.stats().chats_bytes;
    let question = stage.post(chat, users[0], None);
    stage.answer_read(Err(StoreFault));
    stage.assert_refused(question, Problem::STORE_UNAVAILABLE);
    assert_eq!(stage.stats().chats_bytes, kept);

    // A record that the log delivers waits until the chat can be read.
    let content = "hello";
    stage.deliver(batch_of(&[said(chat, users[0], content)]));
    stage.answer_read(Err(StoreFault));
    assert_eq!(stage.stats().chats_bytes, kept);
    stage.tick_after(2 * SECOND);
    stage.answer_read(Ok(created(chat, &users)));
    assert_eq!(events(&mut stage), [(Seq(2), 1)]);
}

#[test]
fn a_member_of_a_chat_that_was_forgotten_can_listen_as_well() {
    let mut stage = Stage::serving(|config| config.chat_bytes = 1);
    let users = [stage.foreign_user(), stage.foreign_user()];
    let stranger = stage.foreign_user();
    let chat = forgotten(&mut stage, &users);
    unsubscribe(&mut stage, chat, vec![users[1]]);
    for user_id in [users[1], stranger] {
        let stay = 1;
        stage.tell(ShardMessage::Subscribe(Subscription {
            user_id,
            chat_id: chat,
            stay,
        }));
    }
    stage.answer_read(Ok(created(chat, &users)));
    let sent = std::mem::take(&mut stage.sent).into_iter();
    let answers = sent.filter_map(|message| match message {
        ShardMessage::Subscribed { wanted, answer } => Some((wanted.user_id, answer)),
        _ => None,
    });
    assert_eq!(
        answers.collect::<Vec<_>>(),
        [
            (users[1], SubscriptionAnswer::Accepted { next: Seq(2) }),
            (stranger, SubscriptionAnswer::NoMember)
        ]
    );
    unsubscribe(&mut stage, chat, vec![users[0]]);
    post_first(&mut stage, chat, &users);
    assert_eq!(events(&mut stage), [(Seq(2), 1)]);
}

#[test]
fn who_comes_to_listen_behind_what_was_said_does_not_hear_it() {
    let mut stage = Stage::serving(|config| config.chat_bytes = 1);
    let user_id = stage.foreign_user();
    let chat = forgotten(&mut stage, &[user_id]);
    unsubscribe(&mut stage, chat, vec![user_id]);
    stage.deliver(batch_of(&[said(chat, user_id, "before")]));
    stage.tell(ShardMessage::Subscribe(Subscription {
        chat_id: chat,
        user_id,
        stay: 1,
    }));
    stage.answer_read(Ok(created(chat, &[user_id])));
    let sent = &stage.sent[..];
    assert!(
        matches!(sent, [ShardMessage::Subscribed { answer, .. }] if *answer == SubscriptionAnswer::Accepted { next: Seq(3) }),
        "{sent:?}"
    );
}

#[test]
fn however_many_listen_a_quarter_is_left_for_chats() {
    const CHAT_BYTES: usize = 40_000;
    let mut stage = Stage::serving(|config| config.chat_bytes = CHAT_BYTES);
    let users: Vec<UserId> = (0..1000).map(|_| stage.foreign_user()).collect();
    for _ in 0..3 {
        stage.create(&users);
    }
    rounds(&mut stage);
    let stats = stage.stats();
    assert!(stats.chats_bytes > CHAT_BYTES as u64, "who listens stays");
    assert_eq!(stats.chats_loaded, 0);
    let small: Vec<ChatId> = (0..3).map(|_| read(&mut stage, users[0], 1, "x")).collect();
    rounds(&mut stage);
    assert!(is_loaded(&mut stage, small[0], users[0]));
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
    stage.answer_read(Ok(created(chat, &[user])));
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
    // An id, its hash, the seq of joining and its place; in a table, its place twice.
    assert!((MEMBERS * 41..MEMBERS * 48).contains(&alone), "{alone}");
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
    let message = said(chat, user, &content);
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

//! Messages that were amended in the store: how a shard that reads them shows them.

use rookery_engine::mesh::{ChatCommand, Command, Outcome, Page, PageStart};
use rookery_engine::port::{Found, LogEvent, Opened, Read, StoredChat};
use rookery_schema::event::EventKind;
use rookery_schema::message::{Message, lay_over};
use rookery_schema::record::{MembershipChange, MessagePosted, Record};
use rookery_schema::row::{Amendment, AmendmentRow, EventRow, Head, Mark};
use rookery_schema::{ChatId, MessageId, Offset, Seq, Timestamp, UserId};
use serde_json::Value;

use crate::stage::{P0, Stage, stored_chat};

const LIMIT: usize = 4;

/// A chat in the store. Of its events 1 to 6 are messages, of which 2 and 5 are edited, and 3 and 6 deleted; with 7
/// somebody joins.
struct Amended {
    stage: Stage,
    chat: ChatId,
    user: UserId,
}

impl Amended {
    /// The chat is being read, as it is needed to answer this.
    fn asked(make: impl FnOnce(UserId) -> ChatCommand) -> (Self, u64) {
        let (start, partition) = (Offset(8), P0);
        let mut stage = Stage::opening(Opened {
            start,
            committed: start,
            end: start,
        });
        stage.log_event(LogEvent::CaughtUp { partition });
        let (chat, user) = (stage.chat(), stage.foreign_user());
        let mut amended = Self { stage, chat, user };
        let question = amended.ask(make(user));
        (amended, question)
    }

    /// The chat was read, with so many of its newest events.
    fn loaded(recent: usize) -> Self {
        let (mut amended, question) = Self::asked(|user_id| ChatCommand::Summarize {
            user_id,
            mark: Mark::default(),
        });
        amended.load(recent);
        assert!(amended.stage.answer(question).is_some());
        amended
    }

    fn ask(&mut self, command: ChatCommand) -> u64 {
        self.stage.ask(Command::Chat(self.chat, command))
    }

    fn event(&self, seq: u64) -> EventRow {
        let (chat_id, at) = (self.chat, Timestamp::from_millis(seq));
        let record = match seq {
            7 => Record::MemberAdded(MembershipChange {
                chat_id,
                user_id: self.user,
                by: self.user,
                at,
            }),
            _ => Record::MessagePosted(MessagePosted {
                chat_id,
                message_id: MessageId::from_bytes([seq as u8; 16]),
                sender_id: self.user,
                at,
                client_id: None,
                content: "said",
            }),
        };
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        EventRow {
            chat_id,
            head: Head {
                seq: Seq(seq),
                messages: seq.min(6),
                partition: P0,
                offset: Offset(seq),
            },
            record: bytes.into(),
            kind: if seq == 7 {
                EventKind::Other
            } else {
                EventKind::Message
            },
        }
    }

    /// The messages among these events as they stand.
    fn standing(&self, seqs: impl Iterator<Item = u64>) -> Vec<Message> {
        let edited = || Amendment::Edited {
            content: "edited".to_owned(),
        };
        let changes = [
            (2, edited()),
            (3, Amendment::Deleted),
            (5, edited()),
            (6, Amendment::Deleted),
        ];
        let amendment = |(target, change)| AmendmentRow {
            chat_id: self.chat,
            target: Seq(target),
            seq: Seq(100 + target),
            by: self.user,
            at: Timestamp::from_millis(100),
            change,
        };
        let mut messages: Vec<Message> = seqs
            .filter_map(|seq| Message::of(&self.event(seq)).unwrap())
            .collect();
        lay_over(&mut messages, &changes.map(amendment));
        messages
    }

    /// The store answers the read of the chat, with so many of its newest events.
    fn load(&mut self, recent: usize) {
        let oldest = 8 - recent as u64;
        let stored = StoredChat {
            head: self.event(7).head,
            recent: (oldest..=7).map(|seq| self.event(seq)).collect(),
            messages: self.standing(oldest..=7),
            latest_message: self.standing(1..=7).pop(),
            ..stored_chat(self.chat, &[self.user])
        };
        let found = Found::Chat(Some(Box::new(stored)));
        self.stage.answer_read(Ok(found));
    }

    /// A page as a shard shows it that answers once the store was read, where it must be.
    fn page(&mut self, from: PageStart) -> Vec<(u64, String)> {
        let caller = self.user;
        let page = Page { from, limit: LIMIT };
        let question = self.ask(ChatCommand::ShowMessages { caller, page });
        if let Some((_, read)) = self.stage.reads.front() {
            let found = self.read(&read.clone());
            self.stage.answer_read(Ok(Found::Messages(found)));
        }
        let Some(Outcome::Page { body, .. }) = self.stage.answer(question) else {
            panic!("no page came");
        };
        let page: Vec<Value> = serde_json::from_slice(&body).unwrap();
        page.iter().map(shown).collect()
    }

    /// What the store finds.
    fn read(&self, read: &Read) -> Vec<Message> {
        match *read {
            Read::MessagesBefore { before, limit, .. } => {
                self.standing((1..before.0.min(7)).rev().take(limit))
            }
            Read::MessagesAfter { after, limit, .. } => {
                self.standing((after.0 + 1..=6).take(limit))
            }
            _ => panic!("{read:?}"),
        }
    }

    /// The chat's last message in its member's list.
    fn last_message(&mut self) -> (u64, String) {
        let user_id = self.user;
        let question = self.ask(ChatCommand::Summarize {
            user_id,
            mark: Mark::default(),
        });
        let Some(Outcome::Summary(Some(summary))) = self.stage.answer(question) else {
            panic!("no summary came");
        };
        let last: Value = serde_json::from_slice(&summary.last_message.unwrap()).unwrap();
        shown(&last)
    }
}

/// A message's seq and what it shows.
fn shown(message: &Value) -> (u64, String) {
    let content = message["content"].as_str().unwrap();
    let shown = match (message.get("edited_at"), message.get("deleted")) {
        (None, None) => content.to_owned(),
        (Some(_), None) => format!("{content}*"),
        (None, Some(_)) => format!("{content}-"),
        (Some(_), Some(_)) => panic!("{message}"),
    };
    (message["seq"].as_u64().unwrap(), shown)
}

#[track_caller]
fn assert_shows(page: &[(u64, String)], expected: &[(u64, &str)]) {
    let page: Vec<(u64, &str)> = page.iter().map(|(seq, it)| (*seq, it.as_str())).collect();
    assert_eq!(page, expected);
}

const ONE: (u64, &str) = (1, "said");
const TWO: (u64, &str) = (2, "edited*");
const THREE: (u64, &str) = (3, "-");
const FOUR: (u64, &str) = (4, "said");
const FIVE: (u64, &str) = (5, "edited*");
const SIX: (u64, &str) = (6, "-");

fn assert_pages(amended: &mut Amended) {
    let newest = amended.page(PageStart::Newest);
    assert_shows(&newest, &[SIX, FIVE, FOUR, THREE]);
    let before = amended.page(PageStart::Before(Seq(6)));
    assert_shows(&before, &[FIVE, FOUR, THREE, TWO]);
    let after = amended.page(PageStart::After(Seq(1)));
    assert_shows(&after, &[TWO, THREE, FOUR, FIVE]);
    let first = amended.page(PageStart::After(Seq(0)));
    assert_shows(&first, &[ONE, TWO, THREE, FOUR]);
    let last = amended.page(PageStart::After(Seq(4)));
    assert_shows(&last, &[FIVE, SIX]);
}

#[test]
fn pages_from_memory_show_messages_as_they_stand() {
    let mut amended = Amended::loaded(7);
    assert!(amended.stage.reads.is_empty());
    assert_pages(&mut amended);
}

#[test]
fn pages_from_memory_and_store_show_messages_as_they_stand() {
    // The boundary lies between any two of them: memory has none, some, or nearly all.
    for recent in 0..7 {
        assert_pages(&mut Amended::loaded(recent));
    }
}

#[test]
fn a_page_that_waits_for_its_chat_shows_messages_as_they_stand() {
    let (mut amended, question) = Amended::asked(|caller| ChatCommand::ShowMessages {
        caller,
        page: Page {
            from: PageStart::Newest,
            limit: 2,
        },
    });
    amended.load(7);
    let Some(Outcome::Page { body, .. }) = amended.stage.answer(question) else {
        panic!("no page came");
    };
    let page: Vec<Value> = serde_json::from_slice(&body).unwrap();
    let page: Vec<_> = page.iter().map(shown).collect();
    assert_shows(&page, &[SIX, FIVE]);
}

#[test]
fn a_list_of_chats_shows_the_last_message_as_it_stands() {
    // With one event, or none, the last message is not among them.
    for recent in 0..=7 {
        let last = Amended::loaded(recent).last_message();
        assert_shows(&[last], &[SIX]);
    }
}

#[test]
fn what_is_said_after_amended_messages_is_shown_as_it_was_said() {
    let mut amended = Amended::loaded(4);
    amended.stage.post(amended.chat, amended.user, None);
    amended.stage.settle();
    let last = amended.last_message();
    assert_shows(&[last], &[(8, "hello")]);
    let newest = amended.page(PageStart::Newest);
    assert_shows(&newest, &[(8, "hello"), SIX, FIVE, FOUR]);
}

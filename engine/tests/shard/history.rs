//! Pages that need both the store and what is in memory.

use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{ChatCommand, Command, Outcome, Page, PageCursor, PageStart};
use rookery_engine::port::{Found, Read, StoredChat};
use rookery_schema::limits::{CONTENT_BYTES_MAX, PAGE_BYTES_MAX};
use rookery_schema::message::Message;
use rookery_schema::record::{MessagePosted, Record};
use rookery_schema::row::{ChatRow, EventRow, Mark};
use rookery_schema::{ChatId, MessageId, Seq, Timestamp, UserId};

use crate::stage::{SECOND, Stage, batch_of, member, messages, stored_chat};

/// A chat of which the store has all but the newest events, which alone are in memory.
struct Long {
    stage: Stage,
    chat: ChatId,
    user: UserId,
    /// Its messages, oldest first.
    rows: Vec<(Seq, EventRow)>,
}

impl Long {
    fn new(count: usize) -> Self {
        let mut stage = Stage::new();
        let user = stage.foreign_user();
        let chat = stage.create(&[user]);
        let mut long = Self {
            stage,
            chat,
            user,
            rows: Vec::new(),
        };
        long.post(count);
        long
    }

    fn post(&mut self, count: usize) {
        for _ in 0..count {
            self.stage.post(self.chat, self.user, None);
            self.rows.extend(messages(&self.stage.settle()));
        }
    }

    fn ask(&mut self, from: PageStart) -> u64 {
        let command = ChatCommand::ShowMessages {
            caller: self.user,
            page: Page { from, limit: 100 },
        };
        self.stage.ask(Command::Chat(self.chat, command))
    }

    /// The store answers a read of messages as it was when there were `then` of them.
    fn answer_read(&mut self, then: usize) {
        let Read::MessagesAfter { after, limit, .. } = self.stage.reads[0].1 else {
            panic!("{:?}", self.stage.reads);
        };
        let rows = self.rows[..then].iter().filter(|(seq, _)| *seq > after);
        let messages = rows
            .take(limit)
            .filter_map(|(_, row)| Message::of(row).unwrap());
        let found = Found::Messages(messages.collect());
        self.stage.answer_read(Ok(found));
    }

    /// What the store finds.
    fn stored(&self, read: &Read) -> Vec<Message> {
        let message = |(_, row): &(Seq, EventRow)| Message::of(row).unwrap();
        match *read {
            Read::MessagesAfter { after, limit, .. } => {
                let rows = self.rows.iter().filter(|(seq, _)| *seq > after);
                rows.take(limit).filter_map(message).collect()
            }
            Read::MessagesBefore { before, limit, .. } => {
                let rows = self.rows.iter().rev().filter(|(seq, _)| *seq < before);
                rows.take(limit).filter_map(message).collect()
            }
            _ => panic!("{read:?}"),
        }
    }

    fn seqs(&mut self, question: u64) -> Vec<u64> {
        let Some(Outcome::Page { body, .. }) = self.stage.answer(question) else {
            panic!("no page came");
        };
        let page: Vec<serde_json::Value> = serde_json::from_slice(&body).unwrap();
        page.iter().map(|it| it["seq"].as_u64().unwrap()).collect()
    }
}

#[test]
fn readers_who_ask_before_and_after_memory_moved_on_get_no_gap() {
    // 128 events are kept: the first message, with seq 2, is in the store alone.
    let mut long = Long::new(150);
    let early = long.ask(PageStart::After(Seq(10)));
    assert_eq!(long.stage.reads.len(), 1);
    long.post(100);
    let late = long.ask(PageStart::After(Seq(10)));
    // The first read was made before the others were stored.
    long.answer_read(150);
    let expected: Vec<u64> = (11..=110).collect();
    assert_eq!(long.seqs(early), expected);
    long.answer_read(250);
    assert_eq!(long.seqs(late), expected);
}

#[test]
fn identical_reads_are_made_once() {
    let mut long = Long::new(150);
    let questions = [10, 10].map(|seq| long.ask(PageStart::After(Seq(seq))));
    assert_eq!(long.stage.reads.len(), 1);
    long.answer_read(150);
    for question in questions {
        assert_eq!(long.seqs(question), (11..=110).collect::<Vec<u64>>());
    }
}

/// Reads a whole history, page by page, with the store answering as it is.
fn read_through(long: &mut Long, first: PageStart) -> (Vec<u64>, Vec<usize>) {
    let (mut seqs, mut pages) = (Vec::new(), Vec::new());
    let mut from = Some(first);
    while let Some(start) = from {
        let question = long.ask(start);
        if let Some((_, read)) = long.stage.reads.front() {
            let found = Found::Messages(long.stored(&read.clone()));
            long.stage.answer_read(Ok(found));
        }
        let Some(Outcome::Page { body, next }) = long.stage.answer(question) else {
            panic!("no page came");
        };
        let page: Vec<serde_json::Value> = serde_json::from_slice(&body).unwrap();
        seqs.extend(page.iter().map(|it| it["seq"].as_u64().unwrap()));
        pages.push(body.len());
        from = match next {
            Some(PageCursor::Before(seq)) => Some(PageStart::Before(seq)),
            Some(PageCursor::After(seq)) => Some(PageStart::After(seq)),
            Some(PageCursor::AfterMember(_) | PageCursor::BeforeActivity(_)) => {
                panic!("it is a page of messages")
            }
            None => None,
        };
    }
    (seqs, pages)
}

#[test]
fn a_page_ends_at_its_bound_of_bytes() {
    // As JSON each takes six bytes for one, so that forty of them fill a page.
    const MESSAGES: u64 = 150;
    let text = "\u{1}".repeat(CONTENT_BYTES_MAX);
    let mut long = Long::new(0);
    for _ in 0..MESSAGES {
        long.stage.post_text(long.chat, long.user, None, &text);
        long.rows.extend(messages(&long.stage.settle()));
    }
    let all: Vec<u64> = (2..2 + MESSAGES).collect();
    for (from, reversed) in [(PageStart::After(Seq(0)), false), (PageStart::Newest, true)] {
        let (mut seqs, pages) = read_through(&mut long, from);
        if reversed {
            seqs.reverse();
        }
        assert_eq!(seqs, all, "from {from:?}");
        let message = text.len() * 6;
        for bytes in &pages {
            assert!(*bytes <= PAGE_BYTES_MAX, "{bytes} bytes");
        }
        for bytes in &pages[..pages.len() - 1] {
            assert!(bytes + message + 400 > PAGE_BYTES_MAX, "{bytes} bytes");
        }
    }
}

#[test]
fn what_is_not_stored_is_shown_from_memory_however_much_it_is() {
    let mut long = Long::new(0);
    for _ in 0..300 {
        long.stage.post(long.chat, long.user, None);
        long.stage.append();
    }
    let question = long.ask(PageStart::After(Seq(10)));
    assert_eq!(long.seqs(question), (11..=110).collect::<Vec<u64>>());
}

#[test]
fn a_chat_read_from_the_store_shows_what_it_had() {
    let mut long = Long::new(150);
    let row = ChatRow {
        chat_id: long.chat,
        name: "chat".to_owned(),
        created_at: Timestamp::default(),
    };
    let recent: Vec<EventRow> = long.rows[118..]
        .iter()
        .map(|(_, row)| row.clone())
        .collect();
    let stored = StoredChat {
        chat: row,
        members: vec![member(long.user)],
        last_role: None,
        settings: None,
        head: recent[31].head,
        messages: recent
            .iter()
            .filter_map(|row| Message::of(row).unwrap())
            .collect(),
        latest_message: recent.last().and_then(|row| Message::of(row).unwrap()),
        recent,
        blockers: Vec::new(),
        erased: Vec::new(),
        deleted: None,
    };
    // The process ends, and another begins.
    long.stage = Stage::new();
    let question = long.ask(PageStart::Newest);
    long.stage
        .answer_read(Ok(Found::Chat(Some(Box::new(stored)))));
    let Read::MessagesBefore { before, limit, .. } = long.stage.reads[0].1 else {
        panic!("{:?}", long.stage.reads);
    };
    assert_eq!((before, limit), (Seq(120), 68));
    let rows = long.rows[..118].iter().rev().take(limit);
    let messages = rows
        .filter_map(|(_, row)| Message::of(row).unwrap())
        .collect();
    long.stage.answer_read(Ok(Found::Messages(messages)));
    assert_eq!(long.seqs(question), (52..=151).rev().collect::<Vec<u64>>());
}

#[test]
fn a_page_shows_what_was_confirmed_before_it_was_asked_for() {
    let mut long = Long::new(0);
    let posted = long.stage.post(long.chat, long.user, None);
    let batch = long.stage.appends.pop_front().unwrap();
    long.stage.confirm_append(&batch);
    long.stage.assert_posted(posted);
    let question = long.ask(PageStart::Newest);
    let user_id = long.user;
    let summarize = ChatCommand::Summarize {
        user_id,
        mark: Mark::default(),
    };
    let inbox = long.stage.ask(Command::Chat(long.chat, summarize));
    assert!(long.stage.answer(inbox).is_none());
    long.stage.deliver(batch);
    assert_eq!(long.seqs(question), [2]);
    let Some(Outcome::Summary(Some(line))) = long.stage.answer(inbox) else {
        panic!("no inbox came");
    };
    assert_eq!(line.last_seq, Seq(2));
}

#[test]
fn a_log_that_can_t_be_read_does_not_keep_pages_from_being_shown() {
    let mut long = Long::new(1);
    long.stage.post(long.chat, long.user, None);
    let batch = long.stage.appends.pop_front().unwrap();
    long.stage.confirm_append(&batch);
    let question = long.ask(PageStart::Newest);
    long.stage.tick_after(SECOND / 10);
    assert!(long.stage.answer(question).is_none());
    long.stage.tick_after(SECOND / 2);
    assert_eq!(long.seqs(question), [2]);
}

#[test]
fn no_more_pages_wait_for_the_log_than_the_bound() {
    const READS_WAITING_MAX: usize = 4096;
    let mut long = Long::new(0);
    long.stage.post(long.chat, long.user, None);
    let batch = long.stage.appends.pop_front().unwrap();
    long.stage.confirm_append(&batch);
    let kept: Vec<u64> = (0..READS_WAITING_MAX)
        .map(|_| long.ask(PageStart::Newest))
        .collect();
    let refused = long.ask(PageStart::Newest);
    long.stage.assert_refused(refused, Problem::READS_WAITING);
    long.stage.deliver(batch);
    for question in kept {
        assert_eq!(long.seqs(question), [2]);
    }
}

#[test]
fn a_page_that_waits_for_its_chat_has_the_messages_that_waited_before_it() {
    let mut stage = Stage::new();
    let (chat_id, user) = (stage.chat(), stage.foreign_user());
    let message = Record::MessagePosted(MessagePosted {
        chat_id,
        message_id: MessageId::from_bytes([9; 16]),
        sender_id: user,
        at: Timestamp::default(),
        client_id: None,
        content: "hello",
    });
    stage.deliver(batch_of(&[message]));
    let command = ChatCommand::ShowMessages {
        caller: user,
        page: Page {
            from: PageStart::Newest,
            limit: 100,
        },
    };
    let question = stage.ask(Command::Chat(chat_id, command));
    let stored = stored_chat(chat_id, &[user]);
    stage.answer_read(Ok(Found::Chat(Some(Box::new(stored)))));
    match stage.answer(question) {
        Some(Outcome::Page { body, .. }) => {
            let page = String::from_utf8(body).unwrap();
            assert!(page.contains("hello"), "{page}");
        }
        other => panic!("{other:?}"),
    }
}

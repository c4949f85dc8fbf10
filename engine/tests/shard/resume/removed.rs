//! Who was removed from a chat learns nothing of what happens in it later.

use rookery_engine::port::Read;
use rookery_testing::store::Model;

use super::again::LIVE;
use super::*;
use crate::stage::creation;

/// Chats that a user has left, of which an open socket remembers what it was sent.
const LEFT_MAX: usize = 1000;

/// Events that may be missing of a chat.
const MISSING_MAX: u64 = 5;

/// A chat of this shard: one of its members was removed by event 8, and the other has said more since, and listens.
struct Removed {
    stage: Stage,
    store: Model,
    ann: UserId,
    bob: UserId,
    chat_id: ChatId,
}

impl Removed {
    fn new() -> Self {
        let mut stage = Stage::serving(|config| config.resume_events = MISSING_MAX);
        let (ann, bob, chat_id) = (stage.user(), stage.user(), stage.chat());
        let mut this = Self {
            stage,
            store: Model::default(),
            ann,
            bob,
            chat_id,
        };
        this.ask(creation(None, &[ann, bob]));
        let conn = this.stage.connect(ann);
        this.stage.answer_read(Ok(Found::Chats(vec![chat_id])));
        assert!(this.stage.heard(conn).contains("ready"));
        this.say(6);
        this.ask(ChatCommand::RemoveMember {
            caller: ann,
            user_id: bob,
        });
        this.say(3);
        this
    }

    fn ask(&mut self, command: ChatCommand) {
        self.stage.ask(Command::Chat(self.chat_id, command));
        let rows = self.stage.settle();
        rows.into_iter().for_each(|row| self.store.write(row));
    }

    fn say(&mut self, count: usize) {
        for _ in 0..count {
            self.stage.post(self.chat_id, self.ann, None);
            let rows = self.stage.settle();
            rows.into_iter().for_each(|row| self.store.write(row));
        }
    }

    /// The one who was removed resumes the chat from behind an event: what they hear.
    fn resume(&mut self, after: u64) -> Vec<Value> {
        let conn = self.stage.connect_to_resume(self.bob);
        self.stage.answer_read_if_any(Ok(Found::Chats(Vec::new())));
        assert!(self.stage.heard(conn).contains("ready"));
        let text = json!({"type": "resume", "chats": {self.chat_id.to_string(): after}});
        self.stage.step(Input::Received {
            conn,
            bytes: &text_frame(&text.to_string()),
            waited_micros: 0,
        });
        let (chat_id, user_id) = (self.chat_id, self.bob);
        let membership = Read::Membership { chat_id, user_id };
        let found = self.store.read(&membership);
        assert_eq!(self.stage.answer_read(Ok(found)), membership);
        self.stage.heard_texts(conn)
    }
}

#[test]
fn who_was_removed_and_misses_too_much_is_told_of_their_removal_alone() {
    let mut it = Removed::new();
    let chat_id = it.chat_id.to_string();
    let told = json!({"type": "resumed", "chat_id": chat_id, "recovered": false, "seq": 8});
    assert_eq!(it.resume(1), [told]);
    assert_eq!(it.resume(3).len(), 6, "five events, and that these are all");
}

#[test]
fn who_was_removed_long_ago_and_has_all_up_to_that_is_told_so() {
    let mut it = Removed::new();
    // It is in memory no more.
    it.say(150);
    let chat_id = it.chat_id.to_string();
    let told = json!({"type": "resumed", "chat_id": chat_id, "recovered": true, "seq": 8});
    assert_eq!(it.resume(8), [told]);
}

#[test]
fn what_a_room_has_heard_since_is_told_nobody_who_is_not_in_it() {
    let mut resuming = Resuming::new(1);
    let conn = resuming.connect(false);
    resuming.another_listens(0);
    resuming.event(0, 5);
    resuming.remove(0, 6);
    (7..10).for_each(|seq| resuming.event(0, seq));
    assert_eq!(resuming.seqs(conn), ["5", "6"]);
    resuming.resume(conn, &[(0, 8)]);
    resuming.assert_asked(0, (8, 8), 6, Rest::End);
    assert_eq!(resuming.seqs(conn), ["resumed false 6"]);
}

#[test]
fn who_was_removed_too_long_ago_for_their_home_is_told_by_the_owner() {
    let mut resuming = Resuming::new(1);
    let conn = resuming.connect(false);
    resuming.another_listens(0);
    resuming.event(0, 5);
    assert_eq!(resuming.seqs(conn), ["5"]);
    resuming.stage.tick_after(31 * SECOND);
    // The room notes where it stands again.
    resuming.stage.connect(resuming.user);
    resuming.event(0, 6);
    resuming.remove(0, 7);
    resuming.event(0, 8);
    assert_eq!(resuming.seqs(conn), ["6", "7"]);
    resuming.resume(conn, &[(0, 2)]);
    resuming.assert_asked(0, (2, LIVE), 7, Rest::End);
    assert_eq!(
        resuming.seqs(conn),
        ["3", "4", "5", "6", "7", "resumed true 7"]
    );
}

#[test]
fn of_many_chats_that_were_left_some_come_a_second_time() {
    let mut resuming = Resuming::new(LEFT_MAX + 1);
    let conn = resuming.connect(false);
    for chat in 0..=LEFT_MAX {
        resuming.event(chat, 5);
        resuming.remove(chat, 6);
        resuming.heard(conn);
    }
    resuming.resume(conn, &[(0, 2)]);
    resuming.assert_asked(0, (2, LIVE), 6, Rest::End);
    resuming.resume(conn, &[(1, 2)]);
    resuming.assert_asked(1, (2, 4), 4, Rest::End);
    assert_eq!(
        resuming.seqs(conn),
        [
            "3",
            "4",
            "5",
            "6",
            "resumed true 6",
            "3",
            "4",
            "resumed true 4"
        ]
    );
}

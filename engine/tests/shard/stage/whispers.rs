//! Who types, and who is there.

use rookery_engine::ids::ConnId;
use rookery_engine::input::Input;
use rookery_engine::mesh::whisper::{Presence, PresenceState};
use rookery_engine::mesh::{
    Asker, ChatCommand, Command, Outcome, ShardMessage, Subscription, SubscriptionAnswer, Whisper,
};
use rookery_engine::port::Found;
use rookery_schema::{ChatId, Seq, UserId};
use rookery_testing::ws::text_frame;
use serde_json::{Value, json};

use super::{SECOND, Stage};

/// Messages of a KiB: more than may wait for a client that is told what can be left out.
const MUCH: usize = 20;

impl Stage {
    /// A user of these chats of this shard connects, and is ready.
    pub(crate) fn connect_to(&mut self, user: UserId, chats: &[ChatId]) -> ConnId {
        let conn = self.connect(user);
        if !self.reads.is_empty() {
            self.answer_read(Ok(Found::Chats(chats.to_vec())));
        }
        assert_eq!(self.kinds(conn), ["ready"]);
        conn
    }

    pub(crate) fn say(&mut self, conn: ConnId, what: &Value) {
        self.step(Input::Received {
            conn,
            bytes: &text_frame(&what.to_string()),
            waited_micros: 0,
        });
    }

    pub(crate) fn type_in(&mut self, conn: ConnId, chat_id: ChatId) {
        self.say(
            conn,
            &json!({"type": "typing", "chat_id": chat_id.to_string()}),
        );
    }

    pub(crate) fn follow(&mut self, conn: ConnId, chat_id: ChatId) {
        self.say(
            conn,
            &json!({"type": "presence", "chat_id": chat_id.to_string()}),
        );
    }

    /// The types of what came.
    pub(crate) fn kinds(&mut self, conn: ConnId) -> Vec<String> {
        let heard = self.heard_texts(conn);
        let kind = |it: &Value| it["type"].as_str().unwrap().to_owned();
        heard.iter().map(kind).collect()
    }

    /// A user of the other shard listens to a chat of this one.
    pub(crate) fn subscribe_foreign(&mut self, chat_id: ChatId, user_id: UserId) {
        self.tell(ShardMessage::Subscribe(Subscription {
            chat_id,
            user_id,
            stay: 1,
        }));
        self.sent.clear();
    }

    /// Much is said in a chat.
    pub(crate) fn fill(&mut self, chat_id: ChatId, sender: UserId) {
        for _ in 0..MUCH {
            let question = self.post_text(chat_id, sender, None, &"x".repeat(1024));
            self.settle();
            self.assert_posted(question);
        }
    }

    /// Users whom the other shard is asked about, in the whispers that ask.
    pub(crate) fn watched(&mut self) -> Vec<Vec<UserId>> {
        let whispered = std::mem::take(&mut self.whispered).into_iter();
        whispered
            .map(|whisper| match whisper {
                Whisper::Watch { users, .. } => users,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    /// What the other shard is told of users.
    pub(crate) fn told(&mut self) -> Vec<(UserId, PresenceState)> {
        let whispered = std::mem::take(&mut self.whispered).into_iter();
        let told = whispered.flat_map(|whisper| match whisper {
            Whisper::Presence(users) => users,
            other => panic!("{other:?}"),
        });
        told.map(|it| (it.user_id, it.state)).collect()
    }

    /// The other shard tells how users of its own are.
    pub(crate) fn tell_presence(&mut self, users: &[UserId], state: PresenceState) {
        let told = users.iter().map(|user_id| Presence {
            user_id: *user_id,
            state,
        });
        self.hear_whisper(Whisper::Presence(told.collect()));
    }

    /// Lets so many seconds pass, tick by tick.
    pub(crate) fn pass(&mut self, seconds: u64) {
        (0..seconds * 10).for_each(|_| self.tick_after(SECOND / 10));
    }

    /// The questions for members that came for the other shard.
    pub(crate) fn asked_members(&mut self) -> Vec<(Asker, ChatId)> {
        let sent = std::mem::take(&mut self.sent).into_iter();
        sent.filter_map(|message| match message {
            ShardMessage::Ask {
                asker,
                command: Command::Chat(chat_id, ChatCommand::ListMembers { .. }),
            } => Some((asker, chat_id)),
            _ => None,
        })
        .collect()
    }

    pub(crate) fn answer_members(&mut self, asker: Asker, members: &[UserId]) {
        let outcome = Outcome::Members(members.to_vec());
        self.tell(ShardMessage::Answer { asker, outcome });
    }

    /// A user of these chats of the other shard connects, and is ready.
    pub(crate) fn connect_to_foreign(&mut self, user: UserId, chats: &[ChatId]) -> ConnId {
        let conn = self.connect(user);
        if !self.reads.is_empty() {
            self.answer_read(Ok(Found::Chats(chats.to_vec())));
        }
        for wanted in self.subscriptions() {
            let answer = SubscriptionAnswer::Accepted { next: Seq(5) };
            self.tell(ShardMessage::Subscribed { wanted, answer });
        }
        assert_eq!(self.kinds(conn), ["ready"]);
        conn
    }
}

//! A message as it stands now: what was said, with all that has amended it since laid over.

use std::collections::{BTreeMap, BTreeSet};

use bytes::BufMut as _;

use crate::event::{
    Event, EventKind, MESSAGE_PREFIX, put_id, put_json_text, put_message_fields, put_time,
    put_user_ids,
};
use crate::ids::{ChatId, MessageId, Seq, UserId};
use crate::record::{MessagePosted, Record, RecordError};
use crate::row::{Amendment, AmendmentRow, EventRow};
use crate::time::Timestamp;

/// Bytes of memory that a reaction takes: its place in a tree that is two thirds full, and its emoji.
const REACTION_BYTES: usize =
    size_of::<((UserId, String), Reaction)>() * 3 / 2 + EMOJI_ALLOCATION_BYTES;
/// Bytes of memory that a short text takes.
const EMOJI_ALLOCATION_BYTES: usize = 32;

/// What history shows of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub chat_id: ChatId,
    pub message_id: MessageId,
    pub seq: Seq,
    /// How many messages there were up to it.
    pub messages: u64,
    pub sender_id: UserId,
    /// Empty where it is deleted.
    pub content: String,
    pub created_at: Timestamp,
    pub client_id: Option<String>,
    edited: Option<Stamp>,
    deleted: Option<Stamp>,
    /// The newest word on each, those that were taken back included: an older one may be read later.
    reactions: BTreeMap<(UserId, String), Reaction>,
}

/// The event that changed a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub seq: Seq,
    pub at: Timestamp,
    pub by: UserId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reaction {
    seq: Seq,
    added: bool,
}

impl Message {
    /// The message that an event was when it was posted; `None` for another event.
    ///
    /// # Errors
    /// Where the event is damaged.
    pub fn of(row: &EventRow) -> Result<Option<Self>, RecordError> {
        match row.kind {
            EventKind::Message => {}
            EventKind::Other => return Ok(None),
        }
        let record = Record::decode(&row.record)?;
        let Some(Event::Message(said)) = Event::of(&record) else {
            return Ok(None);
        };
        Ok(Some(Self::said(&said, row.head.seq, row.head.messages)))
    }

    /// A message that was posted, as the event with this seq, when there were so many messages up to it.
    pub fn said(said: &MessagePosted<'_>, seq: Seq, messages: u64) -> Self {
        Self {
            chat_id: said.chat_id,
            message_id: said.message_id,
            seq,
            messages,
            sender_id: said.sender_id,
            content: said.content.to_owned(),
            created_at: said.at,
            client_id: said.client_id.map(str::to_owned),
            edited: None,
            deleted: None,
            reactions: BTreeMap::new(),
        }
    }

    /// Lays an amendment over it. In whatever order amendments come, and however often each does, the
    /// message ends up the same.
    pub fn amend(&mut self, row: &AmendmentRow) {
        let stamp = Stamp {
            seq: row.seq,
            at: row.at,
            by: row.by,
        };
        match &row.change {
            Amendment::Deleted => self.delete(stamp),
            // Deleting is final.
            Amendment::Edited { .. } | Amendment::Reaction { .. } if self.deleted.is_some() => {}
            Amendment::Edited { content } => {
                if self.edited.is_none_or(|edited| edited.seq < row.seq) {
                    self.edited = Some(stamp);
                    self.content.clone_from(content);
                }
            }
            Amendment::Reaction { emoji, added } => {
                let newest = Reaction {
                    seq: row.seq,
                    added: *added,
                };
                let reaction = self.reactions.entry((row.by, emoji.clone()));
                let reaction = reaction.or_insert(newest);
                if reaction.seq < row.seq {
                    *reaction = newest;
                }
            }
        }
    }

    /// Takes its content since its sender's account is gone, unless it was deleted before.
    pub fn erase(&mut self, stamp: Stamp) {
        if self.deleted.is_none() {
            self.delete(stamp);
        }
    }

    fn delete(&mut self, stamp: Stamp) {
        if self.deleted.is_none_or(|deleted| deleted.seq < stamp.seq) {
            self.deleted = Some(stamp);
        }
        self.content.clear();
        self.edited = None;
        self.reactions.clear();
    }

    /// Bytes of memory that it takes, about.
    pub fn memory_bytes(&self) -> usize {
        let texts = self.content.capacity() + self.client_id.as_ref().map_or(0, String::capacity);
        size_of::<Self>() + texts + self.reactions.len() * REACTION_BYTES
    }

    /// Whether it is not shown as it was said.
    pub fn is_amended(&self) -> bool {
        self.edited.is_some() || self.deleted.is_some() || !self.reactions.is_empty()
    }

    /// The edit that it shows.
    pub const fn edited(&self) -> Option<Stamp> {
        self.edited
    }

    /// Its deletion.
    pub const fn deleted(&self) -> Option<Stamp> {
        self.deleted
    }

    /// Whether a user's reaction with an emoji stands; `None` where there never was one.
    pub fn reaction(&self, user_id: UserId, emoji: &str) -> Option<bool> {
        let reaction = self.reactions.get(&(user_id, emoji.to_owned()));
        reaction.map(|reaction| reaction.added)
    }

    /// How many reactions there are, those that were taken back included: of all users, and of this one.
    pub fn reaction_counts(&self, user_id: UserId) -> (usize, usize) {
        let theirs = self.reactions.keys().filter(|(user, _)| *user == user_id);
        (self.reactions.len(), theirs.count())
    }

    /// The different emoji that stand.
    pub fn emoji(&self) -> BTreeSet<&str> {
        let standing = self.reactions.iter().filter(|(_, it)| it.added);
        standing.map(|((_, emoji), _)| emoji.as_str()).collect()
    }

    /// Each emoji with the users who reacted with it: both in the order in which they came.
    pub fn reactions(&self) -> Vec<(&str, Vec<UserId>)> {
        let mut standing: Vec<_> = self
            .reactions
            .iter()
            .filter(|(_, reaction)| reaction.added)
            .map(|((user, emoji), reaction)| (reaction.seq, *user, emoji.as_str()))
            .collect();
        standing.sort_unstable();
        let mut by_emoji: Vec<(&str, Vec<UserId>)> = Vec::new();
        for (_, user, emoji) in standing {
            match by_emoji.iter_mut().find(|(known, _)| *known == emoji) {
                Some((_, users)) => users.push(user),
                None => by_emoji.push((emoji, vec![user])),
            }
        }
        by_emoji
    }

    /// Appends the message as history shows it: one JSON object without a line break.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(b'{');
        self.put_fields(out);
        put_reactions(&self.reactions(), out);
        out.put_u8(b'}');
    }

    /// Appends the message as a page of events shows it: without the reactions, which are events of their own.
    pub fn encode_event(&self, out: &mut Vec<u8>) {
        out.put_slice(MESSAGE_PREFIX);
        self.put_fields(out);
        out.put_u8(b'}');
    }

    fn put_fields(&self, out: &mut Vec<u8>) {
        put_message_fields(&self.as_said(), self.seq, out);
        if let Some(edited) = self.edited {
            put_time(out, br#","edited_at":""#, edited.at);
        }
        if let Some(deleted) = self.deleted {
            out.put_slice(br#","deleted":true"#);
            put_time(out, br#","deleted_at":""#, deleted.at);
            put_id(out, br#","deleted_by":""#, deleted.by.as_bytes());
            out.put_u8(b'"');
        }
    }

    fn as_said(&self) -> MessagePosted<'_> {
        MessagePosted {
            chat_id: self.chat_id,
            message_id: self.message_id,
            sender_id: self.sender_id,
            at: self.created_at,
            client_id: self.client_id.as_deref(),
            content: &self.content,
        }
    }
}

/// Lays amendments over the messages that they are for, where those are among these.
pub fn lay_over(messages: &mut [Message], amendments: &[AmendmentRow]) {
    for row in amendments {
        let target = messages
            .iter_mut()
            .find(|message| message.seq == row.target);
        if let Some(message) = target {
            message.amend(row);
        }
    }
}

fn put_reactions(reactions: &[(&str, Vec<UserId>)], out: &mut Vec<u8>) {
    if reactions.is_empty() {
        return;
    }
    out.put_slice(br#","reactions":"#);
    for (index, (emoji, users)) in reactions.iter().enumerate() {
        out.put_u8(if index == 0 { b'[' } else { b',' });
        out.put_slice(br#"{"emoji":"#);
        put_json_text(out, emoji);
        out.put_slice(br#","users":"#);
        put_user_ids(out, users.iter().copied());
        out.put_u8(b'}');
    }
    out.put_u8(b']');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventKind, put_history_message};
    use crate::record::MembershipChange;
    use crate::row::Head;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;
    use serde_json::{Value, json};
    use uuid::Uuid;

    const CHAT: ChatId = ChatId::from_bytes([1; 16]);

    fn user(n: u8) -> UserId {
        UserId(Uuid::from_u128(n.into()))
    }

    fn row(record: Record<'_>) -> EventRow {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        EventRow {
            chat_id: CHAT,
            head: Head {
                seq: Seq(7),
                ..Head::default()
            },
            record: bytes.into(),
            kind: EventKind::Message,
        }
    }

    fn posted<'a>(content: &'a str, client_id: Option<&'a str>) -> Record<'a> {
        Record::MessagePosted(MessagePosted {
            chat_id: CHAT,
            message_id: MessageId(Uuid::from_u128(2)),
            sender_id: user(3),
            at: Timestamp::from_millis(1_700_000_000_123),
            client_id,
            content,
        })
    }

    fn hello() -> Message {
        let message = Message::of(&row(posted("hello", None)));
        message.expect("not damaged").expect("a message")
    }

    fn amendment(seq: u64, by: u8, change: Amendment) -> AmendmentRow {
        AmendmentRow {
            chat_id: CHAT,
            target: Seq(7),
            seq: Seq(seq),
            by: user(by),
            at: Timestamp::from_millis(1000 * seq),
            change,
        }
    }

    fn edited(seq: u64, content: &str) -> AmendmentRow {
        let content = content.to_owned();
        amendment(seq, 3, Amendment::Edited { content })
    }

    fn reacted(seq: u64, by: u8, emoji: &str, added: bool) -> AmendmentRow {
        let emoji = emoji.to_owned();
        amendment(seq, by, Amendment::Reaction { emoji, added })
    }

    fn shown(message: &Message) -> Value {
        let mut out = Vec::new();
        message.encode(&mut out);
        serde_json::from_slice(&out).expect("valid JSON")
    }

    fn amended(amendments: &[AmendmentRow]) -> Value {
        let mut messages = [hello()];
        lay_over(&mut messages, amendments);
        shown(&messages[0])
    }

    fn any_change() -> impl Strategy<Value = (u8, Amendment)> {
        let change = prop_oneof![
            4 => "[a-c]{0,2}".prop_map(|content| Amendment::Edited { content }),
            1 => Just(Amendment::Deleted),
            8 => ("[a-b]", any::<bool>())
                .prop_map(|(emoji, added)| Amendment::Reaction { emoji, added }),
        ];
        (1..4u8, change)
    }

    proptest! {
        #[test]
        fn a_message_ends_up_the_same_in_whatever_order_and_however_often_it_is_amended(
            changes in vec(any_change(), 0..12),
            shuffled in vec(any::<Index>(), 0..40),
        ) {
            let rows: Vec<_> = (8..)
                .zip(&changes)
                .map(|(seq, (by, change))| amendment(seq, *by, change.clone()))
                .collect();
            let mut expected = hello();
            rows.iter().for_each(|row| expected.amend(row));
            let mut found = hello();
            for index in shuffled.iter().filter(|_| !rows.is_empty()) {
                found.amend(index.get(&rows));
            }
            rows.iter().rev().for_each(|row| found.amend(row));
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn one_that_nothing_amends_is_shown_as_its_event_is(
            content in "\\PC{0,200}|[\u{0}-\u{7f}]{0,200}",
            client_id in proptest::option::of("\\PC{1,64}"),
        ) {
            let record = posted(&content, client_id.as_deref());
            let (mut event, mut expected, mut found) = (Vec::new(), Vec::new(), Vec::new());
            Event::of(&record).expect("an event").encode(Seq(7), &mut event);
            prop_assert!(put_history_message(&mut expected, &event));
            let message = Message::of(&row(record)).expect("not damaged");
            let message = message.expect("a message");
            message.encode(&mut found);
            prop_assert_eq!(&found, &expected);
            found.clear();
            message.encode_event(&mut found);
            prop_assert_eq!(found, event);
        }
    }

    #[test]
    fn reactions_that_were_taken_back_are_counted_and_not_shown() {
        let mut message = hello();
        for row in [
            reacted(8, 9, "a", true),
            reacted(9, 9, "b", true),
            reacted(10, 9, "b", false),
            reacted(11, 4, "a", true),
        ] {
            message.amend(&row);
        }
        let standing = ["a", "b", "c"].map(|emoji| message.reaction(user(9), emoji));
        assert_eq!(standing, [Some(true), Some(false), None]);
        assert_eq!(message.reaction_counts(user(9)), (3, 2));
        assert_eq!(message.emoji(), BTreeSet::from(["a"]));
    }

    #[test]
    fn a_page_of_events_shows_a_message_without_its_reactions() {
        let mut message = hello();
        message.amend(&reacted(8, 9, "a", true));
        message.amend(&edited(9, "new"));
        let mut event = Vec::new();
        message.encode_event(&mut event);
        let mut event: Value = serde_json::from_slice(&event).expect("valid JSON");
        let mut expected = shown(&message);
        assert!(
            expected
                .as_object_mut()
                .expect("an object")
                .remove("reactions")
                .is_some()
        );
        assert_eq!(
            event.as_object_mut().expect("an object").remove("type"),
            Some(json!("message"))
        );
        assert_eq!(event, expected);
    }

    #[test]
    fn other_events_are_no_messages() {
        let joined = Record::MemberAdded(MembershipChange {
            chat_id: CHAT,
            user_id: user(1),
            by: user(2),
            at: Timestamp::from_millis(1),
        });
        assert_eq!(Message::of(&row(joined.clone())), Ok(None));
        let unreadable = EventRow {
            record: vec![255].into(),
            ..row(joined)
        };
        assert!(Message::of(&unreadable).is_err());
    }

    #[test]
    fn of_two_edits_the_later_one_is_shown() {
        let shown = amended(&[edited(9, "later"), edited(8, "earlier")]);
        assert_eq!(shown["content"], "later");
        assert_eq!(shown["edited_at"], "1970-01-01T00:00:09.000Z");
        assert_eq!(shown.get("deleted"), None);
    }

    #[test]
    fn a_deleted_message_shows_that_it_was_and_nothing_of_what_it_said() {
        let rows = [
            edited(8, "secret"),
            reacted(9, 4, "👍", true),
            amendment(10, 5, Amendment::Deleted),
            edited(11, "back"),
        ];
        let expected = json!({
            "chat_id": CHAT.to_string(),
            "seq": 7,
            "message_id": "00000000-0000-0000-0000-000000000002",
            "sender_id": user(3).to_string(),
            "content": "",
            "created_at": "2023-11-14T22:13:20.123Z",
            "deleted": true,
            "deleted_at": "1970-01-01T00:00:10.000Z",
            "deleted_by": user(5).to_string(),
        });
        assert_eq!(amended(&rows), expected);
    }

    #[test]
    fn reactions_are_shown_in_the_order_in_which_they_came() {
        let rows = [
            reacted(8, 9, "👍", true),
            reacted(9, 4, "\"", true),
            reacted(10, 5, "👍", true),
            reacted(11, 4, "👍", true),
            reacted(12, 4, "\"", false),
            reacted(13, 1, "\"", true),
            // Taken back, and added again: behind the others now.
            reacted(14, 9, "👍", false),
            reacted(15, 9, "👍", true),
        ];
        let users = |ids: &[u8]| ids.iter().map(|n| user(*n).to_string()).collect::<Vec<_>>();
        let expected = json!([
            {"emoji": "👍", "users": users(&[5, 4, 9])},
            {"emoji": "\"", "users": users(&[1])},
        ]);
        assert_eq!(amended(&rows)["reactions"], expected);
        let gone = [reacted(8, 9, "👍", true), reacted(9, 9, "👍", false)];
        assert_eq!(amended(&gone).get("reactions"), None);
    }
}

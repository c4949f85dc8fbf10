//! Where an older message of a chat is, of which only the id is known: found by halves, since an id begins with the time
//! of its message, and the times of a chat's messages hardly ever fall. It takes as many reads as the chat's number of
//! events has bits, and then pages around the place where the message should be. Nothing has to be kept for it when a
//! message is posted.

use rookery_schema::limits::PAGE_MESSAGES_MAX;
use rookery_schema::message::Message;
use rookery_schema::{MessageId, Seq};

use crate::owner::history::PageKey;

/// See the module.
#[derive(Debug)]
pub(crate) struct Finding {
    message_id: MessageId,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Messages below `low` were posted earlier than the one that is sought; those from `high` on were not, or are not in
    /// question.
    Halving {
        low: Seq,
        high: Seq,
        is_high_read: bool,
    },
    /// The page behind a seq is read, and before that one which begins here.
    Behind {
        after: Seq,
        border: Seq,
    },
    /// The page before a seq is read: what was set down late, or while a clock was set back, is not far from its place.
    Before(Seq),
    Over,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The store must be read.
    Read(PageKey),
    /// There is no such message.
    Missing,
}

impl Finding {
    /// Looks for a message below a seq.
    pub(crate) const fn new(message_id: MessageId, below: Seq) -> Self {
        Self {
            message_id,
            stage: Stage::halving(Seq(1), below, false),
        }
    }

    pub(crate) const fn next(&self) -> Next {
        match self.stage {
            Stage::Halving { low, high, .. } => Next::Read(PageKey::Before {
                before: middle(low, high).next(),
                limit: 1,
            }),
            Stage::Behind { after, .. } => Next::Read(PageKey::After {
                after,
                below: after,
                limit: PAGE_MESSAGES_MAX,
            }),
            Stage::Before(before) => Next::Read(PageKey::Before {
                before,
                limit: PAGE_MESSAGES_MAX,
            }),
            Stage::Over => Next::Missing,
        }
    }

    /// Takes what was read, and gives the message if it is among that.
    pub(crate) fn take(&mut self, messages: Vec<Message>) -> Option<Message> {
        let last = messages.last().map(|it| (it.seq, it.created_at));
        let sought_at = self.message_id.minted_at();
        self.stage = match (self.stage, last) {
            (Stage::Halving { low, high, .. }, Some((seq, at)))
                if seq >= low && at >= sought_at =>
            {
                debug_assert!(seq < high, "more was read than was asked for");
                Stage::halving(low, seq, true)
            }
            (
                Stage::Halving {
                    low,
                    high,
                    is_high_read,
                },
                _,
            ) => Stage::halving(middle(low, high).next(), high, is_high_read),
            // Many may have been posted in that millisecond.
            (Stage::Behind { border, .. }, Some((after, at))) if at == sought_at => {
                Stage::Behind { after, border }
            }
            (Stage::Behind { border, .. }, _) => Stage::Before(border),
            (Stage::Before(_) | Stage::Over, _) => Stage::Over,
        };
        let message_id = self.message_id;
        messages.into_iter().find(|it| it.message_id == message_id)
    }
}

impl Stage {
    const fn halving(low: Seq, high: Seq, is_high_read: bool) -> Self {
        if low.0 < high.0 {
            return Self::Halving {
                low,
                high,
                is_high_read,
            };
        }
        if is_high_read {
            // What is there is another message.
            return Self::Behind {
                after: high,
                border: high,
            };
        }
        match high.0 {
            0 | 1 => Self::Over,
            _ => Self::Before(high),
        }
    }
}

const fn middle(low: Seq, high: Seq) -> Seq {
    Seq(low.0 + (high.0 - low.0) / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rookery_schema::record::MessagePosted;
    use rookery_schema::{ChatId, Timestamp, UserId};

    use super::*;

    /// A chat's events by seq: when each message was posted; others are none.
    type Chat = Vec<Option<u64>>;

    fn id(seq: usize, at: u64) -> MessageId {
        MessageId::v7(Timestamp::from_millis(at), &[seq as u8; 10])
    }

    fn message(seq: usize, at: u64) -> Message {
        let message_id = id(seq, at);
        let posted = MessagePosted {
            chat_id: ChatId::from_bytes([1; 16]),
            message_id,
            sender_id: UserId::from_bytes([2; 16]),
            at: message_id.minted_at(),
            client_id: None,
            content: "x",
        };
        Message::said(&posted, Seq(seq as u64), 1)
    }

    fn read(chat: &Chat, key: PageKey) -> Vec<Message> {
        let messages = (1..).zip(chat);
        let messages = messages.filter_map(|(seq, at)| Some(message(seq, (*at)?)));
        match key {
            PageKey::Before { before, limit } => {
                let older: Vec<_> = messages.filter(|it| it.seq < before).collect();
                older.into_iter().rev().take(limit).collect()
            }
            PageKey::After { after, limit, .. } => {
                messages.filter(|it| it.seq > after).take(limit).collect()
            }
        }
    }

    /// What is found below a seq, and in how many reads.
    fn find(chat: &Chat, message_id: MessageId, below: u64) -> (Option<Seq>, usize) {
        let mut finding = Finding::new(message_id, Seq(below));
        for reads in 0..1000 {
            let Next::Read(key) = finding.next() else {
                return (None, reads);
            };
            if let Some(found) = finding.take(read(chat, key)) {
                return (Some(found.seq), reads + 1);
            }
        }
        panic!("it goes on for ever");
    }

    /// Chats with joins between messages, of which many were posted in one millisecond.
    fn chat() -> impl Strategy<Value = Chat> {
        let event = prop_oneof![
            2 => Just(None),
            3 => (0..3u64).prop_map(Some),
            1 => (0..50u64).prop_map(Some),
        ];
        proptest::collection::vec(event, 0..250).prop_map(|steps| {
            let mut at = 1_000;
            steps
                .into_iter()
                .map(|step| {
                    at += step?;
                    Some(at)
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn every_message_is_found_and_no_other(chat in chat(), missing in 990..2000u64) {
            let below = chat.len() as u64 + 1;
            for (seq, at) in (1..).zip(&chat) {
                if let Some(at) = at {
                    let (found, reads) = find(&chat, id(seq, *at), below);
                    prop_assert_eq!(found, Some(Seq(seq as u64)));
                    prop_assert!(reads <= 8 + 4, "{} reads of {} events", reads, chat.len());
                }
            }
            prop_assert_eq!(find(&chat, id(255, missing), below).0, None);
        }

        #[test]
        fn one_that_was_set_down_late_is_found(
            chat in chat(),
            (from, behind) in (0..250usize, 1..90usize),
        ) {
            let mut chat = chat;
            let to = (from + behind).min(chat.len());
            prop_assume!(from < to);
            // Its time is that of its old place.
            chat[from..to].rotate_left(1);
            let below = chat.len() as u64 + 1;
            for (seq, at) in (1..).zip(&chat) {
                if let Some(at) = at {
                    let (found, _) = find(&chat, id(seq, *at), below);
                    prop_assert_eq!(found, Some(Seq(seq as u64)), "{:?}", chat);
                }
            }
        }

        #[test]
        fn what_is_in_memory_is_not_looked_for(chat in chat(), below in 1..250u64) {
            for (seq, at) in (1..).zip(&chat) {
                if let Some(at) = at && seq as u64 >= below {
                    let (found, reads) = find(&chat, id(seq, *at), below);
                    prop_assert!(found.is_none_or(|it| it == Seq(seq as u64)));
                    prop_assert!(reads <= 8 + 4);
                }
            }
        }
    }

    #[test]
    fn many_messages_of_one_millisecond_are_read_as_pages() {
        let chat: Chat = vec![Some(5); 250];
        let (found, reads) = find(&chat, id(249, 5), 251);
        assert_eq!(found, Some(Seq(249)));
        assert!(reads <= 12, "{reads} reads");
        assert_eq!(find(&chat, id(255, 5), 251).0, None);
        assert_eq!(find(&Vec::new(), id(1, 5), 1), (None, 0));
    }

    #[test]
    fn what_is_not_there_is_not_looked_for_in_all_that_was_posted_later() {
        let chat: Chat = (0..5_000).map(Some).collect();
        let (found, reads) = find(&chat, id(255, 10), 5_001);
        assert_eq!(found, None);
        assert!(reads <= 13 + 3, "{reads} reads");
    }
}

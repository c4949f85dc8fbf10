//! What changes how a message is shown.

use bytes::{Buf as _, BufMut as _};

use crate::ids::{ChatId, Seq, UserId};
use crate::record::{Change, MessageAmended};
use crate::time::Timestamp;

/// See [`Row::Amendment`](super::Row::Amendment). Laid over the message when it is read.
///
/// A message has a slot for each thing that can change about it. Of two amendments in one slot, the one
/// with the higher seq stands, whichever was written last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmendmentRow {
    pub chat_id: ChatId,
    /// The message's own seq.
    pub target: Seq,
    /// Of the event that amends it.
    pub seq: Seq,
    /// Who asked for it.
    pub by: UserId,
    pub at: Timestamp,
    pub change: Amendment,
}

/// What changes about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amendment {
    /// It has another content.
    Edited { content: String },
    /// It is gone, for good: later edits and reactions change nothing.
    Deleted,
    /// Whoever asked for it has added or taken back a reaction.
    Reaction { emoji: String, added: bool },
}

/// First byte of a slot, which says what it is for.
mod slot {
    pub(super) const CONTENT: u8 = 1;
    pub(super) const DELETED: u8 = 2;
    /// Followed by the user's id and the emoji.
    pub(super) const REACTION: u8 = 3;
}

const ID_BYTES: usize = 16;

impl AmendmentRow {
    /// The row of a record that became the event with this seq.
    pub fn of(amended: &MessageAmended<'_>, seq: Seq) -> Self {
        Self {
            chat_id: amended.chat_id,
            target: amended.target.seq,
            seq,
            by: amended.by,
            at: amended.at,
            change: match amended.change {
                Change::Edited { content, .. } => Amendment::Edited {
                    content: content.to_owned(),
                },
                Change::Deleted { .. } => Amendment::Deleted,
                Change::Reaction { emoji, added } => Amendment::Reaction {
                    emoji: emoji.to_owned(),
                    added,
                },
            },
        }
    }

    /// The slot of its message that it belongs in, as bytes to store it under.
    pub fn slot(&self) -> Vec<u8> {
        match &self.change {
            Amendment::Edited { .. } => vec![slot::CONTENT],
            Amendment::Deleted => vec![slot::DELETED],
            Amendment::Reaction { emoji, .. } => {
                [&[slot::REACTION], &self.by.as_bytes()[..], emoji.as_bytes()].concat()
            }
        }
    }

    /// All that its chat, its target and its slot don't tell, as bytes to store.
    pub fn value(&self) -> Vec<u8> {
        let mut value = Vec::new();
        value.put_u64_le(self.seq.0);
        value.put_u64_le(self.at.millis());
        value.put_slice(self.by.as_bytes());
        match &self.change {
            Amendment::Edited { content } => value.put_slice(content.as_bytes()),
            Amendment::Deleted => {}
            Amendment::Reaction { added, .. } => value.put_u8(u8::from(*added)),
        }
        value
    }

    /// The seq in a stored value; `None` where that is none.
    pub fn seq_of(mut value: &[u8]) -> Option<Seq> {
        value.try_get_u64_le().ok().map(Seq)
    }

    /// The amendment that was stored in a slot of a message; `None` where this is none.
    pub fn stored(chat_id: ChatId, target: Seq, slot: &[u8], mut value: &[u8]) -> Option<Self> {
        let seq = Seq(value.try_get_u64_le().ok()?);
        let at = Timestamp::recorded(value.try_get_u64_le().ok()?)?;
        let (by, rest) = value.split_first_chunk::<ID_BYTES>()?;
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
        let change = match slot.split_first()? {
            (&slot::CONTENT, []) => Amendment::Edited {
                content: text(rest)?,
            },
            (&slot::DELETED, []) if rest.is_empty() => Amendment::Deleted,
            (&slot::REACTION, key) => Amendment::Reaction {
                emoji: text(key.strip_prefix(by)?)?,
                added: match rest {
                    [0] => false,
                    [1] => true,
                    _ => return None,
                },
            },
            _ => return None,
        };
        Some(Self {
            chat_id,
            target,
            seq,
            by: UserId::from_bytes(*by),
            at,
            change,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn change() -> impl Strategy<Value = Amendment> {
        prop_oneof![
            ".{0,60}".prop_map(|content| Amendment::Edited { content }),
            Just(Amendment::Deleted),
            (".{0,9}", any::<bool>())
                .prop_map(|(emoji, added)| Amendment::Reaction { emoji, added }),
        ]
    }

    proptest! {
        #[test]
        fn amendments_round_trip(
            (chat, by) in any::<([u8; 16], [u8; 16])>(),
            (target, seq, at) in any::<(u64, u64, u64)>(),
            change in change(),
        ) {
            let row = AmendmentRow {
                chat_id: ChatId::from_bytes(chat),
                target: Seq(target),
                seq: Seq(seq),
                by: UserId::from_bytes(by),
                at: Timestamp::from_millis(at),
                change,
            };
            let (slot, value) = (row.slot(), row.value());
            prop_assert_eq!(AmendmentRow::seq_of(&value), Some(row.seq));
            let stored = AmendmentRow::stored(row.chat_id, row.target, &slot, &value);
            prop_assert_eq!(stored, Some(row));
        }

        #[test]
        fn an_amendment_of_a_time_that_no_version_writes_is_refused(change in change()) {
            let row = AmendmentRow {
                chat_id: ChatId::from_bytes([1; 16]),
                target: Seq(1),
                seq: Seq(2),
                by: UserId::from_bytes([3; 16]),
                at: Timestamp::from_millis(u64::MAX),
                change,
            };
            let mut value = row.value();
            value[8..16].copy_from_slice(&(row.at.millis() + 1).to_le_bytes());
            prop_assert_eq!(AmendmentRow::stored(row.chat_id, row.target, &row.slot(), &value), None);
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_read_but_never_panic(slot: Vec<u8>, value: Vec<u8>) {
            let _ = AmendmentRow::stored(ChatId::from_bytes([0; 16]), Seq(1), &slot, &value);
            let _ = AmendmentRow::seq_of(&value);
        }
    }
}

//! The keyspace of amendments, by chat, target and slot.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use fjall::{Keyspace, OwnedWriteBatch};
use rookery_schema::message::{Message, lay_over};
use rookery_schema::row::{AmendmentRow, Row};
use rookery_schema::{ChatId, Seq};

use super::error::ReadError;

/// Name of the keyspace.
pub(super) const AMENDMENTS: &str = "amendments";

const ID_BYTES: usize = 16;
/// Bytes of a key in front of the slot.
const PREFIX_BYTES: usize = ID_BYTES + 8;

/// See the module.
pub(super) struct Amendments {
    pub(super) keyspace: Keyspace,
}

impl Amendments {
    /// Adds the amendments among rows to a batch, but for those whose slot has a newer one.
    pub(super) fn put<'a>(
        &self,
        batch: &mut OwnedWriteBatch,
        rows: impl Iterator<Item = &'a Row>,
    ) -> fjall::Result<()> {
        let mut newest: BTreeMap<Vec<u8>, &AmendmentRow> = BTreeMap::new();
        for row in rows {
            let Row::Amendment(row) = row else { continue };
            let kept = newest.entry(key(row)).or_insert(row);
            if kept.seq < row.seq {
                *kept = row;
            }
        }
        for (key, row) in newest {
            let stored = self.keyspace.get(&key)?;
            let stored = stored.and_then(|value| AmendmentRow::seq_of(&value));
            if stored.is_none_or(|stored| stored < row.seq) {
                batch.insert(&self.keyspace, key, row.value());
            }
        }
        Ok(())
    }

    /// Lays what there is over messages of one chat, in the order of their seqs or the opposite one.
    pub(super) fn lay_over(&self, messages: &mut [Message]) -> Result<(), ReadError> {
        let (Some(first), Some(last)) = (messages.first(), messages.last()) else {
            return Ok(());
        };
        let targets = first.seq.min(last.seq)..=first.seq.max(last.seq);
        let amendments = self.of(first.chat_id, &targets)?;
        lay_over(messages, &amendments);
        Ok(())
    }

    fn of(
        &self,
        chat_id: ChatId,
        targets: &RangeInclusive<Seq>,
    ) -> Result<Vec<AmendmentRow>, ReadError> {
        let first = prefix(chat_id, *targets.start());
        let end = prefix(chat_id, targets.end().next());
        let rows = self.keyspace.range(first..end).map(|entry| {
            let (key, value) = entry.into_inner()?;
            row(chat_id, &key, &value).ok_or(ReadError::Malformed(AMENDMENTS))
        });
        rows.collect()
    }
}

fn prefix(chat_id: ChatId, target: Seq) -> [u8; PREFIX_BYTES] {
    let mut key = [0; PREFIX_BYTES];
    key[..ID_BYTES].copy_from_slice(chat_id.as_bytes());
    key[ID_BYTES..].copy_from_slice(&target.0.to_be_bytes());
    key
}

fn key(row: &AmendmentRow) -> Vec<u8> {
    [&prefix(row.chat_id, row.target)[..], &row.slot()].concat()
}

fn row(chat_id: ChatId, key: &[u8], value: &[u8]) -> Option<AmendmentRow> {
    let (target, slot) = key.get(ID_BYTES..)?.split_first_chunk()?;
    AmendmentRow::stored(chat_id, Seq(u64::from_be_bytes(*target)), slot, value)
}

//! Messages as they stand now: events with their amendments laid over.

use rookery_schema::cql::bucket;
use rookery_schema::message::{Message, lay_over};
use rookery_schema::row::{AmendmentRow, EventRow};
use rookery_schema::{ChatId, Seq, format};

use super::Connection;
use crate::store::scylla::event::{bigint, from_bigint};
use crate::store::scylla::failure::{DriverError, written};

impl Connection {
    /// The messages among events of one chat, amended; they are in the order of their seqs, or the opposite
    /// one. As long as nothing was ever amended this asks for nothing, from then on once for each bucket.
    pub(super) async fn as_they_stand(
        &self,
        events: &[EventRow],
    ) -> Result<Vec<Message>, DriverError> {
        let messages = events
            .iter()
            .filter_map(|event| Message::of(event).transpose());
        let messages = messages.collect::<Result<_, _>>();
        let mut messages: Vec<Message> =
            messages.map_err(|error| DriverError::new(error.to_string()))?;
        let (Some(first), Some(last)) = (messages.first(), messages.last()) else {
            return Ok(messages);
        };
        if self.format() < format::AMENDMENTS {
            return Ok(messages);
        }
        let chat_id = first.chat_id;
        let (oldest, newest) = (first.seq.min(last.seq), first.seq.max(last.seq));
        for bucket in bucket(oldest)..=bucket(newest) {
            let amendments = self.amendments(chat_id, bucket, oldest, newest).await?;
            lay_over(&mut messages, &amendments);
        }
        Ok(messages)
    }

    async fn amendments(
        &self,
        chat_id: ChatId,
        bucket: i32,
        oldest: Seq,
        newest: Seq,
    ) -> Result<Vec<AmendmentRow>, DriverError> {
        let values = (chat_id.0, bucket, bigint(oldest.0), bigint(newest.0));
        let statement = &self.statements.amendments;
        let rows = self.select::<(i64, Vec<u8>, Vec<u8>)>(statement, values);
        let amendment = |(target, slot, value): (i64, Vec<u8>, Vec<u8>)| {
            let row = from_bigint(target)
                .and_then(|target| AmendmentRow::stored(chat_id, Seq(target), &slot, &value));
            let what = format_args!("an amendment of event {target} of chat {chat_id}");
            written(row, what)
        };
        rows.await?.into_iter().map(amendment).collect()
    }
}

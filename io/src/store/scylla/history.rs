//! A chat's events: finding the newest, and pages of them. Every bucket up to that of the newest has
//! events, and all but that one are full, so nothing has to be kept to find it.

use rookery_engine::port::StoredChat;
use rookery_schema::cql::{bucket, is_last_of_bucket};
use rookery_schema::row::EventRow;
use rookery_schema::{ChatId, Seq};
use scylla::response::query_result::QueryRowsResult;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlTimestamp;
use uuid::Uuid;

use super::DriverError;
use super::columns::{
    Body, EventColumns, HeadColumns, MessageColumns, bigint, event_row, from_bigint,
};
use super::connect::Connection;
use super::read::limit_of;

/// The columns of an event as they are selected.
type Selected<'a> = (
    i64,
    i8,
    i64,
    i32,
    i64,
    Option<Uuid>,
    Option<Uuid>,
    Option<&'a str>,
    Option<CqlTimestamp>,
    Option<&'a str>,
    Option<&'a [u8]>,
);

impl Connection {
    /// A chat at its newest stored event. One without events is not there yet: the record that makes it
    /// is still to be applied again.
    pub(super) async fn stored_chat(
        &self,
        chat_id: ChatId,
        recent: usize,
    ) -> Result<Option<StoredChat>, DriverError> {
        let Some(chat) = self.chat_row(chat_id).await? else {
            return Ok(None);
        };
        let mut newest = self.newest_events(chat_id, recent.max(1)).await?;
        let Some(head) = newest.first().map(|row| row.head) else {
            return Ok(None);
        };
        let members = self.members(chat_id, head.seq).await?;
        let latest_message = match newest.iter().find(|row| row.is_message) {
            Some(row) => Some(row.clone()),
            None if head.messages == 0 => None,
            None => {
                let below = newest.last().map_or(head.seq, |row| row.head.seq);
                let found = self.messages_before(chat_id, below, 1).await?;
                found.into_iter().next()
            }
        };
        newest.truncate(recent);
        newest.reverse();
        Ok(Some(StoredChat {
            chat,
            members,
            head,
            recent: newest,
            latest_message,
        }))
    }

    /// The newest events of a chat, newest first, without a gap.
    async fn newest_events(
        &self,
        chat_id: ChatId,
        limit: usize,
    ) -> Result<Vec<EventRow>, DriverError> {
        let Some(mut bucket) = self.head_bucket(chat_id).await? else {
            return Ok(Vec::new());
        };
        let statement = &self.statements.newest_events;
        let mut found = self
            .page(statement, chat_id, bucket, i64::MAX, limit)
            .await?;
        while found.len() < limit && bucket > 0 {
            bucket -= 1;
            let missing = limit - found.len();
            found.extend(
                self.page(statement, chat_id, bucket, i64::MAX, missing)
                    .await?,
            );
        }
        let dense = found
            .windows(2)
            .take_while(|pair| pair[0].head.seq == pair[1].head.seq.next())
            .count();
        found.truncate(dense + 1);
        Ok(found)
    }

    /// Messages below `before`, newest first.
    pub(super) async fn messages_before(
        &self,
        chat_id: ChatId,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<EventRow>, DriverError> {
        let (Some(last), true) = (before.0.checked_sub(1), limit > 0) else {
            return Ok(Vec::new());
        };
        let statement = &self.statements.messages_before;
        let (mut bucket, before) = (bucket(Seq(last)), bigint(before.0));
        let mut found = self.page(statement, chat_id, bucket, before, limit).await?;
        let is_beyond_head =
            found.is_empty() && bucket > 0 && self.newest_in(chat_id, bucket).await?.is_none();
        if is_beyond_head {
            let Some(head) = self.head_bucket(chat_id).await? else {
                return Ok(found);
            };
            bucket = head;
            found = self.page(statement, chat_id, bucket, before, limit).await?;
        }
        let is_first = |row: &EventRow| row.head.messages == 1;
        while found.len() < limit && bucket > 0 && !found.last().is_some_and(is_first) {
            bucket -= 1;
            let missing = limit - found.len();
            found.extend(
                self.page(statement, chat_id, bucket, before, missing)
                    .await?,
            );
        }
        Ok(found)
    }

    /// Messages above `after`, oldest first.
    pub(super) async fn messages_after(
        &self,
        chat_id: ChatId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<EventRow>, DriverError> {
        let mut found = Vec::new();
        let mut bucket = bucket(Seq(after.0.saturating_add(1)));
        let (statement, after) = (&self.statements.messages_after, bigint(after.0));
        while found.len() < limit {
            let missing = limit - found.len();
            found.extend(
                self.page(statement, chat_id, bucket, after, missing)
                    .await?,
            );
            let is_full = found.len() < limit
                && self
                    .newest_in(chat_id, bucket)
                    .await?
                    .is_some_and(is_last_of_bucket);
            if !is_full {
                break;
            }
            bucket += 1;
        }
        Ok(found)
    }

    /// Events of one bucket on one side of a seq.
    async fn page(
        &self,
        statement: &PreparedStatement,
        chat_id: ChatId,
        bucket: i32,
        border: i64,
        limit: usize,
    ) -> Result<Vec<EventRow>, DriverError> {
        let mut rows = Vec::new();
        let take = |page: &QueryRowsResult| {
            for row in page.rows::<Selected<'_>>().map_err(DriverError::new)? {
                rows.push(event(chat_id, row.map_err(DriverError::new)?)?);
            }
            Ok(())
        };
        let values = (chat_id.0, bucket, border, limit_of(limit));
        self.each_page(statement, values, take).await?;
        Ok(rows)
    }

    async fn newest_in(&self, chat_id: ChatId, bucket: i32) -> Result<Option<Seq>, DriverError> {
        let key = (chat_id.0, bucket);
        let rows = self
            .select::<(i64,)>(&self.statements.newest_seq, key)
            .await?;
        Ok(rows.first().map(|(seq,)| Seq(from_bigint(*seq))))
    }

    async fn head_bucket(&self, chat_id: ChatId) -> Result<Option<i32>, DriverError> {
        let mut search = HeadSearch::default();
        loop {
            match search.next() {
                Step::Look(bucket) => search.found(bucket, self.newest_in(chat_id, bucket).await?),
                Step::Done(head) => return Ok(head),
            }
        }
    }
}

fn event(chat_id: ChatId, selected: Selected<'_>) -> Result<EventRow, DriverError> {
    let (seq, kind, n, log_partition, log_offset, ..) = selected;
    let (.., message_id, sender_id, client_id, created_at, content, record) = selected;
    let message = || {
        Some(MessageColumns {
            message_id: message_id?,
            sender_id: sender_id?,
            client_id,
            created_at: created_at?.0,
            content: content?,
        })
    };
    let body = match record {
        Some(record) => Some(Body::Record(record)),
        None => message().map(Body::Message),
    };
    let head = HeadColumns {
        seq,
        kind,
        n,
        log_partition,
        log_offset,
    };
    let body = body.ok_or_else(|| {
        DriverError::new(format!(
            "event {seq} of chat {chat_id} lacks columns that were written"
        ))
    })?;
    Ok(event_row(chat_id, &EventColumns { head, body }))
}

/// The search for the newest bucket that is not empty: twice as far each time, then halving.
#[derive(Debug, Default)]
struct HeadSearch {
    /// The newest bucket known to have events.
    filled: Option<i32>,
    /// The oldest bucket known to be empty.
    empty: Option<i32>,
}

/// What a search does next.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Look for the newest event of this bucket.
    Look(i32),
    /// That is it, if there is any.
    Done(Option<i32>),
}

impl HeadSearch {
    const fn next(&self) -> Step {
        match (self.filled, self.empty) {
            (None, None) => Step::Look(0),
            (None, Some(_)) => Step::Done(None),
            (Some(0), None) => Step::Look(1),
            (Some(filled), None) => Step::Look(filled.saturating_mul(2)),
            (Some(filled), Some(empty)) if empty - filled <= 1 => Step::Done(Some(filled)),
            (Some(filled), Some(empty)) => Step::Look(filled + (empty - filled) / 2),
        }
    }

    fn found(&mut self, bucket: i32, newest: Option<Seq>) {
        match newest {
            Some(newest) => {
                self.filled = Some(bucket);
                // One that has room is the last.
                if !is_last_of_bucket(newest) {
                    self.empty = Some(bucket + 1);
                }
            }
            None => self.empty = Some(bucket),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rookery_schema::cql::BUCKET_BITS;

    fn search(head: Option<u64>) -> (Option<i32>, usize) {
        let mut search = HeadSearch::default();
        let mut looks = 0;
        loop {
            match search.next() {
                Step::Done(found) => return (found, looks),
                Step::Look(at) => {
                    looks += 1;
                    let last = ((at as u64 + 1) << BUCKET_BITS) - 1;
                    let first = (at as u64) << BUCKET_BITS;
                    let newest = head
                        .filter(|head| *head >= first)
                        .map(|head| head.min(last));
                    search.found(at, newest.map(Seq));
                }
            }
        }
    }

    #[test]
    fn most_chats_take_one_look() {
        assert_eq!(search(None), (None, 1));
        assert_eq!(search(Some(1)), (Some(0), 1));
        assert_eq!(search(Some((1 << BUCKET_BITS) - 2)), (Some(0), 1));
        assert_eq!(search(Some((1 << BUCKET_BITS) - 1)), (Some(0), 2));
    }

    proptest! {
        #[test]
        fn the_newest_bucket_is_found_in_few_looks(head in 1..1u64 << 45) {
            let (found, looks) = search(Some(head));
            prop_assert_eq!(found, Some(bucket(Seq(head))));
            prop_assert!(looks <= 2 * 31);
        }
    }
}

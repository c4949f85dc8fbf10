//! A chat's events: finding the newest, and pages of them. Every bucket up to that of the newest has
//! events, and all but that one are full, so nothing has to be kept to find it.

use rookery_engine::port::StoredChat;
use rookery_schema::cql::{bucket, is_last_of_bucket};
use rookery_schema::row::EventRow;
use rookery_schema::{ChatId, Seq};
use scylla::response::query_result::QueryRowsResult;
use scylla::statement::prepared::PreparedStatement;

use super::DriverError;
use super::connect::Connection;
use super::event::{EventValue, bigint, event_row, from_bigint};
use super::read::limit_of;

/// Events read at a time in search of messages; pages grow up to this while there are few among them.
const PAGE_EVENTS_MAX: usize = 2048;

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
        let statement = &self.statements.events_before;
        let mut found = self
            .page(statement, chat_id, bucket, i64::MAX, limit)
            .await?;
        while found.len() < limit && bucket > 0 {
            bucket -= 1;
            let missing = limit - found.len();
            let older = self.page(statement, chat_id, bucket, i64::MAX, missing);
            found.extend(older.await?);
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
        let Some(last) = before.0.checked_sub(1) else {
            return Ok(Vec::new());
        };
        let mut found = Gathered::new(limit);
        let (mut bucket, mut border) = (bucket(Seq(last)), bigint(before.0));
        while found.is_wanting() {
            let size = found.page_size();
            let statement = &self.statements.events_before;
            let page = self.page(statement, chat_id, bucket, border, size).await?;
            let lowest = page.last().map(|row| row.head.seq);
            let is_beyond_head = found.last.is_none() && lowest.is_none() && bucket > 0;
            let is_through = page.len() < size;
            found.take(page);
            if is_beyond_head {
                match self.head_bucket(chat_id).await? {
                    Some(head) => bucket = head,
                    None => break,
                }
            } else if !is_through {
                border = lowest.map_or(border, |seq| bigint(seq.0));
            } else if bucket == 0 || found.is_first_message_seen() {
                break;
            } else {
                bucket -= 1;
            }
        }
        Ok(found.messages)
    }

    /// Messages above `after`, oldest first.
    pub(super) async fn messages_after(
        &self,
        chat_id: ChatId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<EventRow>, DriverError> {
        let mut found = Gathered::new(limit);
        let mut border = after;
        while found.is_wanting() {
            let size = found.page_size();
            let statement = &self.statements.events_after;
            let bucket = bucket(Seq(border.0.saturating_add(1)));
            let values = bigint(border.0);
            let page = self.page(statement, chat_id, bucket, values, size).await?;
            let Some(highest) = page.last().map(|row| row.head.seq) else {
                break;
            };
            let is_through = page.len() < size && !is_last_of_bucket(highest);
            found.take(page);
            if is_through {
                break;
            }
            border = highest;
        }
        Ok(found.messages)
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
            let page = page.rows::<(i64, EventValue<'_>)>();
            for row in page.map_err(DriverError::new)? {
                let (seq, value) = row.map_err(DriverError::new)?;
                rows.push(event_row(chat_id, seq, &value).ok_or_else(|| {
                    DriverError::new(format!(
                        "event {seq} of chat {chat_id} lacks fields that were written"
                    ))
                })?);
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

/// Messages among the events that were read so far, in the order in which they were read.
struct Gathered {
    messages: Vec<EventRow>,
    limit: usize,
    /// The newest or oldest event that was read, whichever came last.
    last: Option<EventRow>,
    page_size: usize,
}

impl Gathered {
    const fn new(limit: usize) -> Self {
        Self {
            messages: Vec::new(),
            limit,
            last: None,
            page_size: limit,
        }
    }

    const fn is_wanting(&self) -> bool {
        self.messages.len() < self.limit
    }

    /// Events to read next. Mostly they are messages, and the first page is enough.
    fn page_size(&self) -> usize {
        self.page_size.min(PAGE_EVENTS_MAX)
    }

    fn take(&mut self, mut page: Vec<EventRow>) {
        self.page_size = self.page_size() * 2;
        self.last = page.last().cloned().or(self.last.take());
        page.retain(|row| row.is_message);
        page.truncate(self.limit - self.messages.len());
        self.messages.append(&mut page);
    }

    /// Whether there is no message below the event that was read last.
    fn is_first_message_seen(&self) -> bool {
        let below = |row: &EventRow| row.head.messages.saturating_sub(u64::from(row.is_message));
        self.last.as_ref().is_some_and(|row| below(row) == 0)
    }
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

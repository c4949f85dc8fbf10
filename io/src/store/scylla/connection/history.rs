//! A chat's events: finding the newest, and pages of them. Every bucket up to that of the newest has
//! events, and all but that one are full, so nothing has to be kept to find it.

use std::time::Duration;

use rookery_engine::port::{StoredChat, StoredEvent, StoredMember};
use rookery_schema::cql::{bucket, first_of_bucket, is_last_of_bucket};
use rookery_schema::event::EventKind;
use rookery_schema::message::Message;
use rookery_schema::row::{EventRow, Head};
use rookery_schema::{ChatId, Seq, UserId};
use scylla::response::query_result::QueryRowsResult;
use scylla::statement::prepared::PreparedStatement;

use super::Connection;
use super::read::limit_of;
use crate::store::scylla::event::{EventValue, bigint, event_row, from_bigint};
use crate::store::scylla::failure::{DriverError, written};
use crate::store::scylla::search::{HeadSearch, Look, MessageSearch};

/// Events read at a time in search of messages; pages grow up to this while there are few among them.
const PAGE_EVENTS_MAX: usize = 2048;
/// How often a chat is read that is written meanwhile. With the pauses it takes longer than a superseded server lives
/// once it has read that it is one, and less than a read may.
const STATE_READS_MAX: usize = 8;
const STATE_READ_PAUSE: Duration = Duration::from_millis(50);

/// A chat as it was at its newest stored event.
struct State {
    head: Head,
    members: Vec<StoredMember>,
    last_role: Option<UserId>,
    /// Newest first.
    newest: Vec<EventRow>,
}

impl Connection {
    /// A chat at its newest stored event. One without events is not there yet: the record that makes it
    /// is still to be applied again.
    pub(super) async fn stored_chat(
        &self,
        chat_id: ChatId,
        recent: usize,
    ) -> Result<Option<StoredChat>, DriverError> {
        let Some(chat) = self.chat_row(chat_id).await? else {
            return self.none_or_deleted(chat_id).await;
        };
        // Of a chat whose deletion was interrupted, the row may be left.
        let Some(state) = self.state(chat_id, recent.max(1)).await? else {
            return self.none_or_deleted(chat_id).await;
        };
        let State {
            head,
            members,
            last_role,
            mut newest,
        } = state;
        let mut messages = self.as_they_stand(&newest).await?;
        let latest_message = match messages.first() {
            Some(message) => Some(message.clone()),
            None if head.messages == 0 => None,
            None => {
                let below = newest.last().map_or(head.seq, |row| row.head.seq);
                let found = self.messages_before(chat_id, below, 1).await?;
                found.into_iter().next()
            }
        };
        newest.truncate(recent);
        newest.reverse();
        let oldest = newest.first().map(|row| row.head.seq);
        messages.retain(|message| oldest.is_some_and(|oldest| message.seq >= oldest));
        messages.reverse();
        let blockers = self.blockers(chat_id, &members).await?;
        Ok(Some(StoredChat {
            chat,
            members,
            last_role,
            settings: self.settings(chat_id).await?,
            head,
            recent: newest,
            messages,
            latest_message,
            blockers,
            erased: self.erased_senders(chat_id).await?,
            deleted: None,
        }))
    }

    async fn none_or_deleted(&self, chat_id: ChatId) -> Result<Option<StoredChat>, DriverError> {
        let deleted = self.deleted_chat(chat_id).await?;
        Ok(deleted.map(StoredChat::from))
    }

    /// The newest event of a chat, its members and roles at that, and the newest events. These are several
    /// queries, and a server that does not know yet that it was superseded may write between them: members who are
    /// gone with a later event would be missing. So it looks for that event behind them.
    async fn state(&self, chat_id: ChatId, recent: usize) -> Result<Option<State>, DriverError> {
        for _ in 0..STATE_READS_MAX {
            let newest = self.newest_events(chat_id, recent).await?;
            let Some(head) = newest.first().map(|row| row.head) else {
                return Ok(None);
            };
            let roles = self.roles(chat_id, head.seq).await?;
            let members = self.members(chat_id, head.seq, &roles).await?;
            if self.event(chat_id, head.seq.next().0).await?.is_none() {
                return Ok(Some(State {
                    head,
                    members,
                    last_role: roles.last(),
                    newest,
                }));
            }
            tokio::time::sleep(STATE_READ_PAUSE).await;
        }
        Err(DriverError::new(format_args!(
            "chat {chat_id} has changed during each of {STATE_READS_MAX} reads: another server writes to this keyspace"
        )))
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
    ) -> Result<Vec<Message>, DriverError> {
        let mut found = Gathered::new(limit);
        let mut border = before.0;
        while found.is_wanting() && border > 1 {
            let bucket = bucket(Seq(border - 1));
            let (statement, size) = (&self.statements.events_before, found.page_size);
            let page = self.page(statement, chat_id, bucket, bigint(border), size);
            let page = page.await?;
            border = match page.last().map(Edge::of) {
                // Beyond the head.
                None => match self.head_bucket(chat_id).await? {
                    Some(head) => first_of_bucket(bucket.min(head.saturating_add(1))).0,
                    None => break,
                },
                Some(oldest) if found.take(page) > 0 => oldest.seq,
                Some(oldest) if oldest.messages == 0 => break,
                Some(oldest) => {
                    let search = MessageSearch::down(oldest.seq, oldest.messages);
                    oldest.seq.min(self.find(chat_id, search).await? + 1)
                }
            };
        }
        self.as_they_stand(&found.messages).await
    }

    /// Messages above `after`, oldest first.
    pub(super) async fn messages_after(
        &self,
        chat_id: ChatId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Message>, DriverError> {
        let mut found = Gathered::new(limit);
        let mut border = after.0;
        while found.is_wanting() {
            let bucket = bucket(Seq(border.saturating_add(1)));
            let (statement, size) = (&self.statements.events_after, found.page_size);
            let page = self.page(statement, chat_id, bucket, bigint(border), size);
            let page = page.await?;
            let Some(newest) = page.last().map(Edge::of) else {
                break;
            };
            let is_head = page.len() < size && !is_last_of_bucket(Seq(newest.seq));
            border = match found.take(page) {
                _ if is_head => break,
                0 => {
                    let search = MessageSearch::up(newest.seq, newest.messages + 1);
                    self.find(chat_id, search).await? - 1
                }
                _ => newest.seq,
            };
        }
        self.as_they_stand(&found.messages).await
    }

    /// Events of all kinds above `after`, oldest first: of one bucket or two, where there are no more than a bucket has.
    pub(super) async fn events_after(
        &self,
        chat_id: ChatId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, DriverError> {
        let mut rows: Vec<EventRow> = Vec::new();
        let mut border = after.0;
        while rows.len() < limit {
            let (bucket, missing) = (bucket(Seq(border.saturating_add(1))), limit - rows.len());
            let statement = &self.statements.events_after;
            let page = self.page(statement, chat_id, bucket, bigint(border), missing);
            rows.append(&mut page.await?);
            match rows.last().map(|row| row.head.seq) {
                Some(newest) if newest.0 > border && is_last_of_bucket(newest) => border = newest.0,
                _ => break,
            }
        }
        // Behind the events: what one of them was redacted for is there by now.
        let messages = self.as_they_stand(&rows).await?;
        Ok(StoredEvent::join(rows, messages))
    }

    /// Where it stands that an event was written, if it was, and its row's timestamp.
    pub(super) async fn written_event(
        &self,
        chat_id: ChatId,
        seq: Seq,
    ) -> Result<Option<(Head, i64)>, DriverError> {
        let mut found = None;
        let take = |page: &QueryRowsResult| {
            let page = page.rows::<(EventValue<'_>, i64)>();
            for row in page.map_err(DriverError::new)? {
                let (value, timestamp) = row.map_err(DriverError::new)?;
                let what = format_args!("event {seq} of chat {chat_id}");
                found = Some((written(value.head(seq), what)?, timestamp));
            }
            Ok(())
        };
        let key = (chat_id.0, bucket(seq), bigint(seq.0));
        self.each_page(&self.statements.written_event, key, take)
            .await?;
        Ok(found)
    }

    /// Where a search ends.
    async fn find(&self, chat_id: ChatId, mut search: MessageSearch) -> Result<u64, DriverError> {
        loop {
            match search.next() {
                Look::At(seq) => {
                    let event = self.event(chat_id, seq).await?;
                    search.found(seq, event.map(|row| row.head.messages));
                }
                Look::Done(seq) => return Ok(seq),
            }
        }
    }

    async fn event(&self, chat_id: ChatId, seq: u64) -> Result<Option<EventRow>, DriverError> {
        let (bucket, behind) = (bucket(Seq(seq)), bigint(seq + 1));
        let statement = &self.statements.events_before;
        let found = self.page(statement, chat_id, bucket, behind, 1).await?;
        Ok(found.into_iter().find(|row| row.head.seq == Seq(seq)))
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
                let what = format_args!("event {seq} of chat {chat_id}");
                rows.push(written(event_row(chat_id, seq, &value), what)?);
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
        let seq = |(seq,): &(i64,)| {
            let what = format_args!("event {seq} of chat {chat_id}");
            written(from_bigint(*seq).map(Seq), what)
        };
        rows.first().map(seq).transpose()
    }

    async fn head_bucket(&self, chat_id: ChatId) -> Result<Option<i32>, DriverError> {
        let mut search = HeadSearch::default();
        loop {
            match search.next() {
                Look::At(bucket) => search.found(bucket, self.newest_in(chat_id, bucket).await?),
                Look::Done(head) => return Ok(head),
            }
        }
    }
}

/// Messages among the events that were read so far, in the order in which they were read.
struct Gathered {
    messages: Vec<EventRow>,
    limit: usize,
    /// Events to read next. Mostly they are messages, and the first page is enough.
    page_size: usize,
}

impl Gathered {
    const fn new(limit: usize) -> Self {
        Self {
            messages: Vec::new(),
            limit,
            page_size: limit,
        }
    }

    const fn is_wanting(&self) -> bool {
        self.messages.len() < self.limit
    }

    /// Keeps the messages of a page, and says how many there were.
    fn take(&mut self, mut page: Vec<EventRow>) -> usize {
        self.page_size = PAGE_EVENTS_MAX.min(self.page_size * 2);
        page.retain(|row| row.kind == EventKind::Message);
        let count = page.len();
        page.truncate(self.limit - self.messages.len());
        self.messages.append(&mut page);
        count
    }
}

/// The event at the far end of a page.
#[derive(Clone, Copy)]
struct Edge {
    seq: u64,
    /// Up to and with it.
    messages: u64,
}

impl Edge {
    const fn of(row: &EventRow) -> Self {
        Self {
            seq: row.head.seq.0,
            messages: row.head.messages,
        }
    }
}

//! The keyspaces, and how rows are written to and read from them.

use std::path::Path;
use std::sync::Arc;

use fjall::compaction::Leveled;
use fjall::config::CompressionPolicy;
use fjall::{Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};
use rookery_engine::port::{self, Found, Read, StoredChat, StoredEvent, direct_pair};
use rookery_schema::event::EventKind;
use rookery_schema::format;
use rookery_schema::message::Message;
use rookery_schema::row::{EventRow, PurgeRow, PurgeStep, Row};
use rookery_schema::{ChatId, Seq, ShardId, Timestamp};

use super::amendments::{AMENDMENTS, Amendments};
use super::blocks::{BLOCKS, Blocks};
use super::chats::{CHATS, Chats, SETTINGS};
use super::database::{Db, OpenError, Tuning};
use super::deletions::{DELETED, Deletions, ERASURES, PURGES, remove_all, remove_bucket};
use super::ended_sessions::{ENDED_SESSIONS, EndedSessions};
use super::erased::{Erased, REWRITES, SENDERS};
use super::error::ReadError;
use super::events::{Events, MESSAGES, OTHERS};
use super::marks::{MARKS, Marks};
use super::members::{BY_CHAT, BY_USER, FORMER, FORMER_BY_USER, Members, ROLES};
use super::meta::{META, Meta};
use super::own::{Own, PROFILES, SESSIONS, USER_SETTINGS};
use super::progress::Progress;
use super::redactions::{REDACTED, Redactions, redacted};
use super::run::Gathering;
use super::users::{NAMES_BY_KEY, USERNAMES, USERS, Users};
use crate::embedded::FormatMark;

/// Pages of history that were read lately.
const CACHE_BYTES: u64 = 64 << 20;
/// Tables that are kept open.
const OPEN_FILES: usize = 256;
/// Descriptors of the store: tables that are kept open; those that a compaction merges, of which the first level has up
/// to 20; journals, a table that is being written, and what readers hold for a moment longer than they are kept.
pub(crate) const DESCRIPTORS: u64 = OPEN_FILES as u64 + 64;
/// Small memtables and tables, so that flushes and compactions are short.
const MEMTABLE_BYTES: u64 = 8 << 20;
const TABLE_BYTES: u64 = 8 << 20;
/// Bytes of all memtables.
const MEMTABLES_BYTES: u64 = 64 << 20;
/// Names in one batch of those that are found by their keys from then on.
const NAMES_INDEXED_AT_ONCE: usize = 2048;
/// See the module.
pub(super) struct Tables {
    db: Db,
    format: FormatMark,
    events: Events,
    redactions: Redactions,
    amendments: Amendments,
    chats: Chats,
    members: Members,
    marks: Marks,
    users: Users,
    deletions: Deletions,
    erased: Erased,
    blocks: Blocks,
    ended_sessions: EndedSessions,
    own: Own,
    pub(super) meta: Meta,
}

impl Tables {
    /// Opens the store of a log, or makes it.
    pub(super) fn open(dir: &Path, log_id: [u8; 16]) -> Result<Self, OpenError> {
        let tuning = Tuning {
            cache_bytes: CACHE_BYTES,
            memtable_bytes: MEMTABLE_BYTES,
            memtables_bytes: MEMTABLES_BYTES,
            open_files: OPEN_FILES,
        };
        let strategy = Arc::new(Leveled::default().with_table_target_size(TABLE_BYTES));
        let options = KeyspaceCreateOptions::default()
            .compaction_strategy(strategy)
            .data_block_compression_policy(CompressionPolicy::disabled());
        let names = [
            MESSAGES,
            OTHERS,
            REDACTED,
            AMENDMENTS,
            CHATS,
            SETTINGS,
            BY_CHAT,
            BY_USER,
            FORMER,
            FORMER_BY_USER,
            ROLES,
            MARKS,
            USERS,
            USERNAMES,
            NAMES_BY_KEY,
            DELETED,
            PURGES,
            ERASURES,
            SENDERS,
            REWRITES,
            BLOCKS,
            ENDED_SESSIONS,
            SESSIONS,
            PROFILES,
            USER_SETTINGS,
            META,
        ];
        let options = names.map(|name| (name, options.clone()));
        let db = Db::open(dir, &log_id, tuning, &options)?;
        let keyspaces: Vec<Keyspace> = db.keyspaces().to_vec();
        let Ok(
            [
                messages,
                others,
                redacted,
                amendments,
                chats,
                settings,
                by_chat,
                by_user,
                former,
                former_by_user,
                roles,
                marks,
                users,
                usernames,
                names_by_key,
                deleted,
                purges,
                erasures,
                senders,
                rewrites,
                blocks,
                ended_sessions,
                sessions,
                profiles,
                user_settings,
                meta,
            ],
        ) = <[Keyspace; 26]>::try_from(keyspaces)
        else {
            return Err(OpenError::Corrupt(
                dir.to_owned(),
                "it has other keyspaces".to_owned(),
            ));
        };
        let meta = Meta {
            keyspace: meta,
            log_id,
        };
        // Without it, amendments would not be looked for.
        let format = meta
            .format()
            .map_err(|error| OpenError::Corrupt(dir.to_owned(), error.to_string()))?;
        Ok(Self {
            db,
            format: FormatMark::new(format.unwrap_or(format::OLDEST)),
            events: Events { messages, others },
            redactions: Redactions { keyspace: redacted },
            amendments: Amendments {
                keyspace: amendments,
            },
            chats: Chats { chats, settings },
            members: Members {
                by_chat,
                by_user,
                former,
                former_by_user,
                roles,
            },
            marks: Marks::new(marks),
            users: Users {
                users,
                usernames,
                names_by_key,
            },
            deletions: Deletions {
                deleted,
                purges,
                erasures,
            },
            erased: Erased { senders, rewrites },
            blocks: Blocks { keyspace: blocks },
            ended_sessions: EndedSessions {
                keyspace: ended_sessions,
            },
            own: Own {
                sessions,
                profiles,
                settings: user_settings,
            },
            meta,
        })
    }

    /// A batch that bears the mark of all batches here.
    fn batch(&self, persist: PersistMode) -> OwnedWriteBatch {
        let mut batch = self.db.batch(persist);
        self.meta.mark(&mut batch);
        batch
    }

    /// Writes rows, all or none of them, and notes the progress of the lane that they come from.
    pub(super) fn write<'a>(
        &self,
        shard: ShardId,
        progress: &Progress,
        rows: impl Iterator<Item = &'a Row> + Clone,
    ) -> Result<(), ReadError> {
        let any_redacted = self.format.current() >= format::CONVERSATIONS;
        let needed = rows.clone().map(format::of_row).max();
        self.raise_format(needed.unwrap_or(format::OLDEST))?;
        let rows = self.deletions.without_late(rows)?;
        let rows = rows.iter().copied();
        let mut batch = self.batch(PersistMode::Buffer);
        let mut events = Gathering::default();
        for row in rows.clone() {
            self.put(&mut batch, &mut events, row);
            if let Row::Purged(row) = row {
                self.purge(&mut batch, row)?;
            }
        }
        self.amendments.put(&mut batch, rows.clone())?;
        let _marking = self.marks.put(&mut batch, &self.members, rows.clone())?;
        self.own.put(&mut batch, rows.clone())?;
        let redacted = rows.filter_map(redacted);
        self.redactions
            .put(&mut batch, &self.events, events, redacted, any_redacted)?;
        self.meta.put_progress(&mut batch, shard, progress);
        Ok(self.db.commit(batch)?)
    }

    fn put(&self, batch: &mut OwnedWriteBatch, events: &mut Gathering, row: &Row) {
        match row {
            Row::Event(row) => events.add(row),
            Row::Chat(row) => self.chats.put(batch, row),
            Row::Member(row) => self.members.add(batch, row),
            Row::NotMember {
                chat_id,
                user_id,
                added_seq,
                removed_seq,
            } => {
                let removal = (*added_seq, *removed_seq);
                self.members.remove(batch, *chat_id, *user_id, removal);
            }
            Row::Role(row) => self.members.set_role(batch, row),
            Row::Settings(row) => self.chats.put_settings(batch, row),
            Row::ChatDeleted(row) => {
                self.chats.remove(batch, row.chat_id);
                self.deletions.put(batch, row);
            }
            Row::Block(row) => self.blocks.put(batch, row),
            Row::User(row) => self.users.put(batch, row),
            Row::EndedSession {
                session_id,
                expires_at,
            } => self.ended_sessions.put(batch, *session_id, *expires_at),
            // A batch compares all it has with each other, and with what is stored.
            Row::Amendment(_)
            | Row::Redacted(_)
            | Row::Mark(_)
            | Row::Session(_)
            | Row::NoSession { .. }
            | Row::NoSessions { .. }
            | Row::OwnGone { .. }
            | Row::Profile(_)
            | Row::UserSettings(_) => {}
            Row::Erasure(row) => self.deletions.put_erasure(batch, row),
            Row::Erased(row) => self.erased.put(batch, row),
            Row::Rewritten(row) => self.erased.rewrite(batch, row),
            // What is to be removed is looked for.
            Row::Purged(_) => {}
            // It is in the progress that the batch notes.
            Row::Reached { .. } => {}
        }
    }

    /// Removes a part of what there is of a deleted chat.
    fn purge(&self, batch: &mut OwnedWriteBatch, row: &PurgeRow) -> Result<(), ReadError> {
        let chat_id = row.chat_id;
        match row.step {
            PurgeStep::Events { bucket } => {
                for keyspace in [
                    &self.events.messages,
                    &self.events.others,
                    &self.redactions.keyspace,
                    &self.amendments.keyspace,
                ] {
                    remove_bucket(batch, keyspace, chat_id, bucket)?;
                }
            }
            PurgeStep::Rest => {
                self.chats.remove_settings(batch, chat_id);
                remove_all(batch, &self.members.roles, chat_id)?;
                remove_all(batch, &self.erased.senders, chat_id)?;
                self.erased.forget(batch, row.partition, chat_id)?;
                self.deletions.purged(batch, row);
            }
        }
        Ok(())
    }

    /// Finds the names that are not their own keys, where versions before keys may have written some, and keeps them by their
    /// keys. Interrupted, it is done again: at each start, until this version has written what older ones can't open.
    pub(super) fn index_names(&self) -> Result<(), ReadError> {
        if self.format.current() >= format::CONVERSATIONS {
            return Ok(());
        }
        let (mut batch, mut added) = (self.batch(PersistMode::Buffer), 0);
        for entry in self.users.usernames.iter() {
            let (name, value) = entry.into_inner()?;
            added += usize::from(self.users.index(&mut batch, &name, &value)?);
            if added == NAMES_INDEXED_AT_ONCE {
                let full = std::mem::replace(&mut batch, self.batch(PersistMode::Buffer));
                self.db.commit(full)?;
                added = 0;
            }
        }
        if added > 0 {
            self.db.commit(batch)?;
        }
        Ok(())
    }

    /// Makes everything written survive a power cut.
    pub(super) fn sync(&self) -> fjall::Result<()> {
        self.db.sync()
    }

    /// Hands full memtables over to be flushed.
    pub(super) fn maintain(&self) -> fjall::Result<()> {
        self.db.rotate_full().map(|_| ())
    }

    pub(super) fn read(&self, read: &Read) -> Result<Found, ReadError> {
        match read {
            Read::Chat { chat_id, recent } => self
                .chat(*chat_id, *recent)
                .map(|chat| Found::Chat(chat.map(Box::new))),
            Read::MessagesBefore {
                chat_id,
                before,
                limit,
            } => {
                let older = self.events.messages_before(*chat_id, *before);
                self.as_they_stand(older, *limit).map(Found::Messages)
            }
            Read::MessagesAfter {
                chat_id,
                after,
                limit,
            } => {
                let newer = self.events.messages_after(*chat_id, *after);
                self.as_they_stand(newer, *limit).map(Found::Messages)
            }
            Read::EventsAfter {
                chat_id,
                after,
                limit,
            } => self
                .events_after(*chat_id, *after, *limit)
                .map(Found::Events),
            Read::Membership { chat_id, user_id } => self
                .members
                .membership(*chat_id, *user_id)
                .map(Found::Membership),
            Read::MembersAfter {
                chat_id,
                after,
                limit,
            } => {
                let members = self.members.after(*chat_id, *after, *limit);
                members.map(Found::Members)
            }
            Read::Purges {
                partition,
                after,
                limit,
            } => {
                let purges = self.deletions.purges(*partition, *after, *limit);
                purges.map(Found::Purges)
            }
            Read::Erasures { partition, limit } => {
                let users = self.deletions.erasures(*partition, *limit);
                users.map(Found::Erasures)
            }
            Read::Rewrites {
                partition,
                after,
                limit,
            } => {
                let senders = self.erased.rewrites(*partition, *after, *limit);
                senders.map(Found::Rewrites)
            }
            Read::Blocks { user_id, limit } => self.blocks.of(*user_id, *limit).map(Found::Blocks),
            Read::ChatsOfUser(user_id) => self.members.chats_of(*user_id).map(Found::Chats),
            Read::FormerChats {
                user_id,
                after,
                limit,
            } => {
                let chats = self.members.former_of(*user_id, *after, *limit);
                chats.map(Found::Chats)
            }
            Read::Mark { user_id, chat_id } => {
                self.marks.of_chat(*user_id, *chat_id).map(Found::Marks)
            }
            Read::MarksOfUser(user_id) => self.marks.of_user(*user_id).map(Found::Marks),
            Read::User(user_id) => self
                .users
                .get(*user_id)
                .map(|user| Found::Users(Vec::from_iter(user))),
            Read::Users(user_ids) => {
                let users = user_ids.iter().map(|user_id| self.users.get(*user_id));
                let users: Result<Vec<_>, _> = users.filter_map(Result::transpose).collect();
                users.map(Found::Users)
            }
            Read::UsersOfKey(key) => self.users.of_key(key).map(Found::Users),
            Read::UsersByPrefix {
                prefix,
                after,
                limit,
            } => self
                .users
                .by_prefix(prefix, after.as_deref(), *limit)
                .map(Found::Users),
            Read::EndedSessions => Ok(Found::EndedSessions(port::EndedSessions {
                all_until: self.meta.sessions_ended_until()?,
                sessions: self.ended_sessions.all()?,
            })),
            Read::SessionsOfUser { user_id, limit } => {
                self.own.sessions_of(*user_id, *limit).map(Found::Sessions)
            }
            Read::Profiles(user_ids) => self.own.profiles_of(user_ids).map(Found::Profiles),
            Read::UserSettings(user_id) => self.own.settings_of(*user_id).map(Found::UserSettings),
        }
    }

    /// The first messages among events, amended.
    fn as_they_stand(
        &self,
        events: impl Iterator<Item = Result<EventRow, ReadError>>,
        limit: usize,
    ) -> Result<Vec<Message>, ReadError> {
        let message = |row| Message::of(&row).map_err(|_| ReadError::Malformed("events"));
        let messages = events.filter_map(|row| row.and_then(message).transpose());
        let mut messages = messages.take(limit).collect::<Result<Vec<_>, _>>()?;
        if self.format.current() >= format::AMENDMENTS {
            self.amendments.lay_over(&mut messages)?;
        }
        Ok(messages)
    }

    fn events_after(
        &self,
        chat_id: ChatId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, ReadError> {
        let rows = self.events.after(chat_id, after).take(limit);
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let messages = self.as_they_stand(rows.iter().cloned().map(Ok), rows.len())?;
        Ok(StoredEvent::join(rows, messages))
    }

    fn chat(&self, chat_id: ChatId, recent: usize) -> Result<Option<StoredChat>, ReadError> {
        let Some(chat) = self.chats.get(chat_id)? else {
            return Ok(self.deletions.get(chat_id)?.map(StoredChat::from));
        };
        let newest = |kind| self.events.newest(chat_id, kind);
        let heads = [EventKind::Message, EventKind::Other].map(|kind| newest(kind).next());
        let heads = heads.into_iter().flatten().collect::<Result<Vec<_>, _>>()?;
        let head = heads.iter().map(|row| row.head).max_by_key(|head| head.seq);
        let recent = self.events.recent(chat_id, recent)?;
        let messages = self.as_they_stand(recent.iter().cloned().map(Ok), recent.len())?;
        let latest_message = self.as_they_stand(newest(EventKind::Message), 1)?;
        let head = head.unwrap_or_default();
        let roles = self.members.roles(chat_id, head.seq)?;
        let members = self.members.of_chat(chat_id, &roles)?;
        let blockers = match direct_pair(chat_id, &members) {
            Some(two) => self.blocks.between(two)?,
            None => Vec::new(),
        };
        Ok(Some(StoredChat {
            chat,
            members,
            last_role: roles.last(),
            settings: self.chats.settings_of(chat_id)?,
            head,
            recent,
            messages,
            latest_message: latest_message.into_iter().next(),
            blockers,
            erased: self.erased.of(chat_id)?,
            deleted: None,
        }))
    }

    /// Forgets sessions that have expired by themselves, and the ends of such, but for the latest expiry among them:
    /// the clock may be ahead.
    pub(super) fn remove_expired(&self, now: Timestamp) -> Result<(), ReadError> {
        let mut batch = self.batch(PersistMode::Buffer);
        let any_own = self.own.remove_expired(&mut batch, now)?;
        let latest = self.ended_sessions.remove_expired(&mut batch, now)?;
        if let Some(latest) = latest {
            let until = self.meta.sessions_ended_until()?.max(latest);
            self.meta.put_sessions_ended_until(&mut batch, until);
        }
        // On a full disk, a store that has nothing to forget opens nevertheless.
        match any_own || latest.is_some() {
            true => Ok(self.db.commit(batch)?),
            false => Ok(()),
        }
    }

    /// Notes that this is the store of its log. Until something is written that needs more, the oldest
    /// version may open it.
    pub(super) fn set_origin(&self) -> fjall::Result<()> {
        self.write_format(format::OLDEST)
    }

    pub(super) fn raise_format(&self, needed: u32) -> fjall::Result<()> {
        self.format.raise(needed, || self.write_format(needed))
    }

    fn write_format(&self, format: u32) -> fjall::Result<()> {
        let mut batch = self.batch(PersistMode::SyncData);
        self.meta.put_format(&mut batch, format);
        self.db.commit(batch)
    }
}

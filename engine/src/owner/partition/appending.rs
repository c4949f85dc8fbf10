//! What is appended to the log, and what came of it.

use rookery_schema::record::Record;
use rookery_schema::{ChatId, MessageId, Offset};

use crate::context::Context;
use crate::edge::port::AppendFault;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, Outcome};
use crate::owner::appends::{APPEND_DEADLINE_MICROS, Overdue, Pending};
use crate::owner::changes::ChangeKey;
use crate::owner::new_sessions::{log_in, log_in_unrecorded};
use crate::owner::partition::Partition;

/// Bytes of records on their way into the store from which on no small change is taken either.
const UNSTORED_BYTES_MAX: usize = 256 << 20;

impl Partition {
    /// Whether a new record may be appended.
    pub(super) fn admit(&self, cx: &Context<'_>) -> Result<(), Problem> {
        self.appends.admit(cx)?;
        if cx.is_over_lag_limit(self.lag_micros(cx.now.micros)) {
            return Err(Problem::LAGGING);
        }
        Ok(())
    }

    /// Whether a small change may be appended: it gives control back, and so is taken also while the store lags, as it
    /// does on a full disk.
    pub(super) fn admit_small(&self, cx: &Context<'_>) -> Result<(), Problem> {
        self.appends.admit_small(cx)?;
        if self.progress.unstored_bytes() >= UNSTORED_BYTES_MAX {
            return Err(Problem::UNSTORED_BYTES);
        }
        Ok(())
    }

    /// Appends a change that is answered when it was applied or, so that whoever was told of it finds it wherever they
    /// look, when it is in the store. False where it is refused.
    pub(super) fn append_change(
        &mut self,
        asker: Asker,
        key: ChangeKey,
        record: &Record<'_>,
        cx: &mut Context<'_>,
    ) -> bool {
        let is_small = key.is_small();
        let admitted = match is_small {
            true => self.admit_small(cx),
            false => self.admit(cx),
        };
        if let Err(problem) = admitted {
            self.forget_change(key, asker, cx);
            cx.refuse(asker, problem);
            return false;
        }
        if let ChangeKey::Chat(chat_id, _) = key {
            self.chats.begin_creation(chat_id);
        }
        self.append_admitted(asker, key, record, is_small, cx);
        true
    }

    /// Appends a change that has been admitted.
    pub(super) fn append_admitted(
        &mut self,
        asker: Asker,
        key: ChangeKey,
        record: &Record<'_>,
        is_small: bool,
        cx: &Context<'_>,
    ) {
        let pending = Pending::Change(key, asker);
        match is_small {
            true => self.appends.append_small(record, pending, cx.now.micros),
            false => self.appends.append(record, pending, cx.now.micros),
        }
        self.changes.wait(key, asker);
    }

    /// Hands over what this round gathered.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>) {
        self.appends.submit(self.id, cx);
    }

    /// An append was answered.
    pub(crate) fn appended(&mut self, outcome: Result<Offset, AppendFault>, cx: &mut Context<'_>) {
        let Some(in_flight) = self.appends.take_answered() else {
            return cx.bug("an append was answered that nobody asked for");
        };
        let mut follows = true;
        if let Ok(end) = outcome {
            let records = in_flight.pending.len() as u64;
            follows = self.delivery.confirm(end, records, cx.now.micros);
        }
        let took = cx.now.micros.saturating_sub(in_flight.submitted_micros);
        cx.stats.append.observe(took);
        for pending in in_flight.pending {
            match outcome {
                Ok(_) => self.durable(pending, follows, cx),
                Err(AppendFault::Unavailable) => {
                    self.not_appended(pending, Problem::LOG_UNAVAILABLE, cx);
                }
                Err(AppendFault::Unknown) => self.doubtful(pending, cx),
            }
        }
        self.flush(cx);
    }

    /// It is in the log. Unless it follows what is known of the log, an earlier owner's append has landed there, and
    /// which of two messages with one client id is the first shows when they are applied.
    fn durable(&mut self, pending: Pending, follows: bool, cx: &mut Context<'_>) {
        match pending {
            Pending::Message {
                asker,
                message_id,
                chat_id,
            } => {
                cx.stats.messages_posted += 1;
                cx.answer(asker, Outcome::posted(message_id, chat_id));
            }
            Pending::KeyedMessage { key, chat_id } => {
                cx.stats.messages_posted += 1;
                let (yields, askers) = self.dedup.confirm(key, follows, cx.now.micros);
                answer_posted(askers, yields, chat_id, cx);
            }
            Pending::Nobody => cx.stats.messages_posted += 1,
            Pending::SessionEnd(_, number) => self.session_end_recorded(number, cx),
            Pending::SessionStart(asker, ..) => log_in(asker, cx),
            Pending::Change(..) | Pending::Heir => {}
        }
    }

    /// It may be in the log or not: a retry with the same client id makes no second message.
    fn doubtful(&mut self, pending: Pending, cx: &mut Context<'_>) {
        let problem = Problem::OUTCOME_UNKNOWN;
        match pending {
            Pending::KeyedMessage { key, .. } => {
                for asker in self.dedup.doubt(key) {
                    cx.refuse(asker, problem);
                }
            }
            Pending::Change(key, _) => {
                if let ChangeKey::Invite(invite_id) = key {
                    self.doubt_invite(invite_id);
                }
                self.not_appended(pending, problem, cx);
            }
            Pending::Message { .. }
            | Pending::SessionEnd(..)
            | Pending::SessionStart(..)
            | Pending::Heir
            | Pending::Nobody => self.not_appended(pending, problem, cx),
        }
    }

    fn not_appended(&mut self, pending: Pending, problem: Problem, cx: &mut Context<'_>) {
        match pending {
            Pending::Message { asker, .. } => cx.refuse(asker, problem),
            Pending::SessionEnd(ended, number) => self.session_end_failed(ended, number, cx),
            Pending::SessionStart(asker, user_id, session_id) => {
                self.new_sessions.remove(user_id, session_id);
                log_in_unrecorded(asker, cx);
            }
            Pending::Heir | Pending::Nobody => {}
            Pending::KeyedMessage { key, .. } => {
                for asker in self.dedup.abandon(key) {
                    cx.refuse(asker, problem);
                }
            }
            Pending::Change(key, asker) => {
                if let Some(asker) = self.changes.take_one(key, asker) {
                    cx.refuse(asker, problem);
                }
                self.forget_change(key, asker, cx);
            }
        }
    }

    /// Undoes what was reserved for a change that did not come about.
    fn forget_change(&mut self, key: ChangeKey, asker: Asker, cx: &mut Context<'_>) {
        match key {
            ChangeKey::Chat(chat_id, _) => self.chats.abandon_creation(chat_id),
            ChangeKey::User(user_id) => self.names.release(user_id),
            ChangeKey::Invite(invite_id) => self.not_spent(invite_id),
            ChangeKey::Amended(chat_id, message_id) => {
                let key = (chat_id, message_id);
                if self.message_queues.failed(key, asker) {
                    self.amendment_is_over(key, cx);
                }
            }
            ChangeKey::Added(..)
            | ChangeKey::Removed(..)
            | ChangeKey::Role(..)
            | ChangeKey::Settings(..)
            | ChangeKey::Profile(..)
            | ChangeKey::Deleted(_)
            | ChangeKey::Blocked(..)
            | ChangeKey::Erased(..)
            | ChangeKey::Password(..)
            | ChangeKey::Account(_) => {}
            ChangeKey::UserSettings(user_id, _) => self.user_settings_done(user_id, cx),
        }
    }

    pub(super) fn answer_overdue(&mut self, cx: &mut Context<'_>) {
        let Overdue {
            senders: mut overdue,
            logins,
            changes,
        } = self.appends.take_overdue(&mut self.dedup, cx.now.micros);
        log_in_unrecorded(logins, cx);
        let began_before = cx.now.micros.saturating_sub(APPEND_DEADLINE_MICROS);
        overdue.extend(self.dedup.take_overdue(began_before, cx.now.micros));
        overdue.extend(self.progress.take_overdue(began_before));
        overdue.extend(self.endings.take_overdue(began_before));
        overdue.extend(changes.into_iter().flat_map(|key| self.changes.take(key)));
        for asker in overdue {
            cx.refuse(asker, Problem::OUTCOME_UNKNOWN);
        }
    }
}

/// Answers who posted with a client id: with the message that it yields, or that it was used for another one.
pub(super) fn answer_posted(
    askers: Vec<Asker>,
    yields: Option<MessageId>,
    chat_id: ChatId,
    cx: &mut Context<'_>,
) {
    for asker in askers {
        match yields {
            Some(message_id) => cx.answer(asker, Outcome::posted(message_id, chat_id)),
            None => cx.refuse(asker, Problem::IDEMPOTENCY_KEY_REUSED),
        }
    }
}

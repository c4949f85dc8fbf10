//! The end of login sessions: at once void on all shards, then recorded, then answered.

use rookery_schema::record::{Record, SessionEnded};
use rookery_schema::row::Row;
use rookery_schema::{SessionId, UserId};

use crate::context::Context;
use crate::limits::{Limit, Network};
use crate::mesh::{Asker, Ended, EndingId, ShardMessage};
use crate::owner::appends::Pending;
use crate::owner::endings::{Recording, Settled};
use crate::owner::partition::Partition;
use crate::security::{Act, SecurityEvent};

impl Partition {
    /// Ends a session, or more. It is void whatever becomes of its record: nobody who logs out stays logged in because a disk
    /// is full.
    pub(super) fn end_session(
        &mut self,
        askers: Vec<Asker>,
        ended: SessionEnded,
        cx: &mut Context<'_>,
    ) {
        let number = self.void_sessions(ended.into(), askers, Recording::UnderWay, cx);
        match self.admit_small(cx) {
            Ok(()) => self.append_session_end(ended, Some(number), cx),
            Err(_) => self.session_end_failed(ended, Some(number), cx),
        }
    }

    fn append_session_end(
        &mut self,
        ended: SessionEnded,
        number: Option<u64>,
        cx: &mut Context<'_>,
    ) {
        let pending = Pending::SessionEnd(ended, number);
        let record = Record::SessionEnded(ended);
        self.appends.append_small(&record, pending, cx.now.micros);
    }

    /// Has all shards take sessions for void; gives the number by which they say that they do.
    pub(super) fn void_sessions(
        &mut self,
        ended: Ended,
        askers: Vec<Asker>,
        recording: Recording,
        cx: &mut Context<'_>,
    ) -> u64 {
        let shards = cx.routing.shards();
        let number = self.endings.begin(askers, shards, recording, cx.now.micros);
        let tell = Some(EndingId {
            shard: cx.id(),
            partition: self.id,
            number,
        });
        cx.send_to_all(|| ShardMessage::SessionsEnded { ended, tell });
        number
    }

    /// Sessions are void on one more shard.
    pub(crate) fn sessions_void(&mut self, number: u64, cx: &mut Context<'_>) {
        match self.endings.void(number) {
            Some(settled) => answer(settled, cx),
            None => self.stale_or_bug(number, "sessions are void that nobody ended", cx),
        }
    }

    /// The end of a session is in the log; that of a deleted user's sessions, in the store.
    pub(super) fn session_end_recorded(&mut self, number: Option<u64>, cx: &mut Context<'_>) {
        let settled = number.and_then(|number| self.endings.recorded(number));
        answer(settled, cx);
    }

    /// The end of a session may not be in the log.
    pub(super) fn session_end_failed(
        &mut self,
        ended: SessionEnded,
        number: Option<u64>,
        cx: &mut Context<'_>,
    ) {
        let settled = self.endings.not_recorded(ended, number);
        answer(settled, cx);
    }

    /// Appends what the log did not take earlier.
    pub(super) fn record_session_ends(&mut self, cx: &mut Context<'_>) {
        if self.admit_small(cx).is_err() {
            return;
        }
        for ended in self.endings.take_unrecorded(cx.now.micros) {
            self.append_session_end(ended, None, cx);
        }
    }

    /// Applies the end of a session, or of more.
    pub(super) fn apply_session_end(
        &mut self,
        ended: SessionEnded,
        rows: &mut Vec<Row>,
        cx: &mut Context<'_>,
    ) {
        rows.push(Row::EndedSession {
            session_id: ended.session_id,
            expires_at: ended.expires_at,
        });
        rows.extend(unlisted(ended));
        let void = Ended::from(ended);
        cx.send_to_all(|| ShardMessage::SessionsEnded {
            ended: void,
            tell: None,
        });
        self.invite_spent(ended.session_id, cx);
    }
}

/// A user has ended so many logins that all earlier ones end with the next.
pub(super) fn tell_of_many_logouts(user_id: UserId, network: Network, cx: &mut Context<'_>) {
    let limit = Limit::LogoutsPerUser;
    cx.stats.count_limit(limit);
    cx.note_security(SecurityEvent {
        act: Act::LogOut,
        outcome: limit.name(),
        user_id: Some(user_id),
        network,
    });
}

fn answer(settled: Option<Settled>, cx: &mut Context<'_>) {
    let Some(Settled { askers, outcome }) = settled else {
        return;
    };
    for asker in askers {
        cx.answer(asker, outcome());
    }
}

/// What leaves the list of a user whose session has ended, or several; nothing where it is an invite that is spent, which is
/// owned as if it were a user.
fn unlisted(ended: SessionEnded) -> Option<Row> {
    let SessionEnded {
        session_id,
        user_id,
        expires_at,
    } = ended;
    if ended.ends_earlier() {
        let until = expires_at;
        return Some(Row::NoSessions { user_id, until });
    }
    (session_id != SessionId::all_of(user_id)).then_some(Row::NoSession {
        user_id,
        session_id,
        expires_at,
    })
}

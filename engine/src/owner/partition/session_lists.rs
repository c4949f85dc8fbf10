//! The sessions that users have: each login is recorded, and the newest of a user are listed.

use rookery_schema::limits::SESSIONS_LISTED_MAX;
use rookery_schema::record::{Record, SessionStarted};
use rookery_schema::row::{Row, SessionRow};
use rookery_schema::{Timestamp, UserId};

use crate::context::Context;
use crate::edge::port::{Found, Read, StoreFault};
use crate::ids::Session;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, Command, NewSession, Outcome, UserCommand};
use crate::owner::appends::Pending;
use crate::owner::new_sessions::log_in_unrecorded;
use crate::owner::partition::Partition;
use crate::owner::partition::reads::{ForSessions, PartitionRead};
use crate::owner::progress::SpanId;

impl Partition {
    /// Records a login, which is answered when that is in the log. It is recorded also while the store lags, but not on a
    /// full disk, where room is kept for logouts. Whom the log does not take is logged in all the same, and not listed.
    pub(super) fn start_session(
        &mut self,
        asker: Asker,
        user_id: UserId,
        new: NewSession,
        cx: &mut Context<'_>,
    ) {
        if cx.disk_full || self.admit_small(cx).is_err() {
            return log_in_unrecorded([asker], cx);
        }
        let Session {
            session_id,
            expires_at,
            ..
        } = new.session;
        let started = SessionStarted {
            user_id,
            session_id,
            at: cx.stamp(),
            expires_at,
            address: new.network.address(),
            name: &new.name,
        };
        let pending = Pending::SessionStart(Some(asker), user_id, session_id);
        let record = Record::SessionStarted(started);
        self.appends.append(&record, pending, cx.now.micros);
        self.new_sessions.add(row_of(&started));
    }

    /// Applies a login. Where its user has many, the oldest leave their list: so the store has no more of them than that.
    pub(super) fn apply_session_start(
        &mut self,
        started: &SessionStarted<'_>,
        span: SpanId,
        rows: &mut Vec<Row>,
        cx: &mut Context<'_>,
    ) {
        let row = row_of(started);
        let (user_id, session_id) = (row.user_id, row.session_id);
        self.new_sessions.add(row.clone());
        rows.push(Row::Session(row));
        if let Some(on_stored) = self.progress.on_stored(span, cx) {
            on_stored.sessions.push((user_id, session_id));
        }
        if self.caught_up {
            self.progress.hold(span, cx);
            let what = PartitionRead::Surplus(user_id, span);
            self.read(what, all_of(user_id), cx);
        }
    }

    /// The sessions were read of a user who has logged in once more.
    pub(super) fn surplus_read(
        &mut self,
        user_id: UserId,
        span: SpanId,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        let listed = cx.found(outcome, Found::sessions).unwrap_or_default();
        let until = surplus_until(&listed, cx.now.latest_wall);
        let rows = until.map(|until| Row::NoSessions { user_id, until });
        self.write_and_release(span, rows.into_iter().collect(), cx);
    }

    /// Reads a user's sessions, for whoever asks.
    pub(super) fn read_sessions(
        &mut self,
        asker: Asker,
        user_id: UserId,
        what: ForSessions,
        cx: &mut Context<'_>,
    ) {
        let what = PartitionRead::Sessions(asker, user_id, what);
        self.read(what, all_of(user_id), cx);
    }

    pub(super) fn sessions_read(
        &mut self,
        asker: Asker,
        user_id: UserId,
        what: ForSessions,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        let Some(stored) = cx.found(outcome, Found::sessions) else {
            return cx.refuse(asker, Problem::STORE_UNAVAILABLE);
        };
        let listed = self.new_sessions.list(user_id, stored, SESSIONS_LISTED_MAX);
        match what {
            ForSessions::List => cx.answer(asker, Outcome::Sessions(listed)),
            ForSessions::End {
                session_id,
                network,
            } => match listed.iter().find(|row| row.session_id == session_id) {
                None => cx.refuse(asker, Problem::NO_SUCH_SESSION),
                Some(row) => {
                    let session = Session::new(session_id, row.expires_at);
                    let command = UserCommand::EndFound { session, network };
                    cx.ask(asker, Command::User(user_id, command));
                }
            },
        }
    }
}

fn row_of(started: &SessionStarted<'_>) -> SessionRow {
    SessionRow {
        user_id: started.user_id,
        session_id: started.session_id,
        created_at: started.at,
        expires_at: started.expires_at,
        address: started.address,
        name: started.name.to_owned(),
    }
}

/// As many as are listed: with one that comes, those are one too many.
const fn all_of(user_id: UserId) -> Read {
    let limit = SESSIONS_LISTED_MAX;
    Read::SessionsOfUser { user_id, limit }
}

/// Until when the sessions expire that leave a list, of which one is about to be in it, or is: those that there is no room
/// for, and those that have expired. Those first that expire last.
fn surplus_until(listed: &[SessionRow], now: Timestamp) -> Option<Timestamp> {
    // Several may expire together with the last for which there is room.
    let last = listed
        .get(SESSIONS_LISTED_MAX - 1)
        .map(|_| &listed[SESSIONS_LISTED_MAX - 2]);
    let below = last.and_then(|row| row.expires_at.millis().checked_sub(1));
    let expired = listed
        .iter()
        .map(|row| row.expires_at)
        .find(|it| *it <= now);
    below.map(Timestamp::from_millis).max(expired)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rookery_schema::SessionId;

    fn listed(expiries: impl IntoIterator<Item = u64>) -> Vec<SessionRow> {
        let row = |millis| SessionRow {
            user_id: UserId::from_bytes([1; 16]),
            session_id: SessionId::from_bytes([1; 16]),
            created_at: Timestamp::default(),
            expires_at: Timestamp::from_millis(millis),
            address: [192, 0, 2, 1].into(),
            name: "client".to_owned(),
        };
        expiries.into_iter().map(row).collect()
    }

    #[test]
    fn what_has_expired_and_what_is_too_much_leaves_a_list() {
        let many = SESSIONS_LISTED_MAX as u64;
        let at = Timestamp::from_millis;
        let until = |expiries: Vec<u64>, now| surplus_until(&listed(expiries), at(now));
        assert_eq!(until(vec![], 5), None);
        assert_eq!(until(vec![9, 8, 6], 5), None);
        assert_eq!(until(vec![9, 8, 5, 3], 5), Some(at(5)));
        let full: Vec<u64> = (1000..1000 + many).rev().collect();
        assert_eq!(until(full[1..].to_vec(), 5), None, "there is room for one");
        assert_eq!(until(full.clone(), 5), Some(at(1000)), "the oldest leaves");
        assert_eq!(until(full, 1003), Some(at(1003)));
        assert_eq!(
            until(vec![7; many as usize], 5),
            Some(at(6)),
            "none of equals"
        );
    }
}

//! Accounts that are deleted, by their users or by operators.

use bytes::Bytes;
use rookery_schema::record::{Record, UserDeleted};
use rookery_schema::row::{ErasureRow, Row};
use rookery_schema::{SessionId, Timestamp};

use crate::auth::ended_users::ENDED_MILLIS;
use crate::context::Context;
use crate::mesh::{Asker, Ended, EndedBy, UserVersion};
use crate::owner::changes::ChangeKey;
use crate::owner::endings::Recording;
use crate::owner::partition::Partition;
use crate::owner::progress::SpanId;

impl Partition {
    /// Deletes the account of the user of a name.
    pub(super) fn append_user_deletion(
        &mut self,
        asker: Asker,
        name: &str,
        user: UserVersion,
        cx: &mut Context<'_>,
    ) {
        let from = user.password_from.max(self.names.password_from(name));
        let at = cx.now.latest_wall.max(from);
        let deleted = UserDeleted {
            user_id: user.user_id,
            at,
            sessions_until: Timestamp::from_millis(at.millis() + ENDED_MILLIS),
            name,
        };
        let key = ChangeKey::Account(user.user_id);
        self.append_change(asker, key, &Record::UserDeleted(deleted), cx);
    }

    /// Applies the deletion of an account, once its user is known.
    pub(super) fn apply_user_deletion(
        &mut self,
        deleted: &UserDeleted<'_>,
        span: SpanId,
        bytes: &Bytes,
        rows: &mut Vec<Row>,
        cx: &mut Context<'_>,
    ) {
        if self.names.is_known(deleted.name) {
            return self.apply_known_user_deletion(deleted, span, rows, cx);
        }
        self.park_record(deleted.name, span, bytes, cx);
    }

    pub(super) fn apply_known_user_deletion(
        &mut self,
        deleted: &UserDeleted<'_>,
        span: SpanId,
        rows: &mut Vec<Row>,
        cx: &mut Context<'_>,
    ) {
        let (user_id, until) = (deleted.user_id, deleted.sessions_until);
        let askers = self.changes.take(ChangeKey::Account(user_id));
        if let Err(problem) = self.names.delete(deleted, rows) {
            for asker in askers {
                cx.refuse(asker, problem);
            }
            return;
        }
        rows.push(Row::EndedSession {
            session_id: SessionId::all_of(user_id),
            expires_at: until,
        });
        rows.push(Row::NoSessions { user_id, until });
        rows.push(Row::OwnGone { user_id });
        rows.push(Row::Erasure(ErasureRow {
            partition: self.id,
            user_id,
            deleted_at: deleted.at,
            is_done: false,
        }));
        self.end_logins(deleted.name);
        let ended = Ended::AllOf {
            user_id,
            until,
            by: EndedBy::Password,
            kept: None,
        };
        // Whoever is told that the user is gone finds them nowhere: some things are read from the store.
        let ending = self.void_sessions(ended, askers, Recording::UnderWay, cx);
        if let Some(on_stored) = self.progress.on_stored(span, cx) {
            on_stored.names.push((deleted.name.into(), deleted.at));
            on_stored.endings.push(ending);
            on_stored.any_erased = true;
        }
    }
}

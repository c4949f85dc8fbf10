//! Invites are spent, and whoever spends one is registered then.

use rookery_schema::record::{Record, SessionEnded};
use rookery_schema::{SessionId, UserId};

use crate::context::Context;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, Command, Invited, NameCommand};
use crate::owner::changes::ChangeKey;
use crate::owner::partition::Partition;
use crate::owner::partition::waits::Registering;

impl Partition {
    /// Spends an invite, once. Whoever was told that the outcome is unknown may try again: what they register then is what
    /// counts, whichever of the tries is in the log.
    pub(super) fn spend_invite(
        &mut self,
        asker: Asker,
        user_id: UserId,
        invited: Box<Invited>,
        cx: &mut Context<'_>,
    ) {
        let invite = invited.invite;
        let earlier = self.invited.get(&invite.invite_id);
        if earlier.is_some_and(|it| it.is_in_flight) {
            return cx.refuse(asker, Problem::INVITE_INVALID);
        }
        let is_doubtful = earlier.is_some();
        let record = Record::SessionEnded(SessionEnded {
            session_id: invite.invite_id,
            user_id,
            expires_at: invite.expires_at,
        });
        if self.append_change(asker, ChangeKey::Invite(invite.invite_id), &record, cx) {
            let registering = Registering {
                asker,
                invited,
                is_in_flight: true,
                is_doubtful,
            };
            self.invited.insert(invite.invite_id, registering);
        }
    }

    /// It is not known of an append that spends an invite whether it is in the log.
    pub(super) fn doubt_invite(&mut self, invite_id: SessionId) {
        if let Some(registering) = self.invited.get_mut(&invite_id) {
            registering.is_doubtful = true;
        }
    }

    /// The newest append that was to spend an invite is not in the log, as far as it is known. An earlier one may be.
    pub(super) fn not_spent(&mut self, invite_id: SessionId) {
        if let Some(registering) = self.invited.get_mut(&invite_id) {
            registering.is_in_flight = false;
            if !registering.is_doubtful {
                self.invited.remove(&invite_id);
            }
        }
    }

    /// An invite is spent: registers whoever had it. From here on they may lose the name to somebody else, and are refused
    /// for nothing else that can be waited for; nor does it matter whether they are still connected.
    pub(super) fn invite_spent(&mut self, invite_id: SessionId, cx: &mut Context<'_>) {
        let Some(Registering { asker, invited, .. }) = self.invited.remove(&invite_id) else {
            return;
        };
        self.changes.take(ChangeKey::Invite(invite_id));
        let Invited {
            name,
            password_hash,
            ..
        } = *invited;
        let command = NameCommand::RegisterInvited {
            username: name.username,
            password_hash,
        };
        cx.ask(asker, Command::Name(name.key, command));
    }

    /// Forgets invites of which it is not known whether they are spent, and that nobody can use any more.
    pub(super) fn forget_expired_invites(&mut self, cx: &Context<'_>) {
        let now = cx.now.latest_wall;
        self.invited
            .retain(|_, it| it.is_in_flight || it.invited.invite.expires_at > now);
    }
}

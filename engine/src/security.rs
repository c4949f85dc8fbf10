//! What whoever guards the server should know of, and how much of it is told: a flood of failures must not fill a disk.

use rookery_schema::UserId;

use crate::limits::{Buckets, Network, Rate};
use crate::map::Map;

/// Lines about acts of one kind that a shard may write at once.
const LINES_BURST: u64 = 30;
/// Lines about acts of one kind that a shard may write in a second, in the long run.
const LINES_PER_SECOND: u64 = 1;

/// What was tried, by whom and from where, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecurityEvent {
    pub act: Act,
    /// What came of it, in a word: `asked` of what is not answered yet, `done`, `unknown` of what may have been done,
    /// `unanswered` where nobody was left to be told, the limit that was met, or else the code of the refusal.
    pub outcome: &'static str,
    /// The user concerned, where they are known.
    pub user_id: Option<UserId>,
    pub network: Network,
}

/// What came of acts that were not refused. See [`SecurityEvent::outcome`].
pub(crate) const ASKED: &str = "asked";
pub(crate) const DONE: &str = "done";
pub(crate) const UNKNOWN: &str = "unknown";
pub(crate) const UNANSWERED: &str = "unanswered";

/// What can be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    LogIn,
    Register,
    /// A user ends a login of theirs.
    LogOut,
    /// A page of another origin acts for its visitor.
    ForeignOrigin,
    /// A request is for a host that is not this server's.
    ForeignHost,
    /// Somebody without an operator's token makes an operator's call.
    OperatorAttempt,
    /// An operator makes an invite.
    MakeInvite,
    /// An operator creates a user.
    CreateUser,
    /// An operator sets a user's password.
    SetPassword,
    /// An operator deletes a user's account.
    DeleteUser,
    /// A user changes their password.
    ChangePassword,
    /// A user deletes their own account.
    DeleteAccount,
    /// A user ends a session of theirs.
    EndSession,
    /// A user ends all their sessions.
    LogOutEverywhere,
    /// A user calls themselves something else.
    ChangeProfile,
}

impl Act {
    /// How many kinds anybody can try.
    const OPEN_COUNT: usize = 11;

    /// Whether it takes an operator's token.
    pub(crate) const fn is_by_operator(self) -> bool {
        match self {
            Self::MakeInvite | Self::CreateUser | Self::SetPassword | Self::DeleteUser => true,
            Self::LogIn
            | Self::Register
            | Self::LogOut
            | Self::ForeignOrigin
            | Self::ForeignHost
            | Self::OperatorAttempt
            | Self::ChangePassword
            | Self::DeleteAccount
            | Self::EndSession
            | Self::LogOutEverywhere
            | Self::ChangeProfile => false,
        }
    }

    /// As log and metrics call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LogIn => "login",
            Self::Register => "registration",
            Self::LogOut => "logout",
            Self::ForeignOrigin => "foreign_origin",
            Self::ForeignHost => "foreign_host",
            Self::OperatorAttempt => "operator_attempt",
            Self::MakeInvite => "operator_made_invite",
            Self::CreateUser => "operator_created_user",
            Self::SetPassword => "operator_set_password",
            Self::DeleteUser => "operator_deleted_user",
            Self::ChangePassword => "password_change",
            Self::DeleteAccount => "account_deletion",
            Self::EndSession => "session_end",
            Self::LogOutEverywhere => "logout_everywhere",
            Self::ChangeProfile => "display_name_change",
        }
    }
}

/// Decides which events are told: all that operators do, who are trusted with the log too; and of all else so many
/// lines for each kind of act, so that a flood of one hides no other.
#[derive(Debug)]
pub(crate) struct SecurityLog {
    lines: Buckets<Act>,
    /// How many events were left out since the last that was told of it.
    left_out: Map<Act, u64>,
}

impl Default for SecurityLog {
    fn default() -> Self {
        Self {
            lines: Buckets::new(Act::OPEN_COUNT),
            left_out: Map::default(),
        }
    }
}

impl SecurityLog {
    /// Whether an event is told. If not, it is counted.
    pub(crate) fn admits(&mut self, act: Act, now_micros: u64) -> bool {
        let admitted = act.is_by_operator() || self.spend(act, now_micros);
        if !admitted {
            *self.left_out.entry(act).or_default() += 1;
        }
        admitted
    }

    /// Takes how many events of a kind were left out, where there is a line to say so.
    pub(crate) fn take_left_out(&mut self, now_micros: u64) -> Option<(Act, u64)> {
        let act = self.left_out.keys().copied().next()?;
        if !self.spend(act, now_micros) {
            return None;
        }
        self.left_out.remove_entry(&act)
    }

    fn spend(&mut self, act: Act, now_micros: u64) -> bool {
        let rate = Rate::new(LINES_PER_SECOND, 1, LINES_BURST);
        self.lines.spend(act, 1, rate, now_micros).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_in_part_and_hides_nothing_else() {
        let mut log = SecurityLog::default();
        let told = (0..1000).filter(|_| log.admits(Act::LogIn, 0)).count();
        assert_eq!(told as u64, LINES_BURST);
        assert!(log.admits(Act::Register, 0));
        assert_eq!(log.take_left_out(0), None);
        let left_out = Some((Act::LogIn, 1000 - LINES_BURST));
        assert_eq!(log.take_left_out(1_000_000), left_out);
        assert_eq!(log.take_left_out(60_000_000), None);
        assert!(log.admits(Act::LogIn, 60_000_000));
    }

    #[test]
    fn all_that_operators_do_is_told() {
        let mut log = SecurityLog::default();
        let attempts = (0..1000).filter(|_| log.admits(Act::OperatorAttempt, 0));
        assert_eq!(attempts.count() as u64, LINES_BURST);
        assert!((0..1000).all(|_| log.admits(Act::DeleteUser, 0)));
    }
}

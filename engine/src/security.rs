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
    /// `done`, or the limit that was met, or else the code of the refusal.
    pub outcome: &'static str,
    /// The user concerned, where they are known.
    pub user_id: Option<UserId>,
    pub network: Network,
}

/// The outcome of an act that was not refused.
pub(crate) const DONE: &str = "done";

/// What can be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    LogIn,
    Register,
    /// A page of another origin acts for its visitor.
    ForeignOrigin,
    /// An operator makes an invite.
    MakeInvite,
    /// An operator creates a user.
    CreateUser,
    /// An operator sets a user's password.
    SetPassword,
    /// An operator deletes a user's account.
    DeleteUser,
}

impl Act {
    /// How many kinds there are.
    const COUNT: usize = 7;

    /// As log and metrics call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LogIn => "login",
            Self::Register => "registration",
            Self::ForeignOrigin => "foreign_origin",
            Self::MakeInvite => "operator_made_invite",
            Self::CreateUser => "operator_created_user",
            Self::SetPassword => "operator_set_password",
            Self::DeleteUser => "operator_deleted_user",
        }
    }
}

/// Decides which events are told. Each kind of act has lines of its own, so that failed logins can't hide what an
/// operator did.
#[derive(Debug)]
pub(crate) struct SecurityLog {
    lines: Buckets<Act>,
    /// How many events were left out since the last that was told of it.
    left_out: Map<Act, u64>,
}

impl Default for SecurityLog {
    fn default() -> Self {
        Self {
            lines: Buckets::new(Act::COUNT),
            left_out: Map::default(),
        }
    }
}

impl SecurityLog {
    /// Whether an event is told. If not, it is counted.
    pub(crate) fn admits(&mut self, act: Act, now_micros: u64) -> bool {
        let admitted = self.spend(act, now_micros);
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
        assert!(log.admits(Act::CreateUser, 0));
        assert_eq!(log.take_left_out(0), None);
        let left_out = Some((Act::LogIn, 1000 - LINES_BURST));
        assert_eq!(log.take_left_out(1_000_000), left_out);
        assert_eq!(log.take_left_out(60_000_000), None);
        assert!(log.admits(Act::LogIn, 60_000_000));
    }
}

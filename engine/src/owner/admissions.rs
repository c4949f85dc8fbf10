//! Commands that wait for users to be admitted as members.

use rookery_schema::{ChatId, UserId};

use crate::context::Context;
use crate::map::Unanswered;
use crate::mesh::admission::CANDIDATES_MAX;
use crate::mesh::command::READ_SECONDS_MAX;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, ChatCommand, NotAdmitted};

/// Users of a partition about whom homes are asked, or will be: as many as 160 bodies name, and 8 MiB of ids.
const WAITING_MAX: usize = 1 << 18;

/// See the module.
#[derive(Debug)]
pub(crate) struct Admissions {
    admissions: Unanswered<Admission>,
    /// Users of all of them.
    users: usize,
}

/// A command that adds members, once they are admitted.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) asker: Asker,
    pub(crate) chat_id: ChatId,
    pub(crate) command: ChatCommand,
    pub(crate) candidates: Vec<UserId>,
    /// Homes were asked about so many of them.
    asked: usize,
    /// Homes that have not answered.
    unanswered: usize,
    refusal: Option<NotAdmitted>,
    /// When its asker has given up, in microseconds.
    due_micros: u64,
}

/// What becomes of an admission.
#[derive(Debug)]
pub(crate) enum Step {
    /// Homes are asked about these.
    Ask(ChatId, Vec<UserId>),
    Admitted(Admission),
    Refused(Admission, NotAdmitted),
}

impl Admissions {
    /// Numbers begin above `last`.
    pub(crate) fn above(last: u64) -> Self {
        Self {
            admissions: Unanswered::above(last),
            users: 0,
        }
    }

    /// Begins to ask about users.
    ///
    /// # Errors
    /// Too many are being asked about.
    pub(crate) fn begin(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        command: ChatCommand,
        cx: &Context<'_>,
    ) -> Result<u64, Problem> {
        let candidates = command.candidates();
        if self.users + candidates.len() > WAITING_MAX {
            return Err(Problem::ADMISSIONS_BUSY);
        }
        self.users += candidates.len();
        Ok(self.admissions.add(Admission {
            asker,
            chat_id,
            command,
            candidates,
            asked: 0,
            unanswered: 0,
            refusal: None,
            due_micros: cx.micros_in(READ_SECONDS_MAX),
        }))
    }

    /// So many homes were asked about the users of the last step.
    pub(crate) fn asked(&mut self, number: u64, homes: usize) {
        if let Some(admission) = self.admissions.get_mut(number) {
            admission.unanswered = homes;
        }
    }

    /// A home has answered.
    pub(crate) fn answered(
        &mut self,
        number: u64,
        outcome: Result<(), NotAdmitted>,
        cx: &mut Context<'_>,
    ) {
        // It may have been given up.
        let Some(admission) = self.admissions.get_mut(number) else {
            return;
        };
        match admission.unanswered.checked_sub(1) {
            Some(unanswered) => admission.unanswered = unanswered,
            None => cx.bug("a home answered that was not asked about users"),
        }
        admission.refusal = admission.refusal.take().or(outcome.err());
    }

    /// Goes on with an admission for which no answer is missing.
    pub(crate) fn next(&mut self, number: u64) -> Option<Step> {
        let admission = self.admissions.get_mut(number)?;
        if admission.unanswered > 0 {
            return None;
        }
        let rest = &admission.candidates[admission.asked..];
        if admission.refusal.is_none() && !rest.is_empty() {
            let group = rest[..rest.len().min(CANDIDATES_MAX)].to_vec();
            admission.asked += group.len();
            return Some(Step::Ask(admission.chat_id, group));
        }
        let mut admission = self.admissions.take(number)?;
        self.users -= admission.candidates.len();
        Some(match admission.refusal.take() {
            Some(refusal) => Step::Refused(admission, refusal),
            None => Step::Admitted(admission),
        })
    }

    /// Takes those whose askers have given up.
    pub(crate) fn take_overdue(&mut self, now_micros: u64) -> Vec<Admission> {
        let overdue = self.admissions.take_if(|it| it.due_micros <= now_micros);
        self.users -= overdue.iter().map(|it| it.candidates.len()).sum::<usize>();
        overdue
    }
}

impl Admission {
    /// The users about whom homes were asked.
    pub(crate) fn asked(&self) -> &[UserId] {
        &self.candidates[..self.asked]
    }
}

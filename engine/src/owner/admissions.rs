//! Commands that wait for users to be admitted as members.

use std::collections::BTreeSet;

use rookery_schema::{ChatId, PartitionId, UserId};

use crate::context::Context;
use crate::limits::Network;
use crate::map::{Map, Unanswered};
use crate::mesh::admission::CANDIDATES_MAX;
use crate::mesh::command::chat::NewMembers;
use crate::mesh::command::deadlines::READ_SECONDS_MAX;
use crate::mesh::{AdmissionId, Asker, ChatCommand, NotAdmitted};

/// Users of a partition about whom homes are asked, or will be: as many as 160 bodies name, and 8 MiB of ids.
const WAITING_MAX: usize = 1 << 18;

/// See the module.
#[derive(Debug)]
pub(crate) struct Admissions {
    /// Whose they are.
    partition: PartitionId,
    admissions: Unanswered<Admission>,
    /// Users of all of them.
    users: usize,
    /// Of each network that asks for some.
    shares: Map<Network, Share>,
    /// How many users each of them asks for, fewest first: so that none has to be looked for among all.
    by_users: BTreeSet<(usize, Network)>,
}

/// What a network asks for.
#[derive(Debug, Default)]
struct Share {
    users: usize,
    /// The numbers of its admissions.
    admissions: BTreeSet<u64>,
}

/// A command that adds members, once they are admitted.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) id: AdmissionId,
    pub(crate) asker: Asker,
    pub(crate) chat_id: ChatId,
    pub(crate) command: ChatCommand,
    network: Network,
    candidates: Vec<UserId>,
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
    /// Homes are asked about a group of users.
    Ask {
        id: AdmissionId,
        chat_id: ChatId,
        network: Network,
        spared: Option<UserId>,
        group: Vec<UserId>,
    },
    Admitted(Admission),
    Refused(Admission, NotAdmitted),
}

impl Admissions {
    /// Those of a partition, whose numbers begin above `last`.
    pub(crate) fn above(partition: PartitionId, last: u64) -> Self {
        Self {
            partition,
            admissions: Unanswered::above(last),
            users: 0,
            shares: Map::default(),
            by_users: BTreeSet::new(),
        }
    }

    /// Begins to ask about users: the number of the admission.
    pub(crate) fn begin(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        command: ChatCommand,
        new: NewMembers,
        cx: &Context<'_>,
    ) -> u64 {
        let NewMembers { network, user_ids } = new;
        let count = user_ids.len();
        let (shard, partition) = (cx.id(), self.partition);
        let number = self.admissions.add_with(|number| Admission {
            id: AdmissionId {
                shard,
                partition,
                number,
            },
            asker,
            chat_id,
            command,
            network,
            candidates: user_ids,
            asked: 0,
            unanswered: 0,
            refusal: None,
            due_micros: cx.micros_in(READ_SECONDS_MAX),
        });
        self.users += count;
        let share = self.shares.entry(network).or_default();
        self.by_users.remove(&(share.users, network));
        share.users += count;
        self.by_users.insert((share.users, network));
        share.admissions.insert(number);
        number
    }

    /// Where too many users are asked about, takes the newest admission of the network that adds most of them.
    pub(crate) fn displace(&mut self) -> Option<Admission> {
        if self.users <= WAITING_MAX {
            return None;
        }
        let (_, network) = self.by_users.last()?;
        let newest = *self.shares.get(network)?.admissions.last()?;
        self.take(newest)
    }

    fn take(&mut self, number: u64) -> Option<Admission> {
        let admission = self.admissions.take(number)?;
        let count = admission.candidates.len();
        self.users -= count;
        let network = admission.network;
        if let Some(share) = self.shares.get_mut(&network) {
            self.by_users.remove(&(share.users, network));
            share.users -= count;
            share.admissions.remove(&number);
            if share.admissions.is_empty() {
                self.shares.remove(&network);
            } else {
                self.by_users.insert((share.users, network));
            }
        }
        Some(admission)
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
            return Some(Step::Ask {
                id: admission.id,
                chat_id: admission.chat_id,
                network: admission.network,
                spared: admission.command.spared(),
                group,
            });
        }
        let mut admission = self.take(number)?;
        Some(match admission.refusal.take() {
            Some(refusal) => Step::Refused(admission, refusal),
            None => Step::Admitted(admission),
        })
    }

    /// Takes those whose askers have given up.
    pub(crate) fn take_overdue(&mut self, now_micros: u64) -> Vec<Admission> {
        let all = self.admissions.iter();
        let overdue = all.filter(|(_, it)| it.due_micros <= now_micros);
        let overdue: Vec<u64> = overdue.map(|(number, _)| number).collect();
        let taken = overdue.into_iter().map(|number| self.take(number));
        taken.flatten().collect()
    }
}

impl Admission {
    /// The users about whom homes were asked.
    pub(crate) fn asked(&self) -> &[UserId] {
        &self.candidates[..self.asked]
    }
}

//! The end of a partition's time on this shard.

use crate::context::Context;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, Outcome, ShardMessage, SubscriptionAnswer};
use crate::owner::appends::Pending;
use crate::owner::chats::Parked;
use crate::owner::names::{By, LogIn, NameWaiter, Registration};
use crate::owner::partition::Partition;
use crate::owner::partition::admissions::tell_not_joining;
use crate::owner::partition::reads::PartitionRead;
use crate::owner::partition::waits::{LoggingIn, PasswordWait};

impl Partition {
    /// The partition is not here any more. Whoever waits is answered: as of unknown outcome, where something may
    /// have been appended.
    pub(crate) fn close(mut self, cx: &mut Context<'_>) {
        self.write_all_marks(cx);
        let senders = self.appends.drain().filter_map(|pending| match pending {
            Pending::Message { asker, .. } => Some(asker),
            Pending::SessionStart(asker, ..) => asker,
            // They are in the dedup window, or among the changes or the endings.
            Pending::KeyedMessage { .. }
            | Pending::Change(..)
            | Pending::SessionEnd(..)
            | Pending::Heir
            | Pending::Nobody => None,
        });
        let unknown: Vec<Asker> = senders
            .chain(self.dedup.drain_askers())
            .chain(self.changes.drain())
            .chain(self.endings.take_overdue(u64::MAX))
            .chain(self.progress.take_overdue(u64::MAX))
            .collect();
        for asker in unknown {
            cx.refuse(asker, Problem::OUTCOME_UNKNOWN);
        }
        for asker in self.take_undone(cx) {
            cx.answer(asker, Outcome::Elsewhere);
        }
    }

    /// Takes those whose requests did nothing so far.
    fn take_undone(&mut self, cx: &mut Context<'_>) -> Vec<Asker> {
        let mut undone: Vec<Asker> = self.delivery.drain().collect();
        undone.extend(
            self.pages
                .drain()
                .flat_map(|(_, waits)| waits)
                .map(|it| it.0),
        );
        undone.extend(self.events.drain().flat_map(|(_, waits)| waits));
        for (_, parked) in self.chats.drain_parked() {
            match parked {
                Parked::Command { asker, .. } => undone.push(asker),
                Parked::Admitted(admission) => {
                    tell_not_joining(&admission, cx);
                    undone.push(admission.asker);
                }
                Parked::Subscribe(wanted) => {
                    let answer = SubscriptionAnswer::Elsewhere;
                    let home = cx.routing.home(wanted.user_id);
                    cx.send(home, ShardMessage::Subscribed { wanted, answer });
                }
                Parked::Record(_) => {}
            }
        }
        for waiter in self.names.drain_waiters() {
            match waiter {
                // Their invite is spent.
                NameWaiter::Register(Registration {
                    asker,
                    by: By::Invite(_),
                    ..
                }) => cx.refuse(asker, Problem::OUTCOME_UNKNOWN),
                NameWaiter::Register(Registration { asker, .. })
                | NameWaiter::LogIn(LogIn { asker, .. }) => undone.push(asker),
                NameWaiter::Record(_) => {}
            }
        }
        undone.extend(self.passwords.drain().map(|wait| match wait {
            PasswordWait::Register { asker, .. }
            | PasswordWait::LogIn(LoggingIn { asker, .. })
            | PasswordWait::Set { asker, .. } => asker,
        }));
        undone.extend(self.user_settings.drain());
        undone.extend(self.message_queues.drain().map(|asked| asked.asker));
        for admission in self.admissions.take_overdue(u64::MAX) {
            tell_not_joining(&admission, cx);
            undone.push(admission.asker);
        }
        undone.extend(self.reads.drain().filter_map(|read| match read {
            PartitionRead::User(asker, _)
            | PartitionRead::Sessions(asker, ..)
            | PartitionRead::Former { asker, .. }
            | PartitionRead::Creation(asker, ..)
            | PartitionRead::Mark { asker, .. } => Some(asker),
            PartitionRead::Sought(seeking) => Some(seeking.asked.asker),
            PartitionRead::Chat(_)
            | PartitionRead::Purges
            | PartitionRead::PurgedMembers
            | PartitionRead::Erasures
            | PartitionRead::ErasedChats
            | PartitionRead::Rewrites
            | PartitionRead::RewrittenEvents
            | PartitionRead::Page(..)
            | PartitionRead::Events(..)
            | PartitionRead::Surplus(..)
            | PartitionRead::UserSettings(_)
            | PartitionRead::Name(_) => None,
        }));
        undone
    }
}

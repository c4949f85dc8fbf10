//! Users become members once their homes have admitted them.

use rookery_schema::ChatId;

use crate::context::Context;
use crate::mesh::command::chat::NewMembers;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, Candidates, ChatCommand, NotAdmitted, Outcome, ShardMessage};
use crate::owner::admissions::{Admission, Step};
use crate::owner::chats::{Parked, Slot};
use crate::owner::partition::commands::{Admitted, Served};
use crate::owner::partition::{Partition, send_to_homes};

impl Partition {
    /// Asks whether the users whom a command adds may become members. Where too many are asked about, the network that
    /// adds most of them loses a command.
    pub(super) fn begin_admission(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        command: ChatCommand,
        new: NewMembers,
        cx: &mut Context<'_>,
    ) {
        let number = self.admissions.begin(asker, chat_id, command, new, cx);
        while let Some(displaced) = self.admissions.displace() {
            refuse(&displaced, Problem::ADMISSIONS_WAITING, cx);
        }
        self.go_on_with_admission(number, cx);
    }

    /// A home knows whether users may become members.
    pub(crate) fn admitted(
        &mut self,
        number: u64,
        outcome: Result<(), NotAdmitted>,
        cx: &mut Context<'_>,
    ) {
        self.admissions.answered(number, outcome, cx);
        self.go_on_with_admission(number, cx);
    }

    fn go_on_with_admission(&mut self, number: u64, cx: &mut Context<'_>) {
        match self.admissions.next(number) {
            Some(Step::Ask {
                id,
                chat_id,
                network,
                spared,
                group,
            }) => {
                let homes = send_to_homes(&group, cx, |user_ids| {
                    ShardMessage::Admit(Candidates {
                        id,
                        chat_id,
                        network,
                        spared,
                        user_ids,
                    })
                });
                self.admissions.asked(number, homes);
            }
            Some(Step::Admitted(admission)) => self.go_on_admitted(admission, cx),
            Some(Step::Refused(admission, mut refusal)) => {
                tell_not_joining(&admission, cx);
                if refusal.problem == Problem::UNKNOWN_MEMBER {
                    refusal.problem = admission.command.unknown_member();
                }
                cx.answer(admission.asker, Outcome::NotAdmitted(Box::new(refusal)));
            }
            None => {}
        }
    }

    /// A command's users were admitted. Its chat may have been forgotten meanwhile: then it is read again.
    fn go_on_admitted(&mut self, admission: Admission, cx: &mut Context<'_>) {
        let chat_id = admission.chat_id;
        match self.chats.get_mut(chat_id) {
            Some(Slot::Active(_) | Slot::Fresh) => self.serve_admitted(admission, cx),
            None if admission.command.creates() => self.serve_admitted(admission, cx),
            Some(Slot::Loading(parking)) if parking.is_full() => {
                refuse(&admission, Problem::CHAT_WAITING, cx);
            }
            Some(Slot::Loading(_) | Slot::Forgotten(_)) | None => {
                self.park(chat_id, Parked::Admitted(admission), cx);
            }
        }
    }

    /// Does a command whose users were admitted, on a chat that is in memory if it exists. It is decided anew: much may
    /// have changed.
    pub(super) fn serve_admitted(&mut self, admission: Admission, cx: &mut Context<'_>) {
        let (asker, chat_id) = (admission.asker, admission.chat_id);
        match self.serve(asker, chat_id, &admission.command, Admitted::Yes, cx) {
            Served::Appended => {}
            Served::Answered | Served::Amends | Served::NotAdmitted(_) => {
                tell_not_joining(&admission, cx);
            }
            Served::Compares => {
                tell_not_joining(&admission, cx);
                self.compare_creation(asker, chat_id, admission.command, cx);
            }
        }
    }

    pub(super) fn end_overdue_admissions(&mut self, cx: &mut Context<'_>) {
        for admission in self.admissions.take_overdue(cx.now.micros) {
            refuse(&admission, Problem::NOT_ANSWERED, cx);
        }
    }
}

/// Refuses a command whose users don't join.
pub(super) fn refuse(admission: &Admission, problem: Problem, cx: &mut Context<'_>) {
    tell_not_joining(admission, cx);
    cx.refuse(admission.asker, problem);
}

/// Tells homes that users whom they may have admitted do not join by a command.
pub(super) fn tell_not_joining(admission: &Admission, cx: &mut Context<'_>) {
    let (id, chat_id) = (admission.id, admission.chat_id);
    send_to_homes(admission.asked(), cx, |users| ShardMessage::NotJoining {
        id,
        chat_id,
        users,
    });
}

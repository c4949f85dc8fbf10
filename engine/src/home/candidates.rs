//! What is read to tell whether users may become members of chats.

use rookery_schema::row::UserRow;
use rookery_schema::{ChatId, UserId};

use crate::config::AuthMode;
use crate::context::Context;
use crate::edge::port::Read;
use crate::home::admissions::USERS_AT_ONCE_MAX;
use crate::home::{Home, HomeRead};
use crate::map::Set;
use crate::mesh::{AdmissionId, Candidates};

impl Home {
    /// An owner wants to know whether users may become members.
    pub(crate) fn admit(&mut self, candidates: Candidates, cx: &Context<'_>) {
        self.admissions.add(candidates, cx);
    }

    /// Users about whom a request asked do not become members by it.
    pub(crate) fn not_joining(&mut self, id: AdmissionId, chat_id: ChatId, users: &[UserId]) {
        self.admissions.not_joining(id, chat_id, users);
    }

    /// By a record of the log users join a chat that is to be read first.
    pub(crate) fn joining(&mut self, chat_id: ChatId, users: &[UserId], cx: &Context<'_>) {
        self.admissions.joining(chat_id, users, cx);
    }

    /// Looks into questions about users, as many as may be at a time and in a round.
    pub(crate) fn go_on_with_admissions(&mut self, cx: &mut Context<'_>) {
        if !knows_memberships(cx) {
            return;
        }
        let mut left = USERS_AT_ONCE_MAX;
        while left > 0
            && let Some((question, user_ids)) = self.admissions.begin()
        {
            left = left.saturating_sub(user_ids.len());
            match cx.config.auth {
                AuthMode::Token => {
                    self.read(HomeRead::Candidates { question }, Read::Users(user_ids), cx);
                }
                AuthMode::Trust => self.judge_or_wait(question, cx),
            }
        }
        while let Some(user_id) = self.admissions.next_unread() {
            let read = Read::ChatsOfUser(user_id);
            self.read(HomeRead::Memberships { user_id }, read, cx);
        }
    }

    /// Whether another round can look into more of them, whatever comes.
    pub(crate) fn has_more_admissions(&self, cx: &Context<'_>) -> bool {
        knows_memberships(cx) && self.admissions.can_begin()
    }

    /// Users were read (`None`: could not be). One without a password was deleted, or has never been able to log in.
    pub(super) fn candidates_read(
        &mut self,
        question: AdmissionId,
        users: Option<Vec<UserRow>>,
        cx: &mut Context<'_>,
    ) {
        let known = users.map(|users| {
            let alive = users.iter().filter(|it| it.password_hash.is_some());
            alive.map(|it| it.user_id).collect::<Set<UserId>>()
        });
        self.admissions.refuse_unknown(question, known.as_ref());
        self.judge_or_wait(question, cx);
    }

    fn judge_or_wait(&mut self, question: AdmissionId, cx: &mut Context<'_>) {
        self.admissions.judge_or_wait(question, cx);
        self.admissions.answer_if_judged(question, cx);
    }
}

/// Whether it is known who is a member where: all shards have replayed their logs.
fn knows_memberships(cx: &Context<'_>) -> bool {
    cx.readiness.serves()
}

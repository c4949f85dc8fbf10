//! Which calls the security log tells of, and as what.

use rookery_schema::UserId;

use crate::api::routes::Endpoint;
use crate::context::Context;
use crate::http::Status;
use crate::limits::Network;
use crate::mesh::problem::Problem;
use crate::mesh::{Created, Outcome};
use crate::security::{ASKED, Act, DONE, SecurityEvent, UNANSWERED, UNKNOWN};

/// A call that the security log tells of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Audit {
    act: Act,
    /// The user whom the path names.
    user_id: Option<UserId>,
    network: Network,
}

impl Audit {
    /// A call of an endpoint, where it is one that is told of.
    pub(super) fn of(
        endpoint: Endpoint,
        is_by_operator: bool,
        user_id: Option<UserId>,
        network: impl FnOnce() -> Network,
    ) -> Option<Self> {
        let act = match endpoint.is_for_operators() && !is_by_operator {
            true => Act::OperatorAttempt,
            false => act_of(endpoint)?,
        };
        Some(Self {
            act,
            user_id,
            network: network(),
        })
    }

    /// A user's change of what they say of themselves.
    pub(super) const fn of_profile(user_id: UserId, network: Network) -> Self {
        Self {
            act: Act::ChangeProfile,
            user_id: Some(user_id),
            network,
        }
    }

    /// A user's logout from everywhere.
    pub(super) const fn of_all_logouts(user_id: UserId, network: Network) -> Self {
        Self {
            act: Act::LogOutEverywhere,
            user_id: Some(user_id),
            network,
        }
    }

    /// A request that is refused for the page or the host that it comes from or is for, where it is.
    pub(super) fn of_foreign(problem: &Problem, network: impl FnOnce() -> Network) -> Option<Self> {
        let act = match *problem {
            Problem::FOREIGN_ORIGIN => Act::ForeignOrigin,
            Problem::MISDIRECTED => Act::ForeignHost,
            _ => return None,
        };
        Some(Self {
            act,
            user_id: None,
            network: network(),
        })
    }

    /// Notes that an operator has asked for it. What comes of it may find nobody to be told.
    pub(super) fn asked(self, cx: &mut Context<'_>) {
        if self.act.is_by_operator() {
            self.note(ASKED, self.user_id, cx);
        }
    }

    /// Notes that it was refused, or not answered in time.
    pub(super) fn refused_with(self, problem: &Problem, cx: &mut Context<'_>) {
        self.refused(problem, self.user_id, cx);
    }

    /// Notes that its client has gone without an answer.
    pub(super) fn unanswered(self, cx: &mut Context<'_>) {
        self.note(UNANSWERED, self.user_id, cx);
    }

    /// Notes that it was done at once.
    pub(super) fn done(self, cx: &mut Context<'_>) {
        self.note(DONE, self.user_id, cx);
    }

    /// Notes how another part answered.
    pub(super) fn answered(self, outcome: &Outcome, cx: &mut Context<'_>) {
        match outcome {
            Outcome::Json {
                created: Some(created),
                ..
            } => match **created {
                Created::User(user_id) => self.note(DONE, Some(user_id), cx),
                Created::Chat(_) => {}
            },
            Outcome::Done => self.note(DONE, self.user_id, cx),
            Outcome::NotLoggedIn { user_id, problem } => self.refused(problem, *user_id, cx),
            Outcome::Refused(problem) => self.refused(problem, self.user_id, cx),
            Outcome::NotAdmitted(refused) => self.refused(&refused.problem, self.user_id, cx),
            Outcome::Elsewhere => self.refused(&Problem::ELSEWHERE, self.user_id, cx),
            Outcome::LoggedIn { .. }
            | Outcome::Posted { .. }
            | Outcome::Json { created: None, .. }
            | Outcome::Page { .. }
            | Outcome::Events(_)
            | Outcome::TooFarBehind { .. }
            | Outcome::Members(_)
            | Outcome::Activity(_)
            | Outcome::Summary(_)
            | Outcome::Marked(_)
            | Outcome::Sessions(_)
            | Outcome::Metrics(_) => {}
        }
    }

    fn refused(self, problem: &Problem, user_id: Option<UserId>, cx: &mut Context<'_>) {
        if *problem == Problem::OUTCOME_UNKNOWN {
            self.note(UNKNOWN, user_id, cx);
        } else if self.act.is_by_operator() || is_attempt(problem) {
            let limit = problem.limit.map(|limit| limit.name());
            self.note(limit.unwrap_or(problem.code), user_id, cx);
        }
    }

    fn note(self, outcome: &'static str, user_id: Option<UserId>, cx: &mut Context<'_>) {
        cx.note_security(SecurityEvent {
            act: self.act,
            outcome,
            user_id,
            network: self.network,
        });
    }
}

const fn act_of(endpoint: Endpoint) -> Option<Act> {
    match endpoint {
        Endpoint::LogIn => Some(Act::LogIn),
        Endpoint::Register => Some(Act::Register),
        Endpoint::MakeInvite => Some(Act::MakeInvite),
        Endpoint::CreateUser => Some(Act::CreateUser),
        Endpoint::SetPassword => Some(Act::SetPassword),
        Endpoint::DeleteUser => Some(Act::DeleteUser),
        Endpoint::ChangePassword => Some(Act::ChangePassword),
        Endpoint::DeleteAccount => Some(Act::DeleteAccount),
        Endpoint::EndSession => Some(Act::EndSession),
        Endpoint::FindUsers
        | Endpoint::ShowUser
        | Endpoint::Me
        | Endpoint::LogOut
        | Endpoint::ListSessions
        | Endpoint::ChangeProfile
        | Endpoint::ShowSettings
        | Endpoint::ChangeSettings
        | Endpoint::CreateChat
        | Endpoint::ListChats
        | Endpoint::ShowChat
        | Endpoint::ShowMembers
        | Endpoint::AddMember
        | Endpoint::RemoveMember
        | Endpoint::SetRole
        | Endpoint::ChangeChat
        | Endpoint::DeleteChat
        | Endpoint::OpenDirectChat
        | Endpoint::ListBlocks
        | Endpoint::Block
        | Endpoint::Unblock
        | Endpoint::MarkRead
        | Endpoint::PostMessage
        | Endpoint::ShowMessages
        | Endpoint::ShowEvents
        | Endpoint::EditMessage
        | Endpoint::DeleteMessage
        | Endpoint::AddReaction
        | Endpoint::RemoveReaction
        | Endpoint::Connect
        | Endpoint::Ticket
        | Endpoint::Metrics
        | Endpoint::Live
        | Endpoint::Ready
        | Endpoint::ChatPage
        | Endpoint::OpsPage
        | Endpoint::Asset
        | Endpoint::About
        | Endpoint::OpenApi
        | Endpoint::AsyncApi => None,
    }
}

/// Whether a refusal tells of an attempt: 401, 403, 404, 409, 421 and 429 do. What is wrong with the server, or with a
/// field, is nobody's.
const fn is_attempt(problem: &Problem) -> bool {
    matches!(
        problem.status,
        Status::Unauthorized
            | Status::Forbidden
            | Status::NotFound
            | Status::Conflict
            | Status::MisdirectedRequest
            | Status::TooManyRequests
    )
}

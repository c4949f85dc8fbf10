//! What operators may do, at the admin entrance.

use std::borrow::Cow;

use rookery_schema::{SessionId, UserId};
use serde::Deserialize;

use crate::api::body::as_json;
use crate::api::reading::object;
use crate::api::reply::{Reply, ReplyTo};
use crate::api::{Action, Api, Call, Handled};
use crate::config::AuthMode;
use crate::context::Context;
use crate::http::Status;
use crate::ids::Invite;
use crate::mesh::field::{Fault, Field};
use crate::mesh::problem::Problem;
use crate::mesh::{Command, NewPassword, Right, UserCommand};

#[derive(Deserialize)]
struct NewPasswordFields<'a> {
    #[serde(borrow, default)]
    password: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct InviteFields {
    #[serde(default)]
    expires_in: Option<u64>,
}

/// Seconds that an invite can be used.
pub(super) const INVITE_SECONDS_DEFAULT: u64 = 7 * 24 * 3600;
pub(super) const INVITE_SECONDS_MIN: u64 = 60;
pub(super) const INVITE_SECONDS_MAX: u64 = 30 * 24 * 3600;

impl Api<'_> {
    /// Refuses a call that no operator makes.
    pub(super) fn check_operator(self, call: &Call<'_>) -> Result<(), Problem> {
        match call.is_by_operator {
            true => Ok(()),
            false => Err(self.unauthenticated(call.request)),
        }
    }

    /// Creates a user, whoever else may register. No limit counts an operator.
    pub(super) fn create_user(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let client = call.client(cx);
        let (key, command) = self.registration(call, client, Right::Operator)?;
        let command = Command::Name(key, command);
        Ok(Action::ask(command, ReplyTo::Plain))
    }

    /// Makes an invite. Nothing of it is kept until it is spent.
    pub(super) fn make_invite(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let seconds = match call.request.body.is_empty() {
            true => None,
            false => object::<InviteFields>(&as_json(call.request)?)?.expires_in,
        };
        let seconds = seconds.unwrap_or(INVITE_SECONDS_DEFAULT);
        if !(INVITE_SECONDS_MIN..=INVITE_SECONDS_MAX).contains(&seconds) {
            let problem = Problem::out_of_bounds(const_format::concatcp!(
                "expires_in must be ",
                INVITE_SECONDS_MIN,
                " to ",
                INVITE_SECONDS_MAX,
                " seconds",
            ));
            return Err(problem.about(Field::ExpiresIn, Fault::OutOfRange).into());
        }
        let invite = Invite {
            invite_id: SessionId::random(cx.random()),
            expires_at: self.gate.expiry_of_invite(seconds, cx.now.latest_wall),
        };
        let code = self.gate.issue_invite(invite).ok_or(Problem::NOT_SIGNED)?;
        let expires_at = invite.expires_at;
        let body = format!(r#"{{"invite":"{code}","expires_at":"{expires_at}"}}"#);
        Ok(Action::Reply(Reply::json(
            Status::Created,
            body.into_bytes(),
        )))
    }

    /// Sets a user's password, and ends their sessions.
    pub(super) fn set_password(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let user_id = self.account(call)?;
        let json = as_json(call.request)?;
        let NewPasswordFields { password } = object(&json)?;
        let password = self.new_password(password)?;
        self.change_account(user_id, password, call, cx)
    }

    /// Deletes a user's account, as they could themselves.
    pub(super) fn delete_user(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let user_id = self.account(call)?;
        self.change_account(user_id, None, call, cx)
    }

    /// The user whose account is to be changed. In trust mode there are no passwords and no sessions.
    fn account(self, call: &Call<'_>) -> Result<UserId, Problem> {
        match self.gate.mode() {
            AuthMode::Token => call.user_id(),
            AuthMode::Trust => Err(Problem::NO_SUCH_PAGE),
        }
    }

    pub(super) fn change_account(
        self,
        user_id: UserId,
        password: Option<Box<str>>,
        call: &Call<'_>,
        cx: &mut Context<'_>,
    ) -> Handled {
        let network = call.client(cx).network;
        let new = NewPassword {
            password,
            sessions_until: self.gate.latest_expiry(cx.now.latest_wall),
            network,
        };
        let command = UserCommand::SetPassword(Box::new(new));
        let command = Command::User(user_id, command);
        Ok(Action::ask(command, ReplyTo::Plain))
    }
}

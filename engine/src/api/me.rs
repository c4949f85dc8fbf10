//! What users do with their own account.

use std::borrow::Cow;

use rookery_schema::limits::PASSWORD_BYTES_MAX;
use serde::Deserialize;

use crate::api::body::as_json;
use crate::api::reading::object;
use crate::api::rejection::check_bytes;
use crate::api::reply::ReplyTo;
use crate::api::{Action, Api, Call, Handled};
use crate::context::Context;
use crate::mesh::field::Field;
use crate::mesh::problem::Problem;
use crate::mesh::{Command, NewPassword, PasswordChange, UserCommand};
use crate::passwords::check_new_password;

#[derive(Deserialize)]
struct PasswordFields<'a> {
    #[serde(borrow)]
    old: Cow<'a, str>,
    #[serde(borrow)]
    new: Cow<'a, str>,
}

impl Api<'_> {
    /// Changes the caller's password. Their other sessions end; the one that asks goes on. In trust mode there are no
    /// passwords.
    pub(super) fn change_password(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let caller = call.caller?;
        let session = caller.session.ok_or(Problem::NO_SUCH_PAGE)?;
        let json = as_json(call.request)?;
        let PasswordFields { old, new } = object(&json)?;
        check_bytes(&old, PASSWORD_BYTES_MAX, Field::Old, OLD_LENGTH)?;
        let password = self.new_password(Some(new));
        let password = password.map_err(|problem| problem.on(Field::New))?;
        // Whether it is their name is known where that is.
        let length = check_new_password(password.as_deref().unwrap_or_default(), "");
        length.map_err(|problem| problem.on(Field::New))?;
        let client = call.client(cx);
        let change = PasswordChange {
            old: old.as_ref().into(),
            new: NewPassword {
                password,
                sessions_until: self.gate.latest_expiry(cx.now.latest_wall),
                network: client.network,
            },
            kept: session.session_id,
            is_limited: !client.is_spared,
        };
        let command = UserCommand::ChangePassword(Box::new(change));
        let command = Command::User(caller.user_id, command);
        Ok(Action::ask(command, ReplyTo::Plain))
    }
}

const OLD_LENGTH: &str = const_format::concatcp!(
    "old must be 1 to ",
    PASSWORD_BYTES_MAX,
    " bytes of UTF-8, as it is typed"
);

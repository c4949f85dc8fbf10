//! What users do with their own account.

use std::borrow::Cow;

use rookery_schema::limits::{DISPLAY_NAME_BYTES_MAX, DISPLAY_NAME_CHARS_MAX, PASSWORD_BYTES_MAX};
use serde::{Deserialize, Deserializer};

use crate::api::body::as_json;
use crate::api::reading::object;
use crate::api::rejection::check_bytes;
use crate::api::reply::ReplyTo;
use crate::api::{Action, Api, Call, Handled};
use crate::context::Context;
use crate::edge::port::Read;
use crate::ids::Caller;
use crate::merge_patch::JsonObject;
use crate::mesh::field::{Fault, Field};
use crate::mesh::problem::Problem;
use crate::mesh::{Command, NewPassword, PasswordChange, UserCommand};
use crate::passwords::check_new_password;
use crate::text::{DISPLAY_NAME, check_line};

#[derive(Deserialize)]
struct PasswordFields<'a> {
    #[serde(borrow)]
    old: Cow<'a, str>,
    #[serde(borrow)]
    new: Cow<'a, str>,
}

#[derive(Deserialize)]
struct DeletionFields<'a> {
    #[serde(borrow)]
    password: Cow<'a, str>,
}

#[derive(Deserialize)]
struct ProfileFields {
    #[serde(default, deserialize_with = "present")]
    display_name: Option<Option<String>>,
}

impl Api<'_> {
    /// Changes the caller's password. Their other sessions end; the one that asks goes on. In trust mode there are no
    /// passwords.
    pub(super) fn change_password(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let caller = call.caller?;
        caller.session.ok_or(Problem::NO_SUCH_PAGE)?;
        let json = as_json(call.request)?;
        let PasswordFields { old, new } = object(&json)?;
        check_bytes(&old, PASSWORD_BYTES_MAX, Field::Old, OLD_LENGTH)?;
        let password = self.new_password(Some(new));
        let password = password.map_err(|problem| problem.on(Field::New))?;
        // Whether it is their name is known where that is.
        let length = check_new_password(password.as_deref().unwrap_or_default(), "");
        length.map_err(|problem| problem.on(Field::New))?;
        self.change_account_of(caller, &old, password, call, cx)
    }

    /// Deletes the caller's account; where they say their password, only if it is right. In trust mode there are none.
    pub(super) fn delete_account(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let caller = call.caller?;
        caller.session.ok_or(Problem::NO_SUCH_PAGE)?;
        let json = as_json(call.request)?;
        if json.is_absent() {
            return self.change_account(caller.user_id, None, call, cx);
        }
        let DeletionFields { password } = object(&json)?;
        check_bytes(
            &password,
            PASSWORD_BYTES_MAX,
            Field::Password,
            PASSWORD_LENGTH,
        )?;
        self.change_account_of(caller, &password, None, call, cx)
    }

    /// Has a caller's password changed if they know the one that they have; without a new one, their account is deleted.
    fn change_account_of(
        self,
        caller: Caller,
        old: &str,
        new: Option<Box<str>>,
        call: &Call<'_>,
        cx: &mut Context<'_>,
    ) -> Handled {
        let session = caller.session.ok_or(Problem::NO_SUCH_PAGE)?;
        let client = call.client(cx);
        let change = PasswordChange {
            old: old.into(),
            new: NewPassword {
                password: new,
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

    /// Changes what the caller says of themselves, which counts as a message of theirs.
    pub(super) fn change_profile(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let user_id = call.caller?.user_id;
        let json = as_json(call.request)?;
        let ProfileFields { display_name } = object(&json)?;
        let Some(display_name) = display_name else {
            return Ok(self.show_user(user_id));
        };
        let display_name = display_name.filter(|name| !name.is_empty());
        let display_name = display_name
            .as_deref()
            .map(checked_display_name)
            .transpose()?;
        cx.spend(user_id, display_name.map_or(0, str::len))?;
        let command = UserCommand::SetDisplayName(display_name.map(Box::from));
        let audit = call.audit_of_profile(user_id, cx);
        let reply_to = ReplyTo::Changed(user_id, Box::new(audit));
        Ok(Action::ask(Command::User(user_id, command), reply_to))
    }

    pub(super) fn show_settings(self, call: &Call<'_>) -> Handled {
        Ok(Action::Read {
            read: Read::UserSettings(call.caller?.user_id),
            reply_to: ReplyTo::Settings,
        })
    }

    /// Changes the caller's settings as a JSON Merge Patch says (RFC 7396), which counts as a message of theirs.
    pub(super) fn change_settings(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let user_id = call.caller?.user_id;
        let json = as_json(call.request)?;
        let patch: JsonObject = object(&json)?;
        cx.spend(user_id, call.request.body.len())?;
        let command = UserCommand::ChangeSettings(Box::new(patch));
        Ok(Action::ask(Command::User(user_id, command), ReplyTo::Plain))
    }
}

/// A field that is there is told from one that is not, also where it is `null`.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}

fn checked_display_name(name: &str) -> Result<&str, Problem> {
    const LENGTH: &str = const_format::concatcp!(
        "display_name must be at most ",
        DISPLAY_NAME_CHARS_MAX,
        " characters and ",
        DISPLAY_NAME_BYTES_MAX,
        " bytes of UTF-8"
    );
    check_bytes(name, DISPLAY_NAME_BYTES_MAX, Field::DisplayName, LENGTH)?;
    if name.chars().count() > DISPLAY_NAME_CHARS_MAX {
        let problem = Problem::out_of_bounds(LENGTH);
        return Err(problem.about(Field::DisplayName, Fault::TooLong));
    }
    check_line(name, DISPLAY_NAME).map(|()| name)
}

const OLD_LENGTH: &str = const_format::concatcp!(
    "old must be 1 to ",
    PASSWORD_BYTES_MAX,
    " bytes of UTF-8, as it is typed"
);

const PASSWORD_LENGTH: &str = const_format::concatcp!(
    "password must be 1 to ",
    PASSWORD_BYTES_MAX,
    " bytes of UTF-8, as it is typed"
);

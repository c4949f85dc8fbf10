//! Registrations and logins.

use std::borrow::Cow;

use rookery_schema::limits::{PASSWORD_BYTES_MAX, USERNAME_BYTES_MAX};
use serde::Deserialize;

use crate::api::body::as_json;
use crate::api::reading::object;
use crate::api::rejection::{Rejection, check_bytes};
use crate::api::reply::ReplyTo;
use crate::api::{Action, Api, Call, Handled};
use crate::config::{AuthMode, RegistrationMode};
use crate::context::Context;
use crate::ids::Invite;
use crate::limits::Client;
use crate::mesh::field::{Fault, Field};
use crate::mesh::problem::Problem;
use crate::mesh::{AddressCommand, Command, NameCommand, Right};
use crate::passwords::check_new_password;

#[derive(Deserialize)]
struct Credentials<'a> {
    #[serde(borrow)]
    username: Cow<'a, str>,
    #[serde(borrow, default)]
    password: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Invitation<'a> {
    #[serde(borrow, default)]
    invite: Option<Cow<'a, str>>,
}

impl Api<'_> {
    pub(super) fn register(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let right = match cx.config.registration {
            RegistrationMode::Open => Right::Open,
            RegistrationMode::Invite => Right::Invite(Box::new(self.invite(call, cx)?)),
            RegistrationMode::Closed => return Err(Problem::REGISTRATION_CLOSED.into()),
        };
        let client = call.client(cx);
        let (username, command) = self.registration(call, client, right)?;
        Ok(self.ask_of_name(username, command, client))
    }

    /// The invite that a registration comes with.
    fn invite(self, call: &Call<'_>, cx: &Context<'_>) -> Result<Invite, Rejection> {
        let json = as_json(call.request)?;
        let Invitation { invite } = object(&json)?;
        let code = invite.ok_or(Problem::INVITE_REQUIRED)?;
        self.gate
            .verify_invite(code.as_bytes(), cx.now.latest_wall)
            .ok_or_else(|| Problem::INVITE_INVALID.into())
    }

    /// The registration that a request asks for, if name and password may be had.
    pub(super) fn registration(
        self,
        call: &Call<'_>,
        client: Client,
        right: Right,
    ) -> Result<(Box<str>, NameCommand), Rejection> {
        let json = as_json(call.request)?;
        let credentials: Credentials<'_> = object(&json)?;
        let username = checked_username(&credentials.username)?;
        let password = self.password(credentials.password)?;
        if let Some(password) = &password {
            check_new_password(password, &username)?;
        }
        let command = NameCommand::Register {
            password,
            network: client.network,
            right,
        };
        Ok((username, command))
    }

    pub(super) fn log_in(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let json = as_json(call.request)?;
        let credentials: Credentials<'_> = object(&json)?;
        let username = checked_username(&credentials.username)?;
        let password = self.password(credentials.password)?;
        let client = call.client(cx);
        let command = NameCommand::LogIn {
            password,
            network: client.network,
        };
        Ok(self.ask_of_name(username, command, client))
    }

    /// A command on a name; by the shard that counts for its client's network, where limits apply to it.
    fn ask_of_name(self, username: Box<str>, command: NameCommand, client: Client) -> Action {
        let is_limited = self.gate.mode() == AuthMode::Token && !client.is_spared;
        let command = match is_limited {
            true => Command::Address(client.network, AddressCommand::Name(username, command)),
            false => Command::Name(username, command),
        };
        Action::ask(command, ReplyTo::Plain)
    }

    /// The password, if this mode requires one.
    pub(super) fn password(self, given: Option<Cow<'_, str>>) -> Result<Option<Box<str>>, Problem> {
        if self.gate.mode() == AuthMode::Trust {
            return Ok(None);
        }
        const MISSING: Problem =
            Problem::malformed("password is missing").about(Field::Password, Fault::Missing);
        let password = given.ok_or(MISSING)?;
        let bounds = const_format::concatcp!(
            "password must be 1 to ",
            PASSWORD_BYTES_MAX,
            " bytes of UTF-8"
        );
        check_bytes(&password, PASSWORD_BYTES_MAX, Field::Password, bounds)?;
        Ok(Some(password.as_ref().into()))
    }
}

fn checked_username(username: &str) -> Result<Box<str>, Problem> {
    let bounds = const_format::concatcp!(
        "username must be 1 to ",
        USERNAME_BYTES_MAX,
        " bytes of UTF-8"
    );
    check_bytes(username, USERNAME_BYTES_MAX, Field::Username, bounds)?;
    if username.chars().any(char::is_control) {
        let problem = Problem::out_of_bounds("username must not have control characters");
        return Err(problem.about(Field::Username, Fault::ForbiddenCharacters));
    }
    Ok(username.into())
}

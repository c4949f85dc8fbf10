//! Registrations and logins.

use std::borrow::Cow;

use rookery_schema::limits::{PASSWORD_BYTES_MAX, SESSION_NAME_BYTES_MAX, USERNAME_BYTES_MAX};
use rookery_schema::names::{NameError, NewName, key_of};
use serde::Deserialize;

use crate::api::body::as_json;
use crate::api::clients::name_of_client;
use crate::api::logging_in::LoggingIn;
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
use crate::mesh::{self, AddressCommand, Command, NameCommand, Right};
use crate::passwords::{check_new_password, prepared};
use crate::text::{DEVICE, check_line};

#[derive(Deserialize)]
struct Credentials<'a> {
    #[serde(borrow)]
    username: Cow<'a, str>,
    #[serde(borrow, default)]
    password: Option<Cow<'a, str>>,
}

/// What a client that logs in calls itself.
#[derive(Deserialize)]
struct Device<'a> {
    #[serde(borrow, default)]
    device: Option<Cow<'a, str>>,
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
        let (key, command) = self.registration(call, client, right)?;
        let command = self.of_name(key, command, client);
        Ok(Action::ask(command, ReplyTo::Plain))
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

    /// The registration that a request asks for, and of which key, if name and password may be had.
    pub(super) fn registration(
        self,
        call: &Call<'_>,
        client: Client,
        right: Right,
    ) -> Result<(Box<str>, NameCommand), Rejection> {
        let json = as_json(call.request)?;
        let credentials: Credentials<'_> = object(&json)?;
        let typed = looked_up(&credentials.username, Field::Username)?;
        let NewName { username, key } = NewName::typed(typed).map_err(refused)?;
        let password = self.new_password(credentials.password)?;
        if let Some(password) = &password {
            check_new_password(password, &username)?;
        }
        let command = NameCommand::Register {
            credentials: Box::new(mesh::Credentials { username, password }),
            network: client.network,
            right,
        };
        Ok((key, command))
    }

    pub(super) fn log_in(self, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        let json = as_json(call.request)?;
        let credentials: Credentials<'_> = object(&json)?;
        let username = looked_up(&credentials.username, Field::Username)?;
        let password = self.password(credentials.password)?;
        let name = match object::<Device<'_>>(&json)?.device {
            Some(device) => checked_device(&device)?.into(),
            None => name_of_client(call.request.header("user-agent")).into(),
        };
        let client = call.client(cx);
        let credentials = mesh::Credentials {
            username: username.into(),
            password,
        };
        let command = NameCommand::LogIn {
            credentials: Box::new(credentials),
            network: client.network,
        };
        let login = LoggingIn {
            audit: None,
            network: client.network,
            name,
            started: None,
        };
        let command = self.of_name(key_of(username).into(), command, client);
        Ok(Action::ask(command, ReplyTo::LogIn(Box::new(login))))
    }

    /// A command on a name; by the shard that counts for its client's network, where limits apply to it.
    fn of_name(self, name: Box<str>, command: NameCommand, client: Client) -> Command {
        let is_limited = self.gate.mode() == AuthMode::Token && !client.is_spared;
        match is_limited {
            true => Command::Address(client.network, AddressCommand::Name(name, command)),
            false => Command::Name(name, command),
        }
    }

    /// A password that is chosen, as it is hashed, if this mode requires one.
    pub(super) fn new_password(
        self,
        given: Option<Cow<'_, str>>,
    ) -> Result<Option<Box<str>>, Problem> {
        match self.password(given)? {
            Some(typed) => prepared(&typed).map(|password| Some(password.into())),
            None => Ok(None),
        }
    }

    /// The password as it was typed, if this mode requires one.
    fn password(self, given: Option<Cow<'_, str>>) -> Result<Option<Box<str>>, Problem> {
        if self.gate.mode() == AuthMode::Trust {
            return Ok(None);
        }
        const MISSING: Problem =
            Problem::malformed_json("password is missing").about(Field::Password, Fault::Missing);
        let password = given.ok_or(MISSING)?;
        let bounds = const_format::concatcp!(
            "password must be 1 to ",
            PASSWORD_BYTES_MAX,
            " bytes of UTF-8, as it is typed"
        );
        check_bytes(&password, PASSWORD_BYTES_MAX, Field::Password, bounds)?;
        Ok(Some(password.as_ref().into()))
    }
}

const USERNAME_LENGTH: &str = const_format::concatcp!(
    "a username has 1 to ",
    USERNAME_BYTES_MAX,
    " bytes of UTF-8, as it is typed and in small letters",
);

fn checked_device(device: &str) -> Result<&str, Problem> {
    const LENGTH: &str = const_format::concatcp!(
        "device must be 1 to ",
        SESSION_NAME_BYTES_MAX,
        " bytes of UTF-8"
    );
    check_bytes(device, SESSION_NAME_BYTES_MAX, Field::Device, LENGTH)?;
    check_line(device, DEVICE).map(|()| device)
}

/// A name to be looked for. One that nobody could choose now may be from before.
pub(super) fn looked_up(username: &str, field: Field) -> Result<&str, Problem> {
    check_bytes(username, USERNAME_BYTES_MAX, field, USERNAME_LENGTH).map(|()| username)
}

/// What whoever chose a name of a length that may be typed is told.
const fn refused(reason: NameError) -> Problem {
    let (fault, detail) = match reason {
        NameError::Length => (Fault::TooLong, USERNAME_LENGTH),
        NameError::Space => (Fault::ForbiddenCharacters, "username must not have spaces"),
        NameError::Invisible => (
            Fault::ForbiddenCharacters,
            "username must not have control or format characters, nor others that are not for texts",
        ),
        NameError::Symbol => (
            Fault::ForbiddenCharacters,
            "username may have letters, digits, and the punctuation of ASCII: no symbols, no emoji",
        ),
        NameError::Unassigned => (
            Fault::ForbiddenCharacters,
            "username has a character that is newer than Unicode 6.3, such as most emoji; names may not have them",
        ),
        NameError::Context => (
            Fault::ForbiddenCharacters,
            "username has a character that may only stand beside certain others, such as a joiner",
        ),
        NameError::Direction => (
            Fault::Malformed,
            "username mixes letters of scripts that are written from right to left with others, or ends in punctuation; \
             it would not be shown in the order in which it is written",
        ),
    };
    Problem::out_of_bounds(detail).about(Field::Username, fault)
}

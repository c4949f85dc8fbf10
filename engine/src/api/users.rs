//! Looking up users.

use std::borrow::Cow;
use std::collections::HashSet;

use rookery_schema::UserId;
use rookery_schema::limits::{USER_IDS_MAX, USERNAME_BYTES_MAX};
use rookery_schema::names::key_of;

use crate::api::accounts::looked_up;
use crate::api::body::text;
use crate::api::pages::{self, USERS_LIMIT};
use crate::api::rejection::Rejection;
use crate::api::reply::ReplyTo;
use crate::api::{Action, Api, Call, Handled};
use crate::edge::port::Read;
use crate::http::Request;
use crate::mesh::field::{Fault, Field};
use crate::mesh::problem::Problem;

impl Api<'_> {
    pub(super) const fn show_user(self, user_id: UserId) -> Action {
        Action::Read {
            read: Read::User(user_id),
            reply_to: ReplyTo::User,
        }
    }

    /// Users by their ids, by a name, or by what their names begin with.
    pub(super) fn find_users(self, call: &Call<'_>) -> Handled {
        call.caller?;
        let request = call.request;
        let ids = text(request, Field::Ids)?;
        let name = text(request, Field::Name)?;
        let has_prefix = text(request, Field::Prefix)?.is_some();
        match (ids, name, has_prefix) {
            (Some(ids), None, false) => Ok(all(Read::Users(user_ids(&ids)?))),
            (None, Some(name), false) => {
                let key = key_of(looked_up(&name, Field::Name)?).into_owned();
                Ok(all(Read::UsersOfKey(key)))
            }
            (None, None, _) => by_prefix(request),
            (Some(_), Some(_), _) => Err(beside_others(Field::Name)),
            (Some(_), None, true) | (None, Some(_), true) => Err(beside_others(Field::Prefix)),
        }
    }
}

/// What may not be there beside another one.
fn beside_others(field: Field) -> Rejection {
    let problem = Problem::malformed("ids, name and prefix exclude each other");
    problem.about(field, Fault::Conflicting).into()
}

/// All users that are found, on one page.
const fn all(read: Read) -> Action {
    let reply_to = ReplyTo::AllUsers;
    Action::Read { read, reply_to }
}

fn by_prefix(request: &Request) -> Handled {
    let prefix = name_part(request, Field::Prefix)?.unwrap_or_default();
    let after = name_part(request, Field::After)?;
    let limit = USERS_LIMIT.of(request)?;
    // One more tells whether there is another page.
    let read = Read::UsersByPrefix {
        prefix: key_of(&prefix).into_owned(),
        after: after.map(Cow::into_owned),
        limit: limit + 1,
    };
    let path = pages::users_path(&prefix, limit);
    let reply_to = ReplyTo::Users { path, limit };
    Ok(Action::Read { read, reply_to })
}

/// A parameter of the query that is a username, or begins one.
fn name_part(request: &Request, field: Field) -> Result<Option<Cow<'_, str>>, Rejection> {
    let name = text(request, field)?;
    if name
        .as_ref()
        .is_some_and(|it| it.len() > USERNAME_BYTES_MAX)
    {
        let problem = Problem::out_of_bounds(const_format::concatcp!(
            "a username has at most ",
            USERNAME_BYTES_MAX,
            " bytes of UTF-8",
        ));
        return Err(problem.about(field, Fault::TooLong).into());
    }
    Ok(name)
}

/// The ids in a list, each once.
fn user_ids(list: &str) -> Result<Box<[UserId]>, Problem> {
    let fault = match list.split(',').count() {
        _ if list.is_empty() => Some(Fault::TooShort),
        count if count > USER_IDS_MAX => Some(Fault::TooLong),
        _ => None,
    };
    if let Some(fault) = fault {
        let problem = Problem::out_of_bounds(const_format::concatcp!(
            "ids must be 1 to ",
            USER_IDS_MAX,
            " user ids, separated by commas",
        ));
        return Err(problem.about(Field::Ids, fault));
    }
    let ids: Result<Vec<UserId>, _> = list.split(',').map(str::parse).collect();
    let ids = ids.map_err(|_| {
        Problem::malformed("one of ids is no user id").about(Field::Ids, Fault::Malformed)
    })?;
    let mut seen = HashSet::new();
    Ok(ids.into_iter().filter(|id| seen.insert(*id)).collect())
}

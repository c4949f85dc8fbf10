//! Looking up users.

use std::collections::HashSet;

use rookery_schema::UserId;
use rookery_schema::limits::{USER_IDS_MAX, USERNAME_BYTES_MAX};
use rookery_schema::names::key_of;

use crate::api::accounts::looked_up;
use crate::api::body::text;
use crate::api::pages::{self, USERS_LIMIT};
use crate::api::reply::ReplyTo;
use crate::api::{Action, Api, Call, Handled};
use crate::edge::port::Read;
use crate::http::Request;
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
        let prefix = text(request, "prefix")?;
        match (text(request, "ids")?, text(request, "name")?, prefix) {
            (Some(ids), None, None) => Ok(all(Read::Users(user_ids(&ids)?))),
            (None, Some(name), None) => {
                let key = key_of(looked_up(&name)?).into_owned();
                Ok(all(Read::UsersOfKey(key)))
            }
            (None, None, prefix) => by_prefix(&prefix.unwrap_or_default(), request),
            _ => Err(Problem::malformed(
                "ids, name and prefix exclude each other",
            )),
        }
    }
}

/// All users that are found, on one page.
const fn all(read: Read) -> Action {
    let reply_to = ReplyTo::AllUsers;
    Action::Read { read, reply_to }
}

fn by_prefix(prefix: &str, request: &Request) -> Handled {
    if prefix.len() > USERNAME_BYTES_MAX {
        return Err(Problem::out_of_bounds(const_format::concatcp!(
            "prefix must be at most ",
            USERNAME_BYTES_MAX,
            " bytes of UTF-8",
        )));
    }
    let after = text(request, "after")?;
    if after
        .as_ref()
        .is_some_and(|name| name.len() > USERNAME_BYTES_MAX)
    {
        return Err(Problem::out_of_bounds(const_format::concatcp!(
            "after must be at most ",
            USERNAME_BYTES_MAX,
            " bytes of UTF-8",
        )));
    }
    let limit = USERS_LIMIT.of(request)?;
    // One more tells whether there is another page.
    let read = Read::UsersByPrefix {
        prefix: key_of(prefix).into_owned(),
        after: after.map(|name| name.into_owned()),
        limit: limit + 1,
    };
    let path = pages::users_path(prefix, limit);
    let reply_to = ReplyTo::Users { path, limit };
    Ok(Action::Read { read, reply_to })
}

/// The ids in a list, each once.
fn user_ids(list: &str) -> Result<Box<[UserId]>, Problem> {
    if list.is_empty() || list.split(',').count() > USER_IDS_MAX {
        return Err(Problem::out_of_bounds(const_format::concatcp!(
            "ids must be 1 to ",
            USER_IDS_MAX,
            " user ids, separated by commas",
        )));
    }
    let ids: Result<Vec<UserId>, _> = list.split(',').map(str::parse).collect();
    let ids = ids.map_err(|_| Problem::malformed("one of ids is no user id"))?;
    let mut seen = HashSet::new();
    Ok(ids.into_iter().filter(|id| seen.insert(*id)).collect())
}

//! Paths and methods.

use matchit::Router;
use rookery_schema::parse_uuid;
use uuid::Uuid;

use crate::http::Method;

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Register,
    FindUsers,
    ShowUser,
    Me,
    LogIn,
    LogOut,
    CreateChat,
    ListChats,
    ShowChat,
    ShowMembers,
    AddMember,
    RemoveMember,
    PostMessage,
    ShowMessages,
    Connect,
    Ticket,
    Metrics,
    Live,
    Ready,
    MakeInvite,
    CreateUser,
    SetPassword,
    DeleteUser,
}

impl Endpoint {
    /// Whether it tells how the server is, rather than what users say.
    pub(crate) const fn is_operational(self) -> bool {
        matches!(self, Self::Metrics | Self::Live | Self::Ready)
    }

    /// Whether it takes an operator's token.
    pub(crate) const fn is_for_operators(self) -> bool {
        matches!(
            self,
            Self::MakeInvite | Self::CreateUser | Self::SetPassword | Self::DeleteUser
        )
    }
}

/// A path's methods.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route(&'static [(Method, Endpoint)]);

impl Route {
    pub(crate) fn endpoint(self, method: Method) -> Option<Endpoint> {
        self.0
            .iter()
            .find(|(known, _)| *known == method)
            .map(|(_, endpoint)| *endpoint)
    }

    pub(crate) fn is_operational(self) -> bool {
        self.0.iter().all(|(_, endpoint)| endpoint.is_operational())
    }

    pub(crate) fn is_for_users(self) -> bool {
        !self.is_operational() && !self.is_for_operators()
    }

    pub(crate) fn is_for_operators(self) -> bool {
        self.0
            .iter()
            .all(|(_, endpoint)| endpoint.is_for_operators())
    }

    /// The value of the `Allow` header.
    pub(crate) fn allowed(self) -> String {
        let mut names: Vec<&str> = self.0.iter().map(|(method, _)| method.name()).collect();
        if names.contains(&"GET") {
            names.push("HEAD");
        }
        names.push("OPTIONS");
        names.join(", ")
    }
}

/// The ids in a path; `None` where one is not a UUID or there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Match {
    /// The chat's or user's.
    pub(crate) id: Option<Uuid>,
    /// The user's, behind a chat's.
    pub(crate) user_id: Option<Uuid>,
}

/// The paths at the admin entrance that take an operator's token.
const OPERATORS: &[(&str, Route)] = &[
    ("/invites", Route(&[(Method::Post, Endpoint::MakeInvite)])),
    ("/users", Route(&[(Method::Post, Endpoint::CreateUser)])),
    (
        "/users/{id}",
        Route(&[(Method::Delete, Endpoint::DeleteUser)]),
    ),
    (
        "/users/{id}/password",
        Route(&[(Method::Put, Endpoint::SetPassword)]),
    ),
];

/// Every other path that there is.
const ROUTES: &[(&str, Route)] = &[
    (
        "/users",
        Route(&[
            (Method::Post, Endpoint::Register),
            (Method::Get, Endpoint::FindUsers),
        ]),
    ),
    ("/users/{id}", Route(&[(Method::Get, Endpoint::ShowUser)])),
    ("/me", Route(&[(Method::Get, Endpoint::Me)])),
    ("/login", Route(&[(Method::Post, Endpoint::LogIn)])),
    ("/logout", Route(&[(Method::Post, Endpoint::LogOut)])),
    (
        "/chats",
        Route(&[
            (Method::Post, Endpoint::CreateChat),
            (Method::Get, Endpoint::ListChats),
        ]),
    ),
    ("/chats/{id}", Route(&[(Method::Get, Endpoint::ShowChat)])),
    (
        "/chats/{id}/members",
        Route(&[
            (Method::Post, Endpoint::AddMember),
            (Method::Get, Endpoint::ShowMembers),
        ]),
    ),
    (
        "/chats/{id}/members/{user_id}",
        Route(&[(Method::Delete, Endpoint::RemoveMember)]),
    ),
    (
        "/chats/{id}/messages",
        Route(&[
            (Method::Post, Endpoint::PostMessage),
            (Method::Get, Endpoint::ShowMessages),
        ]),
    ),
    (
        "/ws/connect/{id}",
        Route(&[(Method::Get, Endpoint::Connect)]),
    ),
    ("/ws-ticket", Route(&[(Method::Post, Endpoint::Ticket)])),
    ("/metrics", Route(&[(Method::Get, Endpoint::Metrics)])),
    ("/livez", Route(&[(Method::Get, Endpoint::Live)])),
    ("/readyz", Route(&[(Method::Get, Endpoint::Ready)])),
];

/// Finds routes.
pub(crate) struct Routes {
    all: Router<Route>,
    operators: Router<Route>,
}

impl Routes {
    pub(crate) fn new() -> Self {
        Self {
            all: router(ROUTES),
            operators: router(OPERATORS),
        }
    }

    /// The route of a path, which may be another one for operators.
    pub(crate) fn find(&self, path: &str, for_operators: bool) -> Option<(Route, Match)> {
        let theirs = for_operators
            .then(|| self.operators.at(path).ok())
            .flatten();
        let found = theirs.or_else(|| self.all.at(path).ok())?;
        let id = |name| {
            found
                .params
                .get(name)
                .and_then(|text| parse_uuid(text).ok())
        };
        Some((
            *found.value,
            Match {
                id: id("id"),
                user_id: id("user_id"),
            },
        ))
    }
}

fn router(routes: &[(&str, Route)]) -> Router<Route> {
    let mut router = Router::new();
    for (path, route) in routes {
        let inserted = router.insert(*path, *route);
        debug_assert!(inserted.is_ok(), "{path} clashes with another path");
    }
    router
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_found_with_its_ids() {
        let routes = Routes::new();
        for (path, for_operators) in [(ROUTES, false), (OPERATORS, true)]
            .into_iter()
            .flat_map(|(routes, whose)| routes.iter().map(move |(path, _)| (path, whose)))
        {
            let id = Uuid::from_u128(7).to_string();
            let path = path.replace("{id}", &id).replace("{user_id}", &id);
            let (route, matched) = routes.find(&path, for_operators).expect("found");
            assert_eq!(route.is_for_operators(), for_operators, "{path}");
            assert_eq!(matched.id.is_some(), path.contains(&id), "{path}");
        }
        assert!(routes.find("/chats/1/2/3", true).is_none());
        assert!(routes.find("/users/", true).is_none());
    }

    #[test]
    fn an_id_has_no_second_path() {
        let routes = Routes::new();
        let id = Uuid::from_u128(7);
        for text in [
            id.urn().to_string(),
            id.braced().to_string(),
            id.simple().to_string(),
        ] {
            let (_, matched) = routes
                .find(&format!("/chats/{text}"), false)
                .expect("found");
            assert_eq!(matched.id, None, "{text}");
        }
    }

    #[test]
    fn a_get_allows_head_and_all_allow_options() {
        let (route, _) = Routes::new().find("/chats", false).expect("found");
        assert_eq!(route.allowed(), "POST, GET, HEAD, OPTIONS");
        assert_eq!(route.endpoint(Method::Delete), None);
    }
}

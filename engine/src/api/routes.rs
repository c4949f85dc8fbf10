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
}

impl Endpoint {
    /// Whether it is for operators rather than users.
    pub(crate) const fn is_operational(self) -> bool {
        matches!(self, Self::Metrics | Self::Live | Self::Ready)
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

/// Every path that there is.
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
pub(crate) struct Routes(Router<Route>);

impl Routes {
    pub(crate) fn new() -> Self {
        let mut router = Router::new();
        for (path, route) in ROUTES {
            let inserted = router.insert(*path, *route);
            debug_assert!(inserted.is_ok(), "{path} clashes with another path");
        }
        Self(router)
    }

    pub(crate) fn find(&self, path: &str) -> Option<(Route, Match)> {
        let found = self.0.at(path).ok()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_found_with_its_ids() {
        let routes = Routes::new();
        for (path, _) in ROUTES {
            let id = Uuid::from_u128(7).to_string();
            let path = path.replace("{id}", &id).replace("{user_id}", &id);
            let (_, matched) = routes.find(&path).expect("found");
            assert_eq!(matched.id.is_some(), path.contains(&id), "{path}");
        }
        assert!(routes.find("/chats/1/2/3").is_none());
        assert!(routes.find("/users/").is_none());
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
            let (_, matched) = routes.find(&format!("/chats/{text}")).expect("found");
            assert_eq!(matched.id, None, "{text}");
        }
    }

    #[test]
    fn a_get_allows_head_and_all_allow_options() {
        let (route, _) = Routes::new().find("/chats").expect("found");
        assert_eq!(route.allowed(), "POST, GET, HEAD, OPTIONS");
        assert_eq!(route.endpoint(Method::Delete), None);
    }
}

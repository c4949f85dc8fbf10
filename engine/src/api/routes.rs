//! Paths and methods.

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
    SetRole,
    ChangeChat,
    DeleteChat,
    OpenDirectChat,
    ListBlocks,
    Block,
    Unblock,
    MarkRead,
    PostMessage,
    ShowMessages,
    ShowEvents,
    EditMessage,
    DeleteMessage,
    AddReaction,
    RemoveReaction,
    Connect,
    Ticket,
    ChatPage,
    OpsPage,
    Asset,
    About,
    OpenApi,
    AsyncApi,
    Metrics,
    Live,
    Ready,
    MakeInvite,
    CreateUser,
    SetPassword,
    DeleteUser,
    ChangePassword,
    DeleteAccount,
    ListSessions,
    EndSession,
    ChangeProfile,
    ShowSettings,
    ChangeSettings,
}

impl Endpoint {
    /// Whether it tells how the server is, rather than what users say.
    pub(crate) const fn is_operational(self) -> bool {
        matches!(
            self,
            Self::Metrics | Self::Live | Self::Ready | Self::OpsPage
        )
    }

    /// Whether it gives what pages load, which is the same for everybody, at every entrance and time.
    pub(crate) const fn is_asset(self) -> bool {
        matches!(self, Self::Asset)
    }

    /// Whether it gives what a browser shows to a person, who may come from any page.
    pub(crate) const fn is_page(self) -> bool {
        matches!(self, Self::ChatPage | Self::OpsPage)
    }

    /// Whether it is about the account of whoever calls.
    pub(crate) const fn is_for_own_account(self) -> bool {
        matches!(
            self,
            Self::ChangePassword | Self::DeleteAccount | Self::EndSession
        )
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

    pub(crate) fn is_asset(self) -> bool {
        self.0.iter().all(|(_, endpoint)| endpoint.is_asset())
    }

    pub(crate) fn is_page(self) -> bool {
        self.0.iter().all(|(_, endpoint)| endpoint.is_page())
    }

    pub(crate) fn is_for_users(self) -> bool {
        !self.is_operational() && !self.is_for_operators() && !self.is_asset()
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
    /// The chat's, user's or session's.
    pub(crate) id: Option<Uuid>,
    /// The user's or message's, behind a chat's.
    pub(crate) inner_id: Option<Uuid>,
}

impl Match {
    /// A path with the id of a chat, user or session.
    fn of(id: &[u8]) -> Self {
        Self {
            id: uuid(id),
            inner_id: None,
        }
    }

    /// A path with the id of a user or message in a chat.
    fn of_inner(id: &[u8], inner_id: &[u8]) -> Self {
        Self {
            id: uuid(id),
            inner_id: uuid(inner_id),
        }
    }
}

fn uuid(segment: &[u8]) -> Option<Uuid> {
    parse_uuid(str::from_utf8(segment).ok()?).ok()
}

/// Segments that a path of the API has at most.
const SEGMENTS_MAX: usize = 6;

/// How the paths of assets begin.
pub(super) const ASSETS: &[u8] = b"/assets/";

/// The route of a path, which may be another one for operators.
pub(crate) fn find(path: &[u8], for_operators: bool) -> Option<(Route, Match)> {
    if path == b"/" {
        return Some((
            Route(&[(Method::Get, Endpoint::ChatPage)]),
            Match::default(),
        ));
    }
    find_in_api(path, for_operators).or_else(|| find_asset(path))
}

/// The route of all assets, which is looked for last: posts are many.
fn find_asset(path: &[u8]) -> Option<(Route, Match)> {
    let route = Route(&[(Method::Get, Endpoint::Asset)]);
    path.starts_with(ASSETS).then(|| (route, Match::default()))
}

/// The route of every other path.
fn find_in_api(path: &[u8], for_operators: bool) -> Option<(Route, Match)> {
    let mut segments = [b"".as_slice(); SEGMENTS_MAX];
    let mut count = 0;
    for segment in path.strip_prefix(b"/")?.split(|byte| *byte == b'/') {
        if segment.is_empty() {
            return None;
        }
        *segments.get_mut(count)? = segment;
        count += 1;
    }
    let path = &segments[..count];
    let theirs = for_operators.then(|| find_for_operators(path)).flatten();
    theirs.or_else(|| find_for_all(path))
}

/// The paths at the admin entrance that take an operator's token.
fn find_for_operators(path: &[&[u8]]) -> Option<(Route, Match)> {
    use Endpoint::{CreateUser, DeleteUser, MakeInvite, SetPassword};
    use Method::{Delete, Post, Put};
    let (methods, ids): (&'static [_], _) = match path {
        [b"invites"] => (&[(Post, MakeInvite)], Match::default()),
        [b"users"] => (&[(Post, CreateUser)], Match::default()),
        [b"users", id] => (&[(Delete, DeleteUser)], Match::of(id)),
        [b"users", id, b"password"] => (&[(Put, SetPassword)], Match::of(id)),
        _ => return None,
    };
    Some((Route(methods), ids))
}

/// Every other path that there is.
fn find_for_all(path: &[&[u8]]) -> Option<(Route, Match)> {
    use Endpoint::{
        About, AddMember, AddReaction, AsyncApi, Block, ChangeChat, ChangePassword, ChangeProfile,
        ChangeSettings, Connect, CreateChat, DeleteAccount, DeleteChat, DeleteMessage, EditMessage,
        EndSession, FindUsers, ListBlocks, ListChats, ListSessions, Live, LogIn, LogOut, MarkRead,
        Me, Metrics, OpenApi, OpenDirectChat, OpsPage, PostMessage, Ready, Register, RemoveMember,
        RemoveReaction, SetRole, ShowChat, ShowEvents, ShowMembers, ShowMessages, ShowSettings,
        ShowUser, Ticket, Unblock,
    };
    use Method::{Delete, Get, Patch, Post, Put};
    let (methods, ids): (&'static [_], _) = match path {
        [b"users"] => (&[(Post, Register), (Get, FindUsers)], Match::default()),
        [b"users", id] => (&[(Get, ShowUser)], Match::of(id)),
        [b"me"] => (
            &[(Get, Me), (Patch, ChangeProfile), (Delete, DeleteAccount)],
            Match::default(),
        ),
        [b"me", b"settings"] => (
            &[(Get, ShowSettings), (Patch, ChangeSettings)],
            Match::default(),
        ),
        [b"me", b"password"] => (&[(Put, ChangePassword)], Match::default()),
        [b"me", b"blocks"] => (&[(Get, ListBlocks)], Match::default()),
        [b"me", b"blocks", user_id] => (&[(Put, Block), (Delete, Unblock)], Match::of(user_id)),
        [b"login"] => (&[(Post, LogIn)], Match::default()),
        [b"logout"] => (&[(Post, LogOut)], Match::default()),
        [b"sessions"] => (&[(Get, ListSessions)], Match::default()),
        [b"sessions", id] => (&[(Delete, EndSession)], Match::of(id)),
        [b"chats"] => (&[(Post, CreateChat), (Get, ListChats)], Match::default()),
        [b"direct", user_id] => (&[(Post, OpenDirectChat)], Match::of(user_id)),
        [b"chats", id] => (
            &[(Get, ShowChat), (Patch, ChangeChat), (Delete, DeleteChat)],
            Match::of(id),
        ),
        [b"chats", id, b"members"] => (&[(Post, AddMember), (Get, ShowMembers)], Match::of(id)),
        [b"chats", id, b"members", user_id] => (
            &[(Put, SetRole), (Delete, RemoveMember)],
            Match::of_inner(id, user_id),
        ),
        [b"chats", id, b"messages"] => (&[(Post, PostMessage), (Get, ShowMessages)], Match::of(id)),
        [b"chats", id, b"read"] => (&[(Put, MarkRead)], Match::of(id)),
        [b"chats", id, b"events"] => (&[(Get, ShowEvents)], Match::of(id)),
        [b"chats", id, b"messages", message_id] => (
            &[(Patch, EditMessage), (Delete, DeleteMessage)],
            Match::of_inner(id, message_id),
        ),
        [b"chats", id, b"messages", message_id, b"reactions", _] => (
            &[(Put, AddReaction), (Delete, RemoveReaction)],
            Match::of_inner(id, message_id),
        ),
        [b"ws", b"connect", id] => (&[(Get, Connect)], Match::of(id)),
        [b"ws-ticket"] => (&[(Post, Ticket)], Match::default()),
        [b"ops"] => (&[(Get, OpsPage)], Match::default()),
        [b"about"] => (&[(Get, About)], Match::default()),
        [b"openapi.json"] => (&[(Get, OpenApi)], Match::default()),
        [b"asyncapi.json"] => (&[(Get, AsyncApi)], Match::default()),
        [b"metrics"] => (&[(Get, Metrics)], Match::default()),
        [b"livez"] => (&[(Get, Live)], Match::default()),
        [b"readyz"] => (&[(Get, Ready)], Match::default()),
        _ => return None,
    };
    Some((Route(methods), ids))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_with_their_ids() {
        let (id, inner_id) = (Uuid::from_u128(7), Uuid::from_u128(8));
        for (path, for_operators, allowed) in [
            ("/users", false, "POST, GET, HEAD, OPTIONS"),
            ("/users", true, "POST, OPTIONS"),
            ("/users/{id}", false, "GET, HEAD, OPTIONS"),
            ("/users/{id}", true, "DELETE, OPTIONS"),
            ("/users/{id}/password", true, "PUT, OPTIONS"),
            ("/chats", true, "POST, GET, HEAD, OPTIONS"),
            ("/chats/{id}/messages", false, "POST, GET, HEAD, OPTIONS"),
            ("/chats/{id}/read", false, "PUT, OPTIONS"),
            (
                "/chats/{id}/members/{inner_id}",
                false,
                "PUT, DELETE, OPTIONS",
            ),
            ("/chats/{id}", false, "GET, PATCH, DELETE, HEAD, OPTIONS"),
            (
                "/chats/{id}/messages/{inner_id}",
                false,
                "PATCH, DELETE, OPTIONS",
            ),
            (
                "/chats/{id}/messages/{inner_id}/reactions/%F0%9F%91%8D",
                false,
                "PUT, DELETE, OPTIONS",
            ),
            ("/ws/connect/{id}", false, "GET, HEAD, OPTIONS"),
            ("/me/blocks/{id}", false, "PUT, DELETE, OPTIONS"),
            ("/direct/{id}", false, "POST, OPTIONS"),
            ("/ws-ticket", false, "POST, OPTIONS"),
            ("/", false, "GET, HEAD, OPTIONS"),
            ("/", true, "GET, HEAD, OPTIONS"),
            ("/ops", true, "GET, HEAD, OPTIONS"),
            ("/about", false, "GET, HEAD, OPTIONS"),
            ("/assets/1/a.js", false, "GET, HEAD, OPTIONS"),
            ("/assets/1/a/b/c/d/e/f.js", true, "GET, HEAD, OPTIONS"),
            ("/openapi.json", false, "GET, HEAD, OPTIONS"),
            ("/me/password", false, "PUT, OPTIONS"),
            ("/me", false, "GET, PATCH, DELETE, HEAD, OPTIONS"),
            ("/me/settings", false, "GET, PATCH, HEAD, OPTIONS"),
            ("/sessions", false, "GET, HEAD, OPTIONS"),
            ("/sessions/{id}", false, "DELETE, OPTIONS"),
        ] {
            let has = |name: &str, id| path.contains(name).then_some(id);
            let expected = Match {
                id: has("{id}", id),
                inner_id: has("{inner_id}", inner_id),
            };
            let path = path.replace("{id}", &id.to_string());
            let path = path.replace("{inner_id}", &inner_id.to_string());
            let (route, matched) = find(path.as_bytes(), for_operators).expect("found");
            assert_eq!(route.allowed(), allowed, "{path}");
            assert_eq!(matched, expected, "{path}");
        }
    }

    #[test]
    fn other_paths_are_not_found() {
        for path in [
            "",
            "//",
            "*",
            "users",
            "/users/",
            "/users//password",
            "//users",
            "/chats/1/2",
            "/chats/1/members/2/3",
            "/chats/1/messages/",
            "/chats/1/messages/2/reactions",
            "/chats/1/messages/2/reactions/",
            "/chats/1/messages/2/reactions/3/4",
            "/Users",
            "/assets",
            "/ops/",
        ] {
            assert!(find(path.as_bytes(), true).is_none(), "{path}");
        }
        assert!(find(b"/invites", false).is_none());
        assert!(find(b"/users/1/password", false).is_none());
    }

    #[test]
    fn an_id_has_no_second_path() {
        let id = Uuid::from_u128(7);
        for text in [
            id.urn().to_string(),
            id.braced().to_string(),
            id.simple().to_string(),
        ] {
            let (_, matched) = find(format!("/chats/{text}").as_bytes(), false).expect("found");
            assert_eq!(matched.id, None, "{text}");
        }
    }

    #[test]
    fn a_route_has_no_other_methods() {
        let (route, _) = find(b"/chats", false).expect("found");
        assert_eq!(route.endpoint(Method::Get), Some(Endpoint::ListChats));
        assert_eq!(route.endpoint(Method::Delete), None);
    }
}

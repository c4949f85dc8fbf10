//! The HTTP API: which request asks for what, and what its reply looks like.

mod accounts;
mod audit;
mod blocks;
mod body;
mod chats;
mod clients;
mod documents;
mod handlers;
mod logging_in;
mod me;
mod messages;
mod operators;
mod options;
mod outcomes;
mod pages;
pub(crate) mod post;
pub(crate) mod reading;
pub(crate) mod rejection;
mod reply;
mod routes;
mod sessions;
mod users;
mod users_shown;
mod web;

use std::net::IpAddr;

use rookery_schema::{ChatId, UserId};

use crate::api::audit::Audit;
use crate::api::body::text;
pub use crate::api::documents::{ASYNCAPI, OPENAPI};
use crate::api::rejection::Rejection;
pub use crate::api::reply::refuse_connection;
pub(crate) use crate::api::reply::{Reply, ReplyTo};
use crate::api::routes::{Endpoint, Match, Route};
use crate::auth::gate::Gate;
use crate::auth::tokens::Ticket;
use crate::config::AuthMode;
use crate::context::Context;
use crate::edge::effect::Notice;
use crate::edge::input::Entrance;
use crate::edge::port::Read;
use crate::http::{Method, Request};
use crate::ids::Caller;
use crate::limits::{Client, Network};
use crate::mesh::field::Field;
use crate::mesh::problem::Problem;
use crate::mesh::{ChatCommand, Command};
use crate::ws::Accepted;

/// The path of a request that is for no path but the server: `OPTIONS *` (RFC 9110, section 9.3.7).
const WHOLE_SERVER: &[u8] = b"*";

/// The API, as connections use it.
#[derive(Clone, Copy)]
pub(crate) struct Api<'a> {
    gate: &'a Gate,
}

/// What a request needs.
pub(crate) enum Action {
    /// It is answered already.
    Reply(Reply),
    /// The shard that serves it has to be asked.
    Ask { command: Command, reply_to: ReplyTo },
    /// The shard that serves its chat has to be asked for a page.
    AskPage(Box<AskedPage>),
    /// The store must be read.
    Read { read: Read, reply_to: ReplyTo },
    /// The numbers of all shards must be gathered.
    Scrape,
    /// It becomes a WebSocket, once its ticket (if any) was spent.
    Upgrade {
        upgrade: Box<Upgrade>,
        ticket: Option<Ticket>,
    },
}

/// A WebSocket that is to be opened.
pub(crate) struct Upgrade {
    pub(crate) accepted: Accepted,
    pub(crate) caller: Caller,
    /// It is sent nothing of its chats before it resumes.
    pub(crate) will_resume: bool,
}

/// A page of a chat, and for whom it counts.
pub(crate) struct AskedPage {
    pub(crate) command: Command,
    pub(crate) reply_to: ReplyTo,
    pub(crate) network: Network,
}

/// What a request needs, or why it is refused.
type Handled = Result<Action, Rejection>;

impl Action {
    const fn ask(command: Command, reply_to: ReplyTo) -> Self {
        Self::Ask { command, reply_to }
    }

    /// Asks the shard that serves a chat for a page of it. `path` is that of the next one, but for where it begins.
    fn ask_page(chat_id: ChatId, command: ChatCommand, path: String, network: Network) -> Self {
        Self::AskPage(Box::new(AskedPage {
            command: Command::Chat(chat_id, command),
            reply_to: ReplyTo::Page { path },
            network,
        }))
    }
}

/// Where a connection comes from.
#[derive(Clone, Copy)]
pub(crate) struct Door {
    pub(crate) peer: IpAddr,
    pub(crate) entrance: Entrance,
}

/// What an endpoint's handler works with.
struct Call<'a> {
    request: &'a Request,
    matched: Match,
    peer: IpAddr,
    /// Who calls, or why that is not known.
    caller: Result<Caller, Problem>,
    /// Whether the call is for operators, and one makes it.
    is_by_operator: bool,
}

impl Call<'_> {
    fn chat_id(&self) -> Result<ChatId, Problem> {
        self.matched.id.map(ChatId).ok_or(Problem::NO_SUCH_CHAT)
    }

    /// Whom the request counts for, where a limit is by address.
    fn client(&self, cx: &mut Context<'_>) -> Client {
        let client = cx.config.proxies.client(self.peer, self.request);
        if client.is_untrusted_forward {
            if cx.stats.untrusted_forwards == 0 {
                let peer = self.peer;
                cx.effects.notices.push(Notice::UntrustedForward { peer });
            }
            cx.stats.untrusted_forwards += 1;
        }
        client
    }

    /// Where the request comes from.
    fn network(&self, cx: &Context<'_>) -> Network {
        let client = cx.config.proxies.client(self.peer, self.request);
        client.network
    }

    /// What the security log is to tell of the request, where it tells of it.
    fn audit(&self, endpoint: Endpoint, cx: &Context<'_>) -> Option<Audit> {
        let user_id = match endpoint.is_for_own_account() {
            true => self.caller.ok().map(|caller| caller.user_id),
            false => self.matched.id.map(UserId),
        };
        Audit::of(endpoint, self.is_by_operator, user_id, || self.network(cx))
    }

    /// What the security log is to tell of a user's other name.
    fn audit_of_profile(&self, user_id: UserId, cx: &Context<'_>) -> Audit {
        Audit::of_profile(user_id, self.network(cx))
    }

    /// What the security log is to tell of a logout from everywhere.
    fn audit_of_all(&self, user_id: UserId, cx: &Context<'_>) -> Audit {
        Audit::of_all_logouts(user_id, self.network(cx))
    }

    /// The user whom the path begins with.
    fn user_id(&self) -> Result<UserId, Problem> {
        self.matched.id.map(UserId).ok_or(Problem::NO_SUCH_USER)
    }
}

impl<'a> Api<'a> {
    pub(crate) const fn new(gate: &'a Gate) -> Self {
        Self { gate }
    }

    pub(crate) const fn gate(self) -> &'a Gate {
        self.gate
    }

    /// Whether a request may run beside others of its kind on its connection. All others see the effects of
    /// everything that was asked before them, and are done before anything that is asked after them.
    pub(crate) fn is_concurrent(self, request: &Request) -> bool {
        request.method == Method::Post && request.path_bytes().ends_with(b"/messages")
    }

    /// Determines what a request needs. `caller` says who calls, where that matters.
    ///
    /// # Errors
    /// Why it is refused.
    pub(crate) fn handle(
        self,
        request: &Request,
        door: Door,
        caller: impl FnOnce(&Context<'_>) -> Option<Caller>,
        cx: &mut Context<'_>,
    ) -> Handled {
        let handled = self.admit(request, door, caller, cx);
        if let Err(Rejection { problem, .. }) = &handled {
            let network = || cx.config.proxies.client(door.peer, request).network;
            if let Some(audit) = Audit::of_foreign(problem, network) {
                audit.refused_with(problem, cx);
            }
        }
        handled
    }

    fn admit(
        self,
        request: &Request,
        door: Door,
        caller: impl FnOnce(&Context<'_>) -> Option<Caller>,
        cx: &mut Context<'_>,
    ) -> Handled {
        if request.path_bytes() == WHOLE_SERVER {
            let known = Method::ALL.map(Method::name);
            return Ok(Action::Reply(Reply::allowing(known.join(", "))));
        }
        let (route, matched) = self.route(request, door)?;
        let is_foreign = route.is_for_users() && self.is_foreign(request, route)?;
        if request.method == Method::Options {
            return Ok(Action::Reply(self.options(request, route)));
        }
        let method = if request.method == Method::Head {
            Method::Get
        } else {
            request.method
        };
        let Some(endpoint) = route.endpoint(method) else {
            return Ok(Action::Reply(Reply::method_not_allowed(route.allowed())));
        };
        let is_at_any_time = endpoint.is_operational() || endpoint.is_asset() || endpoint.is_page();
        if !is_at_any_time && !cx.readiness.serves() {
            return Err(Problem::STARTING.into());
        }
        if is_foreign {
            self.admit_foreign(endpoint, request)?;
        }
        let call = Call {
            request,
            matched,
            peer: door.peer,
            caller: caller(cx).ok_or_else(|| self.unauthenticated(request)),
            is_by_operator: endpoint.is_for_operators() && self.gate.is_by_operator(request),
        };
        match call.audit(endpoint, cx) {
            None => self.dispatch(endpoint, &call, cx),
            Some(audit) => self.dispatch_audited(audit, endpoint, &call, cx),
        }
    }

    /// Does what an endpoint does, and has the security log told of it.
    fn dispatch_audited(
        self,
        audit: Audit,
        endpoint: Endpoint,
        call: &Call<'_>,
        cx: &mut Context<'_>,
    ) -> Handled {
        let handled = self.dispatch(endpoint, call, cx);
        match handled {
            Err(rejection) => {
                audit.refused_with(&rejection.problem, cx);
                Err(rejection)
            }
            Ok(Action::Ask { command, reply_to }) => {
                audit.asked(cx);
                Ok(Action::ask(command, reply_to.audited(audit)))
            }
            Ok(Action::Reply(reply)) => {
                audit.done(cx);
                Ok(Action::Reply(reply))
            }
            Ok(action) => Ok(action),
        }
    }

    /// Whether a page of another origin makes the request. A page that a link from elsewhere leads to acts for nobody.
    ///
    /// # Errors
    /// The request is for another host; or, in trust mode, where every page could act for anybody, it is foreign.
    fn is_foreign(self, request: &Request, route: Route) -> Result<bool, Problem> {
        let origins = self.gate.origins();
        if !origins.is_host(request.authority()) {
            return Err(Problem::MISDIRECTED);
        }
        if route.is_page() {
            return Ok(false);
        }
        match (origins.is_foreign(request), self.gate.mode()) {
            (true, AuthMode::Trust) => Err(Problem::FOREIGN_ORIGIN),
            (is_foreign, _) => Ok(is_foreign),
        }
    }

    /// Lets a page of another origin make a request if it presents credentials that a browser does not add by itself.
    fn admit_foreign(self, endpoint: Endpoint, request: &Request) -> Result<(), Rejection> {
        let by_bearer = self.gate.is_by_bearer(request);
        let by_ticket = endpoint == Endpoint::Connect && text(request, Field::Ticket)?.is_some();
        let by_cookie = !by_bearer && !by_ticket && self.gate.has_cookie(request);
        // Both set cookies, even where none were sent.
        let logs_in_or_out =
            endpoint == Endpoint::LogIn || endpoint == Endpoint::LogOut && !by_bearer;
        if by_cookie || logs_in_or_out {
            return Err(Problem::FOREIGN_ORIGIN.into());
        }
        // A page may post a body without a type unasked.
        if request.has_body_framing() && request.content_type().is_none() {
            return Err(Problem::UNSUPPORTED_MEDIA.into());
        }
        Ok(())
    }

    /// The route of a request's path, where it is served at this door.
    fn route(self, request: &Request, door: Door) -> Result<(Route, Match), Problem> {
        let for_operators = door.entrance == Entrance::Admin && self.gate.serves_operators();
        match routes::find(request.path_bytes(), for_operators) {
            Some(found) if serves(door.entrance, found.0) => Ok(found),
            Some(_) | None => Err(Problem::NO_SUCH_PAGE),
        }
    }

    /// Why the caller of a request is not known.
    fn unauthenticated(self, request: &Request) -> Problem {
        if self.gate.carries_token(request) {
            Problem::INVALID_TOKEN
        } else {
            Problem::UNAUTHENTICATED
        }
    }

    fn dispatch(self, endpoint: Endpoint, call: &Call<'_>, cx: &mut Context<'_>) -> Handled {
        if endpoint.is_for_operators() {
            self.check_operator(call)?;
        }
        match endpoint {
            Endpoint::PostMessage => self.post_message(call, cx),
            Endpoint::ShowMessages => self.show_messages(call, cx),
            Endpoint::ShowEvents => self.show_events(call, cx),
            Endpoint::EditMessage => self.edit_message(call, cx),
            Endpoint::DeleteMessage => self.delete_message(call, cx),
            Endpoint::AddReaction => self.add_reaction(call, cx),
            Endpoint::RemoveReaction => self.remove_reaction(call, cx),
            Endpoint::Register => self.register(call, cx),
            Endpoint::MakeInvite => self.make_invite(call, cx),
            Endpoint::CreateUser => self.create_user(call, cx),
            Endpoint::SetPassword => self.set_password(call, cx),
            Endpoint::DeleteUser => self.delete_user(call, cx),
            Endpoint::LogIn => self.log_in(call, cx),
            Endpoint::LogOut => self.log_out(call, cx),
            Endpoint::ChangeProfile => self.change_profile(call, cx),
            Endpoint::ShowSettings => self.show_settings(call),
            Endpoint::ChangeSettings => self.change_settings(call, cx),
            Endpoint::ListSessions => self.list_sessions(call),
            Endpoint::EndSession => self.end_session(call, cx),
            Endpoint::ChangePassword => self.change_password(call, cx),
            Endpoint::DeleteAccount => self.delete_account(call, cx),
            Endpoint::Me => Ok(self.show_user(call.caller?.user_id)),
            Endpoint::ShowUser => {
                call.caller?;
                Ok(self.show_user(call.user_id()?))
            }
            Endpoint::FindUsers => self.find_users(call),
            Endpoint::CreateChat => self.create_chat(call, cx),
            Endpoint::ListChats => self.list_chats(call, cx),
            Endpoint::ShowChat => self.show_chat(call),
            Endpoint::ShowMembers => self.show_members(call, cx),
            Endpoint::AddMember => self.add_member(call, cx),
            Endpoint::RemoveMember => self.remove_member(call, cx),
            Endpoint::SetRole => self.set_role(call, cx),
            Endpoint::ChangeChat => self.change_chat(call, cx),
            Endpoint::DeleteChat => self.delete_chat(call, cx),
            Endpoint::ListBlocks => self.list_blocks(call),
            Endpoint::Block => self.block(call, cx),
            Endpoint::Unblock => self.unblock(call, cx),
            Endpoint::OpenDirectChat => self.open_direct_chat(call, cx),
            Endpoint::MarkRead => self.mark_read(call),
            Endpoint::Connect => self.connect(call, cx),
            Endpoint::Ticket => self.buy_ticket(call, cx),
            Endpoint::ChatPage => self.show_chat_page(call, cx),
            Endpoint::OpsPage => self.show_ops_page(call, cx),
            Endpoint::Asset => self.show_asset(call, cx),
            Endpoint::About => Ok(self.show_about(cx)),
            Endpoint::OpenApi => Ok(Action::Reply(documents::openapi().reply(call.request))),
            Endpoint::AsyncApi => Ok(Action::Reply(documents::asyncapi().reply(call.request))),
            Endpoint::Metrics => Ok(Action::Scrape),
            Endpoint::Live => Ok(Action::Reply(Reply::alive())),
            Endpoint::Ready => self.show_readiness(cx),
        }
    }
}

fn serves(entrance: Entrance, route: Route) -> bool {
    match entrance {
        Entrance::Public { operations } => operations || !route.is_operational(),
        Entrance::Admin => route.is_operational() || route.is_for_operators() || route.is_asset(),
    }
}

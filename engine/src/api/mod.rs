//! The HTTP API: which request asks for what, and what its reply looks like.

pub(crate) mod body;
mod handlers;
mod reply;
mod routes;

use rookery_schema::{ChatId, Timestamp};

pub(crate) use crate::api::reply::{Reply, ReplyTo};
use crate::api::routes::{Endpoint, Match, Routes};
use crate::auth::{Caller, SESSION_COOKIE, Ticket, Tokens, USER_COOKIE, cookie};
use crate::connection::http::HttpConnection;
use crate::context::Context;
use crate::http::{Method, Request};
use crate::input::Listener;
use crate::mesh::{Command, ShardMessage};
use crate::port::Read;
use crate::problem::Problem;
use crate::revoked::Revoked;
use crate::shard::{AuthMode, ShardConfig};
use crate::ws::Accepted;
use rookery_schema::{SessionId, ShardId};

/// The state of the API that is not a connection's.
pub(crate) struct Api {
    routes: Routes,
    tokens: Tokens,
    auth: AuthMode,
    /// Logins that were ended before their tokens expired.
    ended: Revoked,
    /// Which shards have replayed their partitions.
    ready: Vec<bool>,
    /// Which shards know that all have.
    serving: Vec<bool>,
    draining: bool,
}

/// What a request needs.
pub(crate) enum Action {
    /// It is answered already.
    Reply(Reply),
    /// A shard must do something.
    Ask {
        to: ShardId,
        command: Command,
        reply_to: ReplyTo,
    },
    /// Users must be read from the store: one, or a list.
    ReadUsers { read: Read, list: bool },
    /// It becomes a WebSocket, once the ticket (if there is one) was spent.
    Upgrade {
        accepted: Accepted,
        caller: Caller,
        ticket: Option<Ticket>,
    },
}

/// Where an endpoint's handler finds things.
pub(super) struct Call<'a> {
    pub(super) request: &'a Request,
    pub(super) matched: Match,
    pub(super) caller: Option<Caller>,
}

impl Call<'_> {
    pub(super) fn caller(&self) -> Result<Caller, Problem> {
        self.caller.ok_or(Problem::UNAUTHENTICATED)
    }

    pub(super) fn chat_id(&self) -> Result<ChatId, Problem> {
        self.matched.id.map(ChatId).ok_or(Problem::NO_SUCH_CHAT)
    }
}

impl Api {
    pub(crate) fn new(config: &ShardConfig) -> Self {
        Self {
            routes: Routes::new(),
            // In trust mode a name alone logs in, which no other mode must believe later.
            tokens: match config.auth {
                AuthMode::Token => Tokens::new(&config.token_secret, &config.ticket_secret),
                AuthMode::Trust => Tokens::new(&config.ticket_secret, &config.ticket_secret),
            },
            auth: config.auth,
            ended: Revoked::default(),
            ready: vec![false; usize::from(config.topology.shards())],
            serving: vec![false; usize::from(config.topology.shards())],
            draining: false,
        }
    }

    pub(crate) fn drain(&mut self) {
        self.draining = true;
    }

    pub(crate) const fn is_draining(&self) -> bool {
        self.draining
    }

    /// A shard has replayed its partitions; with the last one, this shard serves.
    pub(crate) fn shard_ready(&mut self, shard: ShardId, cx: &mut Context<'_>) {
        self.ready[shard.index()] = true;
        if self.all_ready() {
            let from = cx.id();
            cx.send_to_all(|| ShardMessage::Serving { from });
        }
    }

    /// Whether requests are served here.
    pub(crate) fn all_ready(&self) -> bool {
        self.ready.iter().all(|ready| *ready)
    }

    pub(crate) fn shard_serves(&mut self, shard: ShardId) {
        self.serving[shard.index()] = true;
    }

    /// Whether requests are served wherever they may come in.
    pub(super) fn all_serving(&self) -> bool {
        self.serving.iter().all(|serving| *serving)
    }

    /// A login was ended, here or on another shard.
    pub(crate) fn session_ended(&mut self, session_id: SessionId, expires_at: Timestamp) {
        self.ended.revoke(session_id, expires_at);
    }

    /// How many ended logins are kept in mind.
    pub(crate) fn ended_sessions(&self) -> usize {
        self.ended.len()
    }

    pub(crate) fn tick(&mut self, cx: &Context<'_>) {
        self.ended.expire(cx.now.wall);
    }

    /// Whether a request may run beside those before it on its connection. All others see the effects
    /// of everything that was asked before them.
    pub(crate) fn is_concurrent(&self, request: &Request) -> bool {
        request.method == Method::Post && request.path().ends_with("/messages")
    }

    /// Whether credentials that were checked before are still good.
    pub(crate) fn is_current(&self, caller: &Caller, now: Timestamp) -> bool {
        caller.session.is_none_or(|session| {
            now < session.expires_at && !self.ended.contains(session.session_id, session.expires_at)
        })
    }

    /// The header that tells who calls in this mode.
    pub(crate) fn credentials<'a>(&self, request: &'a Request) -> Option<&'a [u8]> {
        let bearer = match self.auth {
            AuthMode::Trust => None,
            AuthMode::Token => request.header("authorization").filter(|it| is_bearer(it)),
        };
        bearer.or_else(|| request.header("cookie"))
    }

    /// Whom a request's credentials stand for.
    pub(crate) fn authenticate(&self, credentials: &[u8], cx: &Context<'_>) -> Option<Caller> {
        match self.auth {
            AuthMode::Trust => {
                let user_id = cookie(credentials, USER_COOKIE)?.parse().ok()?;
                Some(Caller {
                    user_id,
                    session: None,
                })
            }
            AuthMode::Token => {
                let token = match is_bearer(credentials) {
                    true => credentials[BEARER.len()..].trim_ascii(),
                    false => cookie(credentials, SESSION_COOKIE)?.as_bytes(),
                };
                let (user_id, session) = self.tokens.verify(token, cx.now.wall)?;
                let caller = Caller {
                    user_id,
                    session: Some(session),
                };
                self.is_current(&caller, cx.now.wall).then_some(caller)
            }
        }
    }

    /// Finds out what a request needs.
    ///
    /// # Errors
    /// The refusal to answer it with.
    pub(crate) fn handle(
        &mut self,
        request: &Request,
        http: &mut HttpConnection,
        cx: &mut Context<'_>,
    ) -> Result<Action, Problem> {
        let Some((route, matched)) = self.routes.find(request.path()) else {
            return Err(Problem::NO_SUCH_PAGE);
        };
        if !serves(http.listener, route.is_operational()) {
            return Err(Problem::NO_SUCH_PAGE);
        }
        let method = if request.method == Method::Head {
            Method::Get
        } else {
            request.method
        };
        let Some(endpoint) = route.endpoint(method) else {
            return Ok(Action::Reply(Reply::method_not_allowed(route)));
        };
        if !endpoint.is_operational() && !self.all_ready() {
            return Err(Problem::STARTING);
        }
        let caller = http.caller(request, self, cx);
        let call = Call {
            request,
            matched,
            caller,
        };
        self.dispatch(endpoint, &call, http, cx)
    }

    fn dispatch(
        &mut self,
        endpoint: Endpoint,
        call: &Call<'_>,
        http: &HttpConnection,
        cx: &mut Context<'_>,
    ) -> Result<Action, Problem> {
        match endpoint {
            Endpoint::PostMessage => self.post_message(call, cx),
            Endpoint::ShowMessages => self.show_messages(call, cx),
            Endpoint::Register => self.register(call, cx),
            Endpoint::LogIn => self.log_in(call, http.peer, cx),
            Endpoint::LogOut => self.log_out(call, cx),
            Endpoint::Me => Ok(self.show_user(call.caller()?.user_id)),
            Endpoint::ShowUser => {
                call.caller()?;
                let id = call.matched.id.ok_or(Problem::NO_SUCH_USER)?;
                Ok(self.show_user(rookery_schema::UserId(id)))
            }
            Endpoint::FindUsers => self.find_users(call),
            Endpoint::CreateChat => self.create_chat(call, cx),
            Endpoint::ListChats => self.list_chats(call, cx),
            Endpoint::ShowChat => self.show_chat(call, cx),
            Endpoint::AddMember => self.add_member(call, cx),
            Endpoint::RemoveMember => self.remove_member(call, cx),
            Endpoint::Connect => self.connect(call, cx),
            Endpoint::Ticket => self.buy_ticket(call, cx),
            Endpoint::Metrics => Ok(Action::Ask {
                to: cx.id(),
                command: Command::ShowMetrics,
                reply_to: ReplyTo::Plain,
            }),
            Endpoint::Live => Ok(Action::Reply(Reply::text("alive\n"))),
            Endpoint::Ready => self.show_readiness(),
        }
    }
}

/// How credentials that are a token begin, in any case.
const BEARER: &[u8] = b"bearer ";

fn is_bearer(credentials: &[u8]) -> bool {
    credentials
        .get(..BEARER.len())
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case(BEARER))
}

const fn serves(listener: Listener, is_operational: bool) -> bool {
    match listener {
        Listener::Public { operations } => operations || !is_operational,
        Listener::Admin => is_operational,
    }
}

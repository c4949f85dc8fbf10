//! The gate that every request passes: it knows who presents credentials, and which logins were ended.

use rookery_schema::{SessionId, Timestamp, UserId};

use crate::auth::revoked::Revoked;
use crate::auth::tokens::{SESSION_COOKIE, Ticket, Tokens, USER_COOKIE, cookie};
use crate::config::{AuthMode, ShardConfig};
use crate::http::Request;
use crate::ids::{Caller, Session};

/// How credentials that are a token begin, in any case.
const BEARER: &[u8] = b"bearer ";

/// See the module.
pub(crate) struct Gate {
    mode: AuthMode,
    tokens: Tokens,
    /// Logins that were ended before their tokens expired.
    ended: Revoked,
}

impl Gate {
    pub(crate) fn new(config: &ShardConfig) -> Self {
        Self {
            mode: config.auth,
            // In trust mode a name alone logs in, which no other mode must believe later.
            tokens: match config.auth {
                AuthMode::Token => Tokens::new(&config.token_secret, &config.ticket_secret),
                AuthMode::Trust => Tokens::new(&config.ticket_secret, &config.ticket_secret),
            },
            ended: Revoked::default(),
        }
    }

    pub(crate) const fn mode(&self) -> AuthMode {
        self.mode
    }

    /// The header that says who calls, in this mode.
    pub(crate) fn credentials<'a>(&self, request: &'a Request) -> Option<&'a [u8]> {
        let bearer = match self.mode {
            AuthMode::Trust => None,
            AuthMode::Token => request.header("authorization").filter(|it| is_bearer(it)),
        };
        bearer.or_else(|| request.header("cookie"))
    }

    /// The caller that credentials stand for, if they are valid.
    pub(crate) fn authenticate(&self, credentials: &[u8], now: Timestamp) -> Option<Caller> {
        match self.mode {
            AuthMode::Trust => {
                let user_id = cookie(credentials, USER_COOKIE)?.parse().ok()?;
                let session = None;
                Some(Caller { user_id, session })
            }
            AuthMode::Token => {
                let token = match is_bearer(credentials) {
                    true => credentials[BEARER.len()..].trim_ascii(),
                    false => cookie(credentials, SESSION_COOKIE)?.as_bytes(),
                };
                let (user_id, session) = self.tokens.verify(token, now)?;
                let caller = Caller {
                    user_id,
                    session: Some(session),
                };
                self.is_current(&caller, now).then_some(caller)
            }
        }
    }

    /// Whether credentials that were checked before are still good.
    pub(crate) fn is_current(&self, caller: &Caller, now: Timestamp) -> bool {
        caller.session.is_none_or(|session| {
            now < session.expires_at && !self.ended.contains(session.session_id, session.expires_at)
        })
    }

    /// A token for a login.
    pub(crate) fn issue(&self, user_id: UserId, session: Session) -> Option<String> {
        self.tokens.issue(user_id, session)
    }

    pub(crate) fn issue_ticket(&self, ticket: &Ticket) -> Option<String> {
        self.tokens.issue_ticket(ticket)
    }

    /// The ticket in a query, unless it is forged or expired, or its login was ended. Whether it was spent
    /// already is known at its user's home.
    pub(crate) fn verify_ticket(&self, ticket: &[u8], now: Timestamp) -> Option<Ticket> {
        let ticket = self.tokens.verify_ticket(ticket, now)?;
        self.is_current(&ticket.caller(), now).then_some(ticket)
    }

    /// A login was ended, here or on another shard.
    pub(crate) fn session_ended(&mut self, session_id: SessionId, expires_at: Timestamp) {
        self.ended.revoke(session_id, expires_at);
    }

    /// How many ended logins are remembered.
    pub(crate) fn ended_sessions(&self) -> usize {
        self.ended.len()
    }

    pub(crate) fn tick(&mut self, now: Timestamp) {
        self.ended.expire(now);
    }
}

fn is_bearer(credentials: &[u8]) -> bool {
    credentials
        .get(..BEARER.len())
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case(BEARER))
}

//! The gate that every request passes: it knows who presents credentials, which logins were ended, and which pages may
//! act for users.

use rookery_schema::limits::{SESSION_MILLIS, TOKEN_MILLIS};
use rookery_schema::record::SessionEnded;
use rookery_schema::{SessionId, Timestamp, UserId};

use crate::auth::cookies::{self, Cookies, USER_COOKIE};
use crate::auth::ended_users::{AHEAD_MILLIS_MAX, EndedUsers};
use crate::auth::operator_token::OperatorToken;
use crate::auth::origins::Origins;
use crate::auth::revoked::Revoked;
use crate::auth::tokens::{Ticket, Tokens};
use crate::config::{AuthMode, Keys, ShardConfig};
use crate::edge::port::EndedSessions;
use crate::http::Request;
use crate::ids::{Caller, Invite, Session};
use crate::limits::Limit;
use crate::mesh::problem::Problem;
use crate::mesh::{Ended, EndedBy};

/// How credentials that are a token begin, in any case.
const BEARER: &[u8] = b"bearer ";
/// Cookies of one name that are tried in a request. Browsers send several where others than this server set some for
/// its host or path.
const COOKIES_TRIED_MAX: usize = 8;
/// Logins of one user that are ended one by one and have not expired. Above it, a logout ends all of theirs that expire
/// no later.
const LOGOUTS_PER_USER_MAX: usize = 1024;

/// What a request says about who calls.
#[derive(Clone, Copy)]
enum Credentials<B> {
    /// The token in `Authorization`.
    Bearer(B),
    /// A whole `Cookie` field: a browser sends what any page of the site has set.
    Cookie(B),
}

/// Credentials that were found to be good, and their caller.
pub(crate) struct Known {
    credentials: Credentials<Vec<u8>>,
    caller: Caller,
}

impl Known {
    fn is(&self, credentials: Credentials<&[u8]>) -> bool {
        match (&self.credentials, credentials) {
            (Credentials::Bearer(known), Credentials::Bearer(given))
            | (Credentials::Cookie(known), Credentials::Cookie(given)) => known == given,
            (Credentials::Bearer(_), Credentials::Cookie(_))
            | (Credentials::Cookie(_), Credentials::Bearer(_)) => false,
        }
    }
}

/// See the module.
pub(crate) struct Gate {
    mode: AuthMode,
    tokens: Tokens,
    operators: Option<OperatorToken>,
    ended_users: EndedUsers,
    /// Logins that were ended before their tokens expired.
    ended: Revoked,
    cookies: Cookies,
    origins: Origins,
}

impl Gate {
    pub(crate) fn new(config: &ShardConfig) -> Self {
        let tickets = config.ticket_keys.clone();
        Self {
            mode: config.auth,
            // In trust mode a name alone logs in, which no other mode must believe later.
            tokens: match config.auth {
                AuthMode::Token => Tokens::new(config.token_keys.clone(), tickets),
                AuthMode::Trust => Tokens::new(tickets.clone(), tickets),
            },
            operators: config
                .operator_token
                .as_deref()
                .map(|token| OperatorToken::new(token.as_ref(), config.ticket_keys.clone())),
            ended_users: EndedUsers::default(),
            ended: Revoked::default(),
            cookies: Cookies::new(config.is_secure()),
            origins: Origins::new(config),
        }
    }

    /// Whether there are calls for operators.
    pub(crate) const fn serves_operators(&self) -> bool {
        self.operators.is_some()
    }

    /// Whether an operator makes a request.
    pub(crate) fn is_by_operator(&self, request: &Request) -> bool {
        let presented = request.authorization().and_then(bearer);
        match (&self.operators, presented) {
            (Some(token), Some(presented)) => token.is(presented),
            (None, _) | (_, None) => false,
        }
    }

    pub(crate) const fn mode(&self) -> AuthMode {
        self.mode
    }

    pub(crate) const fn cookies(&self) -> Cookies {
        self.cookies
    }

    /// From now on, tokens have these keys. In trust mode they have none.
    pub(crate) fn set_token_keys(&mut self, keys: Keys) {
        match self.mode {
            AuthMode::Token => self.tokens.set_token_keys(keys),
            AuthMode::Trust => {}
        }
    }

    pub(crate) const fn origins(&self) -> &Origins {
        &self.origins
    }

    /// Whether a request carries a token, good or bad.
    pub(crate) fn carries_token(&self, request: &Request) -> bool {
        match self.mode {
            AuthMode::Trust => false,
            AuthMode::Token => self.is_by_bearer(request) || self.has_cookie(request),
        }
    }

    /// The token in `Authorization`, where it says who calls in this mode.
    fn bearer<'a>(&self, request: &'a Request) -> Option<&'a [u8]> {
        match self.mode {
            AuthMode::Trust => None,
            AuthMode::Token => request.authorization().and_then(bearer),
        }
    }

    /// What may say who calls, in this mode: `Authorization`, else each `Cookie`.
    fn credentials<'a>(&self, request: &'a Request) -> impl Iterator<Item = Credentials<&'a [u8]>> {
        let bearer = self.bearer(request);
        let cookies = bearer.is_none().then(|| request.headers("cookie"));
        let cookies = cookies.into_iter().flatten().map(Credentials::Cookie);
        bearer.map(Credentials::Bearer).into_iter().chain(cookies)
    }

    /// Whether there is a cookie that may say who calls. A browser sends it whatever page makes the request.
    pub(crate) fn has_cookie(&self, request: &Request) -> bool {
        let mut fields = request.headers("cookie");
        fields.any(|field| cookies::values(field, self.cookie()).next().is_some())
    }

    /// Whether `Authorization` says who calls, which no page can send that does not have the token.
    pub(crate) fn is_by_bearer(&self, request: &Request) -> bool {
        self.bearer(request).is_some()
    }

    /// The cookie that says who calls, in this mode.
    const fn cookie(&self) -> &'static str {
        match self.mode {
            AuthMode::Trust => USER_COOKIE,
            AuthMode::Token => self.cookies.session(),
        }
    }

    /// Who calls. What was found for the credentials that were seen last is kept in `known`, so that they are checked
    /// again only when they change or expire.
    pub(crate) fn caller(
        &self,
        request: &Request,
        known: &mut Option<Known>,
        now: Timestamp,
    ) -> Option<Caller> {
        let mut tries = COOKIES_TRIED_MAX;
        self.credentials(request).find_map(|credentials| {
            if let Some(known) = known
                && known.is(credentials)
                && self.is_current(&known.caller, now)
            {
                return Some(known.caller);
            }
            let caller = self.authenticate(credentials, &mut tries, now)?;
            let credentials = match credentials {
                Credentials::Bearer(token) => Credentials::Bearer(token.to_vec()),
                Credentials::Cookie(field) => Credentials::Cookie(field.to_vec()),
            };
            *known = Some(Known {
                credentials,
                caller,
            });
            Some(caller)
        })
    }

    /// The caller that credentials stand for, if they are valid.
    fn authenticate(
        &self,
        credentials: Credentials<&[u8]>,
        tries: &mut usize,
        now: Timestamp,
    ) -> Option<Caller> {
        let field = match credentials {
            Credentials::Bearer(token) => return self.verify(token, now),
            Credentials::Cookie(field) => field,
        };
        cookies::values(field, self.cookie()).find_map(|value| {
            *tries = tries.checked_sub(1)?;
            match self.mode {
                AuthMode::Trust => {
                    let user_id = std::str::from_utf8(value).ok()?.parse().ok()?;
                    let session = None;
                    Some(Caller { user_id, session })
                }
                AuthMode::Token => self.verify(value, now),
            }
        })
    }

    /// The caller that a token stands for, unless it is forged or expired, or its login was ended.
    pub(crate) fn verify(&self, token: &[u8], now: Timestamp) -> Option<Caller> {
        let (user_id, session) = self.tokens.verify(token, now)?;
        let caller = Caller {
            user_id,
            session: Some(session),
        };
        self.is_current(&caller, now).then_some(caller)
    }

    /// Whether credentials that were checked before are still good.
    pub(crate) fn is_current(&self, caller: &Caller, now: Timestamp) -> bool {
        caller.session.is_none_or(|session| {
            now < session.expires_at
                && !self.ended_users.ends(caller.user_id, session)
                && !self.ended.contains(session.session_id, session.expires_at)
        })
    }

    /// When a login of this moment expires, whose password ended the user's sessions until some time when it was set.
    ///
    /// # Errors
    /// - A new password has ended all logins of this moment, and the login was not compared with that: with the one
    ///   before, or while it is being set.
    /// - The user's logouts end all logins of this moment, and those a little ahead too.
    pub(crate) fn expiry_of_login(
        &self,
        user_id: UserId,
        ended_until: Timestamp,
        now: Timestamp,
    ) -> Result<Timestamp, Problem> {
        let until = |by| self.ended_users.until_by(user_id, by);
        let expires_at = self.first_expiry(ended_until, now);
        if expires_at <= until(EndedBy::Password) {
            return Err(Problem::PASSWORD_CHANGING);
        }
        let expires_at = expires_at.millis();
        let behind_logouts = until(EndedBy::Logouts).millis() + 1;
        match behind_logouts.saturating_sub(expires_at + AHEAD_MILLIS_MAX) {
            0 => {
                let least = expires_at.max(behind_logouts);
                Ok(Timestamp::from_millis(least.next_multiple_of(TOKEN_MILLIS)))
            }
            millis => {
                let seconds = u32::try_from(millis.div_ceil(1000)).unwrap_or(u32::MAX);
                Err(Problem::over(Limit::LogoutsPerUser, seconds))
            }
        }
    }

    /// When a login of this moment expires at the earliest. A clock that was ahead may have left behind that all up to a
    /// later time count as ended; a new login is not among them.
    fn first_expiry(&self, ended_until: Timestamp, now: Timestamp) -> Timestamp {
        let from = now.max(self.ended.all_until()).millis();
        let ended = ended_until.max(self.ended_users.all_until()).millis();
        let least = (from + SESSION_MILLIS).max(ended + 1);
        Timestamp::from_millis(least.next_multiple_of(TOKEN_MILLIS))
    }

    /// When an invite of this moment expires that is to live for so many seconds. As for logins, it is not among those
    /// that a clock which was ahead left behind.
    pub(crate) fn expiry_of_invite(&self, seconds: u64, now: Timestamp) -> Timestamp {
        let from = now.max(self.ended.all_until());
        Timestamp::from_millis((from.seconds() + seconds) * 1000)
    }

    /// No session up to this moment expires later, but for those of users whose sessions were ended before.
    pub(crate) fn latest_expiry(&self, now: Timestamp) -> Timestamp {
        let first = self.first_expiry(Timestamp::default(), now).millis();
        Timestamp::from_millis(first + AHEAD_MILLIS_MAX)
    }

    /// A token for a login.
    pub(crate) fn issue(&self, user_id: UserId, session: Session) -> Option<String> {
        self.tokens.issue(user_id, session)
    }

    pub(crate) fn issue_invite(&self, invite: Invite) -> Option<String> {
        self.tokens.issue_invite(invite)
    }

    /// The invite in a text, unless it is forged or expired, or was spent.
    pub(crate) fn verify_invite(&self, invite: &[u8], now: Timestamp) -> Option<Invite> {
        let invite = self.tokens.verify_invite(invite, now)?;
        (!self.is_spent(invite)).then_some(invite)
    }

    /// Whether somebody has registered with an invite, or is about to.
    pub(crate) fn is_spent(&self, invite: Invite) -> bool {
        self.ended.contains(invite.invite_id, invite.expires_at)
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

    /// What ends with a login: it, or where its user has ended many, all of theirs that expire no later. Where a clock was
    /// ahead when they logged in, that would be all of theirs for long: then it is ended by itself.
    pub(crate) fn end_login(&mut self, login: SessionEnded, now: Timestamp) -> SessionEnded {
        let is_single = self.ended.count_of(login.user_id) < LOGOUTS_PER_USER_MAX
            || login.expires_at > self.latest_expiry(now);
        let ended = match is_single {
            true => login,
            false => SessionEnded {
                session_id: SessionId::up_to_logout_of(login.user_id),
                // What is stored of it replaces what was.
                expires_at: login
                    .expires_at
                    .max(self.ended_users.until_by(login.user_id, EndedBy::Logouts)),
                ..login
            },
        };
        // At once, for the user's logouts that come before all shards are told.
        self.sessions_void(ended.into());
        ended
    }

    /// What ends with all logins of a user up to this moment. The next one expires later, as after many logouts.
    pub(crate) fn end_all(&mut self, user_id: UserId, now: Timestamp) -> SessionEnded {
        let until = |by| self.ended_users.until_by(user_id, by);
        let first = self.first_expiry(until(EndedBy::Password), now);
        let logouts = until(EndedBy::Logouts);
        // Of this moment on another shard, and right behind what ended before, they may be rounded up once more.
        let until = first.max(logouts).millis() + TOKEN_MILLIS;
        let ended = SessionEnded {
            session_id: SessionId::up_to_logout_of(user_id),
            user_id,
            expires_at: Timestamp::from_millis(until),
        };
        self.sessions_void(ended.into());
        ended
    }

    /// Sessions were ended, here or on another shard.
    pub(crate) fn sessions_void(&mut self, ended: Ended) {
        match ended {
            Ended::One(one) => {
                let user_id = Some(one.user_id);
                self.ended.revoke(one.session_id, one.expires_at, user_id);
            }
            Ended::AllOf {
                user_id,
                until,
                by,
                kept,
            } => {
                if let Some(session_id) = kept {
                    self.ended_users.keep(session_id, until);
                }
                self.ended_users.end(user_id, until, by);
            }
        }
    }

    /// These logins were ended before this process started.
    pub(crate) fn sessions_ended(&mut self, ended: EndedSessions) {
        self.ended.revoke_all_until(ended.all_until);
        for (session_id, expires_at) in ended.sessions {
            if session_id.is_kept() {
                self.ended_users.keep(session_id, expires_at);
                continue;
            }
            self.ended.revoke(session_id, expires_at, None);
            if let Some(user_id) = session_id.as_many_of() {
                let by = match session_id.is_up_to_logout() {
                    true => EndedBy::Logouts,
                    false => EndedBy::Password,
                };
                self.ended_users.end(user_id, expires_at, by);
            }
        }
    }

    /// How many ended logins are remembered.
    pub(crate) fn ended_sessions(&self) -> usize {
        self.ended.len()
    }

    pub(crate) fn tick(&mut self, now: Timestamp) {
        self.ended.expire(now);
        self.ended_users.expire(now);
    }
}

/// The token that credentials are.
fn bearer(credentials: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = credentials.split_at_checked(BEARER.len())?;
    scheme
        .eq_ignore_ascii_case(BEARER)
        .then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::ended_users::{AGAIN_MILLIS, ENDED_MILLIS};
    use crate::context::sample::config;

    /// What a restart finds in the store.
    #[test]
    fn what_a_password_ended_before_the_start_refuses_logins_and_what_logouts_ended_delays_them() {
        let now = Timestamp::from_millis(1_000_000);
        let user_id = UserId::v7(now, &[0xff; 10]);
        let until = Timestamp::from_millis(now.millis() + SESSION_MILLIS + 5000);
        let behind = Timestamp::from_millis(until.millis() + TOKEN_MILLIS);
        for (session_id, expected) in [
            (SessionId::all_of(user_id), Err(Problem::PASSWORD_CHANGING)),
            (SessionId::up_to_logout_of(user_id), Ok(behind)),
        ] {
            let mut gate = Gate::new(&config());
            gate.sessions_ended(EndedSessions {
                sessions: vec![(session_id, until)],
                ..EndedSessions::default()
            });
            let expiry = |ended_until| gate.expiry_of_login(user_id, ended_until, now);
            assert_eq!(expiry(Timestamp::default()), expected);
            assert_eq!(expiry(until), Ok(behind), "compared with the new password");
        }
    }

    #[test]
    fn a_logout_from_everywhere_ends_also_what_a_new_password_put_ahead() {
        let (now, user_id) = (Timestamp::from_millis(1), UserId::from_bytes([1; 16]));
        let mut gate = Gate::new(&config());
        let until = gate.latest_expiry(now);
        gate.sessions_void(Ended::AllOf {
            user_id,
            until,
            by: EndedBy::Password,
            kept: None,
        });
        let login = gate.expiry_of_login(user_id, until, now);
        let ended = gate.end_all(user_id, now).expires_at;
        assert!(login.is_ok_and(|login| login <= ended), "{login:?}");
        let next = gate.expiry_of_login(user_id, until, now);
        assert!(next.is_ok_and(|next| next > ended), "{next:?}");
    }

    #[test]
    fn the_next_password_ends_all_logins_with_the_one_before_however_often_their_user_logs_out() {
        let (set_at, user_id) = (Timestamp::from_millis(1), UserId::from_bytes([1; 16]));
        let mut gate = Gate::new(&config());
        let until = Timestamp::from_millis(set_at.millis() + ENDED_MILLIS);
        gate.sessions_void(Ended::AllOf {
            user_id,
            until,
            by: EndedBy::Password,
            kept: None,
        });
        let mut latest = Timestamp::default();
        for _ in 0..200 {
            latest = latest.max(gate.end_all(user_id, set_at).expires_at);
            if let Ok(login) = gate.expiry_of_login(user_id, until, set_at) {
                latest = latest.max(login);
            } else {
                break;
            }
        }
        assert!(latest > until);
        let next = set_at.millis() + AGAIN_MILLIS + ENDED_MILLIS;
        assert!(latest.millis() <= next, "{latest:?}, {next}");
    }

    /// Else the next login would be taken for one of before the password.
    #[test]
    fn a_logout_ends_no_more_than_the_logouts_before_it() {
        let (now, user_id) = (Timestamp::from_millis(1), UserId::from_bytes([1; 16]));
        let at = |millis| Timestamp::from_millis(now.millis() + millis);
        let mut gate = Gate::new(&config());
        let end = |gate: &mut Gate, number: u64, expires_at| {
            let login = SessionEnded {
                session_id: SessionId::from_bytes(u128::from(number).to_be_bytes()),
                user_id,
                expires_at,
            };
            gate.end_login(login, now).expires_at
        };
        let many = LOGOUTS_PER_USER_MAX as u64;
        for number in 0..many {
            end(&mut gate, number, at(10));
        }
        gate.sessions_void(Ended::AllOf {
            user_id,
            until: at(50),
            by: EndedBy::Password,
            kept: None,
        });
        assert_eq!(end(&mut gate, many, at(30)), at(30));
        assert_eq!(end(&mut gate, many + 1, at(25)), at(30));
    }
}

//! Signed tokens, cookies and tickets.

#[cfg(test)]
mod tests;

use rookery_schema::{SessionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::auth::jwt::{sign, verify};
use crate::config::Keys;
use crate::ids::{Caller, Invite, Session, usual_expiry};

/// Milliseconds in which a WebSocket ticket can be spent.
pub(crate) const TICKET_MILLIS: u64 = 30_000;
/// Seconds that the clock of whoever issued a token may be ahead of ours.
const CLOCK_SKEW_SECONDS: u64 = 60;

/// A ticket that was presented: who may connect with it, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) ticket_id: SessionId,
    pub(crate) user_id: UserId,
    pub(crate) expires_at: Timestamp,
    /// The login that the ticket was issued for.
    pub(crate) session: Option<Session>,
}

impl Ticket {
    /// Who presents it.
    pub(crate) const fn caller(&self) -> Caller {
        Caller {
            user_id: self.user_id,
            session: self.session,
        }
    }
}

/// Who issued a token: nobody but Rookery. Another service's token is refused even if it shares the
/// secret.
#[derive(Serialize, Deserialize)]
enum Issuer {
    #[serde(rename = "rookery")]
    Rookery,
}

// An unknown claim may be a restriction, such as `aud`, so it refuses the token.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenClaims {
    iss: Issuer,
    sub: UserId,
    sid: SessionId,
    /// Seconds, as JWT has it (RFC 7519, section 4.1.4).
    exp: u64,
    /// Seconds before which it is not to be accepted. Rookery sets none; others who have the key may.
    #[serde(default, skip_serializing_if = "is_unset")]
    nbf: u64,
    /// Seconds when it was issued, likewise. A clock that is far ahead would issue what outlives its time.
    #[serde(default, skip_serializing_if = "is_unset")]
    iat: u64,
}

impl TokenClaims {
    fn has_begun(&self, now: Timestamp) -> bool {
        self.nbf.max(self.iat) <= now.seconds() + CLOCK_SKEW_SECONDS
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_unset(seconds: &u64) -> bool {
    *seconds == 0
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TicketClaims {
    iss: Issuer,
    sub: UserId,
    jti: SessionId,
    /// Milliseconds: a ticket lives too briefly for seconds.
    exp: u64,
    session: Option<(SessionId, Timestamp)>,
    /// Milliseconds when the session's token was issued, where that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iat: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InviteClaims {
    iss: Issuer,
    invite: SessionId,
    /// Seconds.
    exp: u64,
}

/// Issues and verifies tokens, invites and tickets, the last with keys of their own. The engine has no clock: the
/// caller passes the time in.
pub(crate) struct Tokens {
    token_keys: Keys,
    ticket_keys: Keys,
}

impl Tokens {
    pub(crate) const fn new(token_keys: Keys, ticket_keys: Keys) -> Self {
        Self {
            token_keys,
            ticket_keys,
        }
    }

    /// From now on, tokens have these keys.
    pub(crate) fn set_token_keys(&mut self, keys: Keys) {
        self.token_keys = keys;
    }

    /// A token for a login.
    pub(crate) fn issue(&self, user_id: UserId, session: Session) -> Option<String> {
        let claims = TokenClaims {
            iss: Issuer::Rookery,
            sub: user_id,
            sid: session.session_id,
            exp: session.expires_at.seconds(),
            nbf: 0,
            iat: 0,
        };
        sign(&self.token_keys, &claims)
    }

    /// The login that a token stands for, unless it is forged, expired, or not valid yet.
    pub(crate) fn verify(&self, token: &[u8], now: Timestamp) -> Option<(UserId, Session)> {
        let claims: TokenClaims = verify(&self.token_keys, token)?;
        let seconds = |it: u64| Timestamp::from_millis(it.saturating_mul(1000));
        let issued_at = (claims.iat > 0).then(|| seconds(claims.iat));
        let exp = seconds(claims.exp);
        let session = Session {
            session_id: claims.sid,
            // For so long it is known what has ended all sessions of a user.
            expires_at: issued_at.map_or(exp, |at| exp.min(usual_expiry(at))),
            issued_at,
        };
        let is_valid = claims.has_begun(now) && now < session.expires_at;
        is_valid.then_some((claims.sub, session))
    }

    /// An invite as text. It is under the key of tokens, since it must survive a restart.
    pub(crate) fn issue_invite(&self, invite: Invite) -> Option<String> {
        let claims = InviteClaims {
            iss: Issuer::Rookery,
            invite: invite.invite_id,
            exp: invite.expires_at.seconds(),
        };
        sign(&self.token_keys, &claims)
    }

    /// The invite in a text, unless it is forged or expired.
    pub(crate) fn verify_invite(&self, invite: &[u8], now: Timestamp) -> Option<Invite> {
        let claims: InviteClaims = verify(&self.token_keys, invite)?;
        let invite = Invite {
            invite_id: claims.invite,
            expires_at: Timestamp::from_millis(claims.exp.saturating_mul(1000)),
        };
        (now < invite.expires_at).then_some(invite)
    }

    /// A ticket as text, for a query.
    pub(crate) fn issue_ticket(&self, ticket: &Ticket) -> Option<String> {
        let session = ticket.session;
        let claims = TicketClaims {
            iss: Issuer::Rookery,
            sub: ticket.user_id,
            jti: ticket.ticket_id,
            exp: ticket.expires_at.millis(),
            session: session.map(|session| (session.session_id, session.expires_at)),
            iat: session.and_then(|session| session.issued_at),
        };
        sign(&self.ticket_keys, &claims)
    }

    /// The ticket in a query, unless it is forged or expired. Its user's home knows whether it was
    /// already spent.
    pub(crate) fn verify_ticket(&self, ticket: &[u8], now: Timestamp) -> Option<Ticket> {
        let claims: TicketClaims = verify(&self.ticket_keys, ticket)?;
        let session = claims.session.map(|(session_id, expires_at)| Session {
            session_id,
            expires_at,
            issued_at: claims.iat,
        });
        let ticket = Ticket {
            ticket_id: claims.jti,
            user_id: claims.sub,
            expires_at: Timestamp::from_millis(claims.exp),
            session,
        };
        (now < ticket.expires_at).then_some(ticket)
    }
}

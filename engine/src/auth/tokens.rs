//! Signed tokens, cookies and tickets.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use rookery_schema::{SessionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::ids::{Caller, Session};

/// Milliseconds that a login lasts.
pub(crate) const SESSION_MILLIS: u64 = 14 * 24 * 3600 * 1000;
/// Milliseconds in which a WebSocket ticket can be spent.
pub(crate) const TICKET_MILLIS: u64 = 30_000;
/// Bytes of a token; longer ones are not looked at.
const TOKEN_BYTES_MAX: usize = 2048;
/// Name of the cookie that carries the token.
pub(crate) const SESSION_COOKIE: &str = "session";
/// Name of the cookie that tells the user in trust mode.
pub(crate) const USER_COOKIE: &str = "user_id";

/// A ticket that was presented: who may connect with it, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) ticket_id: SessionId,
    pub(crate) user_id: UserId,
    pub(crate) expires_at: Timestamp,
    /// The login that the ticket was bought with.
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

/// Makes and checks tokens (JWT, HS256) and tickets. Times are milliseconds, and are checked against
/// the clock that the caller passes in.
pub(crate) struct Tokens {
    sign: EncodingKey,
    check: DecodingKey,
    sign_ticket: EncodingKey,
    check_ticket: DecodingKey,
    validation: Validation,
}

#[derive(Serialize, Deserialize)]
struct TokenClaims {
    iss: String,
    sub: UserId,
    sid: SessionId,
    /// Seconds, as JWT has it (RFC 7519, section 4.1.4).
    exp: u64,
}

#[derive(Serialize, Deserialize)]
struct TicketClaims {
    iss: String,
    sub: UserId,
    jti: SessionId,
    exp: u64,
    session: Option<(SessionId, Timestamp)>,
}

/// Who issued a token; another service's token is refused even if it shares the secret.
const TOKEN_ISSUER: &str = "rookery";

impl Tokens {
    pub(crate) fn new(token_secret: &[u8], ticket_secret: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[TOKEN_ISSUER]);
        // The engine has no clock of its own: `exp` is checked by the methods below.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        Self {
            sign: EncodingKey::from_secret(token_secret),
            check: DecodingKey::from_secret(token_secret),
            sign_ticket: EncodingKey::from_secret(ticket_secret),
            check_ticket: DecodingKey::from_secret(ticket_secret),
            validation,
        }
    }

    /// A token for a login.
    pub(crate) fn issue(&self, user_id: UserId, session: Session) -> Option<String> {
        let claims = TokenClaims {
            iss: TOKEN_ISSUER.to_owned(),
            sub: user_id,
            sid: session.session_id,
            exp: session.expires_at.seconds(),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.sign).ok()
    }

    /// The login that a token stands for, unless it is forged or expired.
    pub(crate) fn verify(&self, token: &[u8], now: Timestamp) -> Option<(UserId, Session)> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let claims = decode::<TokenClaims>(token, &self.check, &self.validation)
            .ok()?
            .claims;
        let expires_at = Timestamp::from_millis(claims.exp.saturating_mul(1000));
        let session = Session {
            session_id: claims.sid,
            expires_at,
        };
        (now < expires_at).then_some((claims.sub, session))
    }

    pub(crate) fn issue_ticket(&self, ticket: &Ticket) -> Option<String> {
        let claims = TicketClaims {
            iss: TOKEN_ISSUER.to_owned(),
            sub: ticket.user_id,
            jti: ticket.ticket_id,
            exp: ticket.expires_at.millis(),
            session: ticket
                .session
                .map(|session| (session.session_id, session.expires_at)),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.sign_ticket).ok()
    }

    /// The ticket in a query, unless it is forged or expired. Whether it was spent already is known at
    /// its user's home.
    pub(crate) fn verify_ticket(&self, ticket: &[u8], now: Timestamp) -> Option<Ticket> {
        if ticket.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let claims = decode::<TicketClaims>(ticket, &self.check_ticket, &self.validation)
            .ok()?
            .claims;
        let expires_at = Timestamp::from_millis(claims.exp);
        let session = claims.session.map(|(session_id, expires_at)| Session {
            session_id,
            expires_at,
        });
        let ticket = Ticket {
            ticket_id: claims.jti,
            user_id: claims.sub,
            expires_at,
            session,
        };
        (now < expires_at).then_some(ticket)
    }
}

/// The value of a cookie in a `Cookie` header.
pub(crate) fn cookie<'a>(header: &'a [u8], name: &str) -> Option<&'a str> {
    let header = std::str::from_utf8(header).ok()?;
    let mut pairs = header.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(found, _)| found.trim_ascii() == name)?;
    Some(value.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn tokens() -> Tokens {
        Tokens::new(&[1; 32], &[2; 32])
    }

    fn session() -> Session {
        Session {
            session_id: SessionId::from_bytes([3; 16]),
            expires_at: Timestamp::from_millis(NOW.millis() + 60_000),
        }
    }

    #[test]
    fn a_token_stands_for_its_login_until_it_expires() {
        let user = UserId::from_bytes([4; 16]);
        let token = tokens().issue(user, session()).expect("issued");
        assert_eq!(
            tokens().verify(token.as_bytes(), NOW),
            Some((user, session()))
        );
        assert_eq!(
            tokens().verify(token.as_bytes(), session().expires_at),
            None
        );
    }

    #[test]
    fn forged_tokens_are_refused() {
        let user = UserId::from_bytes([4; 16]);
        let token = tokens().issue(user, session()).expect("issued");
        let other = Tokens::new(&[9; 32], &[2; 32]);
        assert_eq!(other.verify(token.as_bytes(), NOW), None);
        let (head, signature) = token.rsplit_once('.').expect("three parts");
        assert_eq!(tokens().verify(head.as_bytes(), NOW), None);
        assert_eq!(tokens().verify(format!("{head}.").as_bytes(), NOW), None);
        assert_eq!(
            tokens().verify(format!("{head}.{signature}x").as_bytes(), NOW),
            None
        );
        let payload = head.split_once('.').expect("two parts").1;
        // {"alg":"none","typ":"JWT"}
        let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.");
        assert_eq!(tokens().verify(unsigned.as_bytes(), NOW), None);
        assert_eq!(tokens().verify(&[b'a'; 65_536], NOW), None);
    }

    #[test]
    fn a_ticket_is_no_token_and_a_token_no_ticket() {
        let ticket = Ticket {
            ticket_id: SessionId::from_bytes([5; 16]),
            user_id: UserId::from_bytes([4; 16]),
            expires_at: Timestamp::from_millis(NOW.millis() + TICKET_MILLIS),
            session: Some(session()),
        };
        let text = tokens().issue_ticket(&ticket).expect("issued");
        assert_eq!(tokens().verify_ticket(text.as_bytes(), NOW), Some(ticket));
        assert_eq!(
            tokens().verify_ticket(text.as_bytes(), ticket.expires_at),
            None
        );
        assert_eq!(tokens().verify(text.as_bytes(), NOW), None);
        let token = tokens().issue(ticket.user_id, session()).expect("issued");
        assert_eq!(tokens().verify_ticket(token.as_bytes(), NOW), None);
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let header = b"a=b; session=to.ke.n ;user_id=u; session=second";
        assert_eq!(cookie(header, SESSION_COOKIE), Some("to.ke.n"));
        assert_eq!(cookie(header, "missing"), None);
    }
}

//! Which tokens, invites and tickets are good, and which bytes are none.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::*;
use crate::auth::jwt::{HEADER, TOKEN_BYTES_MAX};
use crate::config::Key;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// Keys of 32 equal bytes each.
fn keys(bytes: &[u8]) -> Keys {
    let mut all = bytes.iter().map(|byte| Arc::new([*byte; 32]) as Key);
    Keys::new(all.next().unwrap(), all.collect())
}

fn tokens() -> Tokens {
    Tokens::new(keys(&[1]), keys(&[2]))
}

fn user() -> UserId {
    UserId::from_bytes([4; 16])
}

fn session() -> Session {
    Session::new(
        SessionId::from_bytes([3; 16]),
        Timestamp::from_millis(NOW.millis() + 60_000),
    )
}

fn ticket(session: Option<Session>) -> Ticket {
    Ticket {
        ticket_id: SessionId::from_bytes([5; 16]),
        user_id: user(),
        expires_at: Timestamp::from_millis(NOW.millis() + TICKET_MILLIS),
        session,
    }
}

#[test]
fn a_token_stands_for_its_login_until_it_expires() {
    let token = tokens().issue(user(), session()).unwrap();
    assert_valid(&token);
    let late = session().expires_at;
    assert_eq!(tokens().verify(token.as_bytes(), late), None);
}

// What jsonwebtoken 11 issued at 51096bc for `user` and `session`. Logins outlast releases.
const ISSUED_TOKEN: &str = concat!(
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.",
    "eyJpc3MiOiJyb29rZXJ5Iiwic3ViIjoiMDQwNDA0MDQtMDQwNC0wNDA0LTA0MDQtMDQwNDA0MDQwNDA0Iiwic2lkIjoi",
    "MDMwMzAzMDMtMDMwMy0wMzAzLTAzMDMtMDMwMzAzMDMwMzAzIiwiZXhwIjoxNzAwMDAwMDYwfQ.",
    "yWsT_u4qVsWuS6PvU_rYDlM3UU4MMBn1i1VaFAKQTGs",
);
const ISSUED_TICKET: &str = concat!(
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.",
    "eyJpc3MiOiJyb29rZXJ5Iiwic3ViIjoiMDQwNDA0MDQtMDQwNC0wNDA0LTA0MDQtMDQwNDA0MDQwNDA0IiwianRpIjoi",
    "MDUwNTA1MDUtMDUwNS0wNTA1LTA1MDUtMDUwNTA1MDUwNTA1IiwiZXhwIjoxNzAwMDAwMDMwMDAwLCJzZXNzaW9uIjpb",
    "IjAzMDMwMzAzLTAzMDMtMDMwMy0wMzAzLTAzMDMwMzAzMDMwMyIsMTcwMDAwMDA2MDAwMF19.",
    "hk4M6PyOmme4AVNTV2M_nGUyqsGI5nFfFQqKEPL9PEw",
);
const ISSUED_TICKET_IN_TRUST_MODE: &str = concat!(
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.",
    "eyJpc3MiOiJyb29rZXJ5Iiwic3ViIjoiMDQwNDA0MDQtMDQwNC0wNDA0LTA0MDQtMDQwNDA0MDQwNDA0IiwianRpIjoi",
    "MDUwNTA1MDUtMDUwNS0wNTA1LTA1MDUtMDUwNTA1MDUwNTA1IiwiZXhwIjoxNzAwMDAwMDMwMDAwLCJzZXNzaW9uIjpu",
    "dWxsfQ.",
    "2GsMoktemoqYt2b3WtHq-EzZrzk8nAekFEQNNW_0Su0",
);

#[test]
fn what_earlier_versions_issued_is_valid_and_still_issued() {
    assert_eq!(
        tokens().verify(ISSUED_TOKEN.as_bytes(), NOW),
        Some((user(), session()))
    );
    assert_eq!(tokens().issue(user(), session()).unwrap(), ISSUED_TOKEN);
    for (text, session) in [
        (ISSUED_TICKET, Some(session())),
        (ISSUED_TICKET_IN_TRUST_MODE, None),
    ] {
        let ticket = ticket(session);
        assert_eq!(tokens().verify_ticket(text.as_bytes(), NOW), Some(ticket));
        assert_eq!(tokens().issue_ticket(&ticket).unwrap(), text);
    }
}

const HEADER_JSON: &str = r#"{"typ":"JWT","alg":"HS256"}"#;
const CLAIMS_JSON: &str = r#"{"iss":"rookery","sub":"04040404-0404-0404-0404-040404040404","sid":"03030303-0303-0303-0303-030303030303","exp":1700000060}"#;

/// Signs what `Tokens` would never issue, with the right secret.
fn signed(header: &str, claims: &str) -> String {
    let [header, claims] = [header, claims].map(|part| BASE64URL_NOPAD.encode(part.as_bytes()));
    signed_parts(&header, &claims)
}

fn signed_claims(claims: &str) -> String {
    signed(HEADER_JSON, claims)
}

fn signed_parts(header: &str, claims: &str) -> String {
    let signed = format!("{header}.{claims}");
    let mac = Hmac::<Sha256>::new_from_slice(&[1; 32]).unwrap();
    let signature = mac.chain_update(&signed).finalize().into_bytes();
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
}

#[track_caller]
fn assert_valid(token: &str) {
    let found = tokens().verify(token.as_bytes(), NOW);
    assert_eq!(found, Some((user(), session())), "{token}");
}

#[track_caller]
fn assert_refused(token: &str) {
    assert_eq!(tokens().verify(token.as_bytes(), NOW), None, "{token}");
}

/// `CLAIMS_JSON` with one part of it replaced.
fn claims_with(from: &str, to: &str) -> String {
    assert!(CLAIMS_JSON.contains(from), "{from}");
    CLAIMS_JSON.replace(from, to)
}

#[test]
fn a_token_signed_with_another_secret_is_refused() {
    assert_valid(&signed_claims(CLAIMS_JSON));
    let other = Tokens::new(keys(&[9]), keys(&[2]));
    assert_refused(&other.issue(user(), session()).unwrap());
}

#[test]
fn the_first_key_signs_and_all_verify() {
    let of_one = |byte| Tokens::new(keys(&[byte]), keys(&[2]));
    let rotated = Tokens::new(keys(&[7, 8, 1]), keys(&[2]));
    for byte in [7, 8, 1] {
        let token = of_one(byte).issue(user(), session()).unwrap();
        assert!(rotated.verify(token.as_bytes(), NOW).is_some(), "{byte}");
    }
    let token = of_one(9).issue(user(), session()).unwrap();
    assert_eq!(rotated.verify(token.as_bytes(), NOW), None);
    let token = rotated.issue(user(), session()).unwrap();
    assert!(of_one(7).verify(token.as_bytes(), NOW).is_some());
}

#[test]
fn a_token_is_refused_before_its_time() {
    let is_valid = |token: &str| tokens().verify(token.as_bytes(), NOW).is_some();
    for claim in ["nbf", "iat"] {
        let token = |seconds| {
            let more = format!(r#","{claim}":{seconds}}}"#);
            signed_claims(&claims_with("}", &more))
        };
        let now = NOW.seconds();
        assert!(is_valid(&token(now)));
        assert!(is_valid(&token(now + CLOCK_SKEW_SECONDS)));
        assert_refused(&token(now + CLOCK_SKEW_SECONDS + 1));
        assert_refused(&token(u64::MAX));
    }
    assert_refused(&signed_claims(&claims_with("}", r#","nbf":null}"#)));
}

#[test]
fn a_token_that_tells_when_it_was_issued_is_good_for_14_days_at_most() {
    let (seconds, days) = (NOW.seconds() - 10, 24 * 3600);
    let at = |seconds: u64| Timestamp::from_millis(seconds * 1000);
    for (exp, expires_at) in [
        (seconds + 60, seconds + 60),
        (seconds + 400 * days, seconds + 14 * days),
    ] {
        let claims = claims_with("1700000060", &exp.to_string());
        let token = signed_claims(&claims.replace('}', &format!(r#","iat":{seconds}}}"#)));
        let (_, session) = tokens().verify(token.as_bytes(), NOW).unwrap();
        assert_eq!(session.expires_at, at(expires_at));
        assert_eq!(session.issued_at, Some(at(seconds)));
        // A ticket for it ends with it.
        let tokens = tokens();
        let text = tokens.issue_ticket(&ticket(Some(session))).unwrap();
        let again = tokens.verify_ticket(text.as_bytes(), NOW).unwrap();
        assert_eq!(again.session, Some(session));
    }
}

#[test]
fn a_token_with_other_claims_than_were_signed_is_refused() {
    let (_, signature) = ISSUED_TOKEN.rsplit_once('.').unwrap();
    let claims = claims_with("1700000060", "1800000000");
    let claims = BASE64URL_NOPAD.encode(claims.as_bytes());
    assert_refused(&format!("{HEADER}{claims}.{signature}"));
}

#[test]
fn a_token_that_was_cut_is_refused() {
    for length in 0..ISSUED_TOKEN.len() {
        assert_refused(&ISSUED_TOKEN[..length]);
        assert_refused(&ISSUED_TOKEN[ISSUED_TOKEN.len() - length..]);
    }
}

#[test]
fn a_token_of_any_other_header_is_refused() {
    for header in [
        r#"{"alg":"none","typ":"JWT"}"#,
        r#"{"typ":"JWT","alg":"none"}"#,
        r#"{"typ":"JWT","alg":"HS512"}"#,
        r#"{"typ":"JWT","alg":"RS256"}"#,
        r#"{"typ":"JWT","alg":"hs256"}"#,
        r#"{"typ":"JWT","alg":"HS256","crit":["b64"],"b64":false}"#,
        r#"{"typ":"JWT"}"#,
        "{}",
        "",
    ] {
        let token = signed(header, CLAIMS_JSON);
        assert_refused(&token);
        let (unsigned, _) = token.rsplit_once('.').unwrap();
        assert_refused(&format!("{unsigned}."));
    }
}

#[test]
fn a_token_signed_with_hs512_is_refused() {
    let parts = [r#"{"typ":"JWT","alg":"HS512"}"#, CLAIMS_JSON];
    let signed = parts
        .map(|part| BASE64URL_NOPAD.encode(part.as_bytes()))
        .join(".");
    let mac = Hmac::<sha2::Sha512>::new_from_slice(&[1; 32]).unwrap();
    let signature = mac.chain_update(&signed).finalize().into_bytes();
    assert_refused(&format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature)));
}

#[test]
fn a_token_has_one_spelling() {
    assert_refused(&format!("{ISSUED_TOKEN}="));
    assert_refused(&ISSUED_TOKEN.replacen('_', "/", 1));
    // The signature's last character carries four bits, and `t` has the same four as `s`.
    let (start, last) = ISSUED_TOKEN.split_at(ISSUED_TOKEN.len() - 1);
    assert_eq!(last, "s");
    assert_refused(&format!("{start}t"));
    let [header, claims] =
        [HEADER_JSON, CLAIMS_JSON].map(|part| BASE64URL_NOPAD.encode(part.as_bytes()));
    assert_valid(&signed_parts(&header, &claims));
    for padding in ["=", "==", "\n"] {
        assert_refused(&signed_parts(&header, &format!("{claims}{padding}")));
    }
}

#[test]
fn a_token_with_something_after_it_is_refused() {
    for junk in ["x", "xxxx", ".", ".x", " ", "\n", "\0", "é"] {
        assert_refused(&format!("{ISSUED_TOKEN}{junk}"));
    }
    for junk in ["x", "{}", "\0", "é"] {
        assert_refused(&signed_claims(&format!("{CLAIMS_JSON}{junk}")));
    }
}

#[test]
fn a_token_of_another_issuer_is_refused() {
    for issuer in [
        "",
        r#""iss":"rookery2","#,
        r#""iss":"","#,
        r#""iss":null,"#,
        r#""iss":["rookery"],"#,
    ] {
        assert_refused(&signed_claims(&claims_with(r#""iss":"rookery","#, issuer)));
    }
}

#[test]
fn a_token_without_an_expiry_is_refused() {
    for expiry in [
        "",
        r#","exp":null"#,
        r#","exp":"1700000060""#,
        r#","exp":1.7e9"#,
        r#","exp":-1"#,
    ] {
        assert_refused(&signed_claims(&claims_with(r#","exp":1700000060"#, expiry)));
    }
}

#[test]
fn a_token_with_a_claim_twice_or_one_too_many_is_refused() {
    for more in [
        r#","exp":1700000060}"#,
        r#","iss":"rookery"}"#,
        r#","nbf":1,"nbf":1}"#,
        r#","aud":"another"}"#,
    ] {
        assert_refused(&signed_claims(&claims_with("}", more)));
    }
}

#[test]
fn an_oversized_token_is_refused() {
    let padded = |spaces| signed_claims(&claims_with("}", &(" ".repeat(spaces) + "}")));
    let fits = |spaces: &usize| padded(*spaces).len() <= TOKEN_BYTES_MAX;
    let longest = (0..TOKEN_BYTES_MAX).rev().find(fits).unwrap();
    assert_valid(&padded(longest));
    assert_refused(&padded(longest + 1));
}

#[test]
fn an_invite_is_no_token_and_a_token_no_invite() {
    let invite = Invite {
        invite_id: SessionId::from_bytes([6; 16]),
        expires_at: Timestamp::from_millis(NOW.millis() + 60_000),
    };
    let text = tokens().issue_invite(invite).unwrap();
    assert_eq!(tokens().verify_invite(text.as_bytes(), NOW), Some(invite));
    let late = invite.expires_at;
    assert_eq!(tokens().verify_invite(text.as_bytes(), late), None);
    assert_refused(&text);
    assert_eq!(tokens().verify_ticket(text.as_bytes(), NOW), None);
    let token = tokens().issue(user(), session()).unwrap();
    assert_eq!(tokens().verify_invite(token.as_bytes(), NOW), None);
}

#[test]
fn a_ticket_is_no_token_and_a_token_no_ticket() {
    let ticket = ticket(Some(session()));
    let text = tokens().issue_ticket(&ticket).unwrap();
    assert_eq!(tokens().verify_ticket(text.as_bytes(), NOW), Some(ticket));
    let late = ticket.expires_at;
    assert_eq!(tokens().verify_ticket(text.as_bytes(), late), None);
    assert_refused(&text);
    let token = tokens().issue(user(), session()).unwrap();
    assert_eq!(tokens().verify_ticket(token.as_bytes(), NOW), None);
}

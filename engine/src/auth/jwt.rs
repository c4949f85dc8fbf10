//! Claims as signed text: JWTs with HS256 and nothing else.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;

use crate::config::Keys;

/// Bytes of a token; longer ones are refused unread.
pub(crate) const TOKEN_BYTES_MAX: usize = 2048;
/// `{"typ":"JWT","alg":"HS256"}` in base64url, with the dot that ends it. Every token begins with these
/// very bytes, so the bearer has no say in how their token is verified.
pub(crate) const HEADER: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.";

/// A JWT with HS256 (RFC 7515, RFC 7519).
pub(crate) fn sign(keys: &Keys, claims: &impl Serialize) -> Option<String> {
    let claims = serde_json::to_vec(claims).ok()?;
    let mut token = HEADER.to_owned();
    BASE64URL_NOPAD.encode_append(&claims, &mut token);
    let signature = mac(keys.signing(), token.as_bytes()).finalize();
    token.push('.');
    BASE64URL_NOPAD.encode_append(&signature.into_bytes(), &mut token);
    Some(token)
}

/// The claims of a token that one of these keys signed, complete and well-formed. Whether they have expired
/// is left to the caller.
pub(crate) fn verify<Claims: DeserializeOwned>(keys: &Keys, token: &[u8]) -> Option<Claims> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let (signed, signature) = std::str::from_utf8(token).ok()?.rsplit_once('.')?;
    let claims = signed.strip_prefix(HEADER)?;
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
    // Each comparison takes the same time wherever the two differ.
    let fits = |key| mac(key, signed.as_bytes()).verify_slice(&signature).is_ok();
    if !keys.iter().any(fits) {
        return None;
    }
    let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?;
    serde_json::from_slice(&claims).ok()
}

/// The state of a key is made anew each time, and wiped behind it: none is kept.
pub(crate) fn mac(key: &[u8], signed: &[u8]) -> Hmac<Sha256> {
    let mac = Hmac::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.chain_update(signed)
}

//! The token that operators call with.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A token of which only a code is kept, under a key that nobody knows: how long it takes to compare two codes says
/// nothing about the token.
pub(crate) struct OperatorToken {
    mac: Hmac<Sha256>,
    code: Vec<u8>,
}

impl OperatorToken {
    pub(crate) fn new(token: &[u8], key: &[u8]) -> Self {
        let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        let code = mac.clone().chain_update(token).finalize();
        let code = code.into_bytes().to_vec();
        Self { mac, code }
    }

    /// Whether this is the token.
    pub(crate) fn is(&self, presented: &[u8]) -> bool {
        let mac = self.mac.clone().chain_update(presented);
        mac.verify_slice(&self.code).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_the_token() {
        let token = OperatorToken::new(b"of an operator", &[1; 32]);
        assert!(token.is(b"of an operator"));
        for wrong in [
            &b""[..],
            b"of an operato",
            b"of an operators",
            b"Of an operator",
        ] {
            assert!(!token.is(wrong), "{wrong:?}");
        }
    }
}

//! The token that operators call with.

use hmac::Mac;

use crate::auth::jwt::mac;
use crate::config::Keys;

/// A token of which only a code is kept, under a key that nobody knows: how long it takes to compare two codes says
/// nothing about the token.
pub(crate) struct OperatorToken {
    keys: Keys,
    code: Vec<u8>,
}

impl OperatorToken {
    pub(crate) fn new(token: &[u8], keys: Keys) -> Self {
        let code = mac(keys.signing(), token).finalize();
        let code = code.into_bytes().to_vec();
        Self { keys, code }
    }

    /// Whether this is the token.
    pub(crate) fn is(&self, presented: &[u8]) -> bool {
        let mac = mac(self.keys.signing(), presented);
        mac.verify_slice(&self.code).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn only_the_whole_token_is_the_token() {
        let keys = Keys::new(Arc::new([1; 32]), Vec::new());
        let token = OperatorToken::new(b"of an operator", keys);
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

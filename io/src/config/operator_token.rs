//! The token that operators call with, from a file that only they can read.

use std::{fmt, path::Path, sync::Arc};

use rookery_engine::config::Key;

use super::private_file::{PrivateFile, PrivateFileError};
use crate::secret_memory::{SecretMemory, SecretPart};

/// Bytes of a token: fewer could be guessed.
const TOKEN_BYTES_MIN: usize = 32;
/// Bytes of a token: more would not fit into a request with other fields.
const TOKEN_BYTES_MAX: usize = 4096;
/// Bytes of a file: a token, and the end of its line.
const FILE_BYTES_MAX: usize = TOKEN_BYTES_MAX + 2;

/// A token. It is never shown.
#[derive(Clone)]
pub struct OperatorToken(SecretPart);

impl OperatorToken {
    /// The token where it lies, to compare others with.
    pub fn key(&self) -> Key {
        Arc::new(self.0.clone())
    }

    /// The token in a file, without the end of its line.
    ///
    /// # Errors
    /// The file can't be read, is open to others than its owner, or does not hold 32 to 4096 visible ASCII characters.
    pub fn read(path: &Path) -> Result<Self, OperatorTokenError> {
        let private = PrivateFile {
            what: "operator's token",
            path,
            remedy: "name a file that this user can read",
        };
        let (content, bytes) = SecretMemory::read(private.open()?, FILE_BYTES_MAX)
            .map_err(|source| private.unreadable(source))?;
        let token = content[..bytes].trim_ascii_end();
        let is_right = (TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&token.len())
            && token.iter().all(u8::is_ascii_graphic);
        if !is_right {
            return Err(private.refuse(MalformedToken));
        }
        let range = 0..token.len();
        let whole = Arc::new(content);
        Ok(Self(SecretPart { whole, range }))
    }
}

impl fmt::Debug for OperatorToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorToken([redacted])")
    }
}

/// The operator's token can't be had.
pub type OperatorTokenError = PrivateFileError<MalformedToken>;

/// A token is too easily guessed, or can't be sent.
#[derive(Debug, thiserror::Error)]
#[error(
    "expected one line of {TOKEN_BYTES_MIN} to {TOKEN_BYTES_MAX} visible ASCII characters; openssl rand -hex 32 makes a good one"
)]
pub struct MalformedToken;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn read(content: &str, mode: u32) -> Result<OperatorToken, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("operator.token");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        OperatorToken::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn a_token_is_one_long_line_of_its_owner_s_and_is_not_shown() {
        let token = "x".repeat(TOKEN_BYTES_MIN);
        for end in ["", "\n", "\r\n"] {
            let found = read(&format!("{token}{end}"), 0o600).unwrap();
            assert_eq!((*found.key()).as_ref(), token.as_bytes());
            assert_eq!(format!("{found:?}"), "OperatorToken([redacted])");
        }
        let two_lines = format!("{token}\n{token}");
        let long = "x".repeat(TOKEN_BYTES_MAX + 1);
        for wrong in [
            "",
            &token[1..],
            &two_lines,
            &long,
            &format!("{token}\u{e9}"),
        ] {
            let message = read(wrong, 0o600).unwrap_err();
            assert!(message.contains("expected one line of 32"), "{message}");
        }
        let message = read(&token, 0o644).unwrap_err();
        assert!(message.contains("run chmod 600"), "{message}");
    }
}

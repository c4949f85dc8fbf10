//! Credentials for one of the operator's servers, from a file that only the operator can read.

use std::{fmt, io::Read as _, path::Path};

use super::private_file::{PrivateFile, PrivateFileError};

/// Bytes of a file with credentials: more is none.
const FILE_BYTES_MAX: u64 = 4096;

/// A user and a password. The password is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub user: String,
    password: String,
}

impl Credentials {
    /// The password, for logging in.
    pub fn expose(&self) -> &str {
        &self.password
    }

    /// Those in a file of two lines.
    ///
    /// # Errors
    /// The file can't be read, is open to others than its owner, or is not two lines of text.
    pub fn read(path: &Path) -> Result<Self, CredentialsError> {
        let private = PrivateFile {
            what: "credentials",
            path,
            remedy: "name a file of text that this user can read",
        };
        let file = private.open()?;
        let mut text = String::new();
        file.take(FILE_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(|source| private.unreadable(source))?;
        let mut lines = text.lines();
        match (lines.next(), lines.next(), lines.next()) {
            (Some(user), Some(password), None) if !user.is_empty() && !password.is_empty() => {
                Ok(Self {
                    user: user.to_owned(),
                    password: password.to_owned(),
                })
            }
            _ => Err(private.refuse(OtherLines)),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, [redacted])", self.user)
    }
}

/// Credentials can't be had.
pub type CredentialsError = PrivateFileError<OtherLines>;

/// A file of credentials has something else.
#[derive(Debug, thiserror::Error)]
#[error("expected a line with the user and one with the password")]
pub struct OtherLines;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn read(content: &str, mode: u32) -> Result<Credentials, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("credentials");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        Credentials::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn credentials_are_two_lines_and_the_password_is_not_shown() {
        for content in ["rookery\nvery secret", "rookery\nvery secret\n"] {
            let found = read(content, 0o600).unwrap();
            assert_eq!((&*found.user, found.expose()), ("rookery", "very secret"));
            assert_eq!(format!("{found:?}"), "Credentials(rookery, [redacted])");
        }
    }

    #[test]
    fn credentials_that_are_none_or_anybodys_are_refused() {
        for content in ["", "rookery", "rookery\n\n", "\nsecret\n", "a\nsecret\nc\n"] {
            let message = read(content, 0o600).unwrap_err();
            assert!(message.contains("expected a line"), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
        let message = read("rookery\nsecret", 0o644).unwrap_err();
        assert!(message.contains("run chmod 600"), "{message}");
        let message = Credentials::read(Path::new("/nowhere")).unwrap_err();
        assert!(message.to_string().starts_with("credentials /nowhere: "));
    }
}

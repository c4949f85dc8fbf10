//! The key that signs tokens: read from its file, or generated once.

use std::{
    fmt::{self, Write as _},
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::rand::{GetRandomFlags, getrandom};

/// Bytes of a secret: HMAC-SHA-256 wants a key no shorter than its hash (RFC 7518 section 3.2).
const SECRET_BYTES_MIN: usize = 32;
/// Bytes of a secret: more would only be hashed down to fewer.
const SECRET_BYTES_MAX: usize = 4096;
/// Random bytes of a generated secret, before they are written as hex.
const RANDOM_BYTES: usize = 32;
/// Permissions that would let others than the owner read or change the secret.
const MODE_OTHERS: u32 = 0o077;
/// Permissions that are too many even for a file of root's, who may let a service's group read it: systemd's
/// `LoadCredential=` and Kubernetes' secrets do. PostgreSQL has the same rule for its keys.
const MODE_OTHERS_OF_ROOT: u32 = 0o037;
/// Permissions of a generated secret.
const MODE_OWNER: u32 = 0o600;

/// A key. It is never shown: not in logs, not by `rookery config`, not by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The key's bytes, for signing.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

/// The token secret can't be had. Each variant is terminal, and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The file can't be read or made.
    #[error("token secret {}: {source}; name a file that this user can read, or whose directory it can write to, with --token-secret-file", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },

    /// Others than its owner may use the file.
    #[error("token secret {}: mode {mode:04o} lets others use it; run chmod 600, or 440 for one of root's, on {}", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },

    /// The secret is too easily guessed, or no secret at all.
    #[error("token secret {}: {bytes} bytes; expected {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX}, or no file, so that one is generated", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length without the line's end, as far as it was read.
        bytes: usize,
    },
}

/// The secret in a file; where there is none, a random one is put there first, for its owner alone.
/// Several processes may start at once: all of them get the same one.
///
/// # Errors
///
/// The file can't be read or made, is open to others than its owner, or its content, less the end
/// of its line, is shorter than 32 bytes.
pub fn token_secret(path: &Path) -> Result<Secret, SecretError> {
    let failed = |source| SecretError::Io {
        path: path.to_owned(),
        source,
    };
    match File::open(path) {
        Ok(file) => read(file, path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            generate(path).map_err(failed)?;
            read(File::open(path).map_err(failed)?, path)
        }
        Err(error) => Err(failed(error)),
    }
}

/// The permissions of a file that others than its owner may read or change.
pub(super) fn exposed_mode(file: &File) -> io::Result<Option<u32>> {
    let metadata = file.metadata()?;
    let mode = metadata.permissions().mode() & 0o7777;
    Ok(Some(mode).filter(|&mode| is_exposed(mode, metadata.uid())))
}

const fn is_exposed(mode: u32, owner: u32) -> bool {
    let too_many = if owner == 0 {
        MODE_OTHERS_OF_ROOT
    } else {
        MODE_OTHERS
    };
    mode & too_many != 0
}

fn read(file: File, path: &Path) -> Result<Secret, SecretError> {
    let failed = |source| SecretError::Io {
        path: path.to_owned(),
        source,
    };
    if let Some(mode) = exposed_mode(&file).map_err(failed)? {
        return Err(SecretError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let mut bytes = Vec::new();
    // Two more than the bound, so that a secret of just that length may end its line.
    let limit = SECRET_BYTES_MAX as u64 + 2;
    file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    let secret = bytes.trim_ascii_end();
    if (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&secret.len()) {
        Ok(Secret(secret.to_vec()))
    } else {
        Err(SecretError::Length {
            path: path.to_owned(),
            bytes: secret.len(),
        })
    }
}

/// Written aside and then linked: the name never stands for half a secret, and where another process
/// was faster its secret stays.
fn generate(path: &Path) -> io::Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}.new", std::process::id()));
    let aside = PathBuf::from(aside);

    let written = write_new(&aside, hex(random()?).as_bytes());
    let linked = written.and_then(|()| match fs::hard_link(&aside, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result,
    });
    fs::remove_file(&aside)?;
    linked?;
    File::open(directory)?.sync_all()
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    // A file of this name can only be left over from a process that died here and had our id.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE_OWNER)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn random() -> io::Result<[u8; RANDOM_BYTES]> {
    let mut bytes = [0; RANDOM_BYTES];
    // The kernel fills up to 256 bytes whole, once its generator is seeded (getrandom(2)).
    match getrandom(&mut bytes, GetRandomFlags::empty())? {
        RANDOM_BYTES => Ok(bytes),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn hex(bytes: [u8; RANDOM_BYTES]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    fn file_of(content: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (directory, path)
    }

    #[test]
    fn a_missing_secret_is_generated_once_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data/token.secret");
        let secret = token_secret(&path).unwrap();
        assert_eq!(secret.expose().len(), 2 * RANDOM_BYTES);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
            0o600
        );
        assert_eq!(token_secret(&path).unwrap(), secret);
        assert_eq!(
            fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "nothing is left aside"
        );

        let other = token_secret(&directory.path().join("other")).unwrap();
        assert_ne!(other, secret);
    }

    #[test]
    fn processes_that_start_together_agree() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        fs::write(&path, [b'x'; 40]).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        generate(&path).unwrap();
        assert_eq!(token_secret(&path).unwrap().expose(), [b'x'; 40]);
    }

    #[test]
    fn a_secret_open_to_others_is_refused() {
        for mode in [0o660, 0o604, 0o620, 0o601] {
            let (_directory, path) = file_of(&[b'x'; 64], mode);
            let message = token_secret(&path).unwrap_err().to_string();
            assert!(message.contains(&format!("mode {mode:04o}")), "{message}");
            assert!(message.contains("chmod 600"), "{message}");
        }
        let (_directory, path) = file_of(&[b'x'; 64], 0o400);
        assert!(
            token_secret(&path).is_ok(),
            "read-only is stricter than needed"
        );
    }

    #[test]
    fn root_may_let_a_group_read_and_nobody_else_may() {
        let own = 1000;
        for (mode, of_root, of_another) in [
            (0o400, false, false),
            (0o440, false, true),
            (0o640, false, true),
            (0o660, true, true),
            (0o444, true, true),
        ] {
            assert_eq!(is_exposed(mode, 0), of_root, "{mode:o}");
            assert_eq!(is_exposed(mode, own), of_another, "{mode:o}");
        }
    }

    #[test]
    fn a_secret_has_bounds_that_leave_out_the_end_of_its_line() {
        let mut least = vec![b'x'; SECRET_BYTES_MIN];
        least.extend(b"\r\n");
        let (_directory, path) = file_of(&least, 0o600);
        assert_eq!(
            token_secret(&path).unwrap().expose(),
            [b'x'; SECRET_BYTES_MIN]
        );

        for wrong in [0, SECRET_BYTES_MIN - 1, SECRET_BYTES_MAX + 1] {
            let mut content = vec![b'x'; wrong];
            content.extend(b"\n");
            let (_directory, path) = file_of(&content, 0o600);
            let error = token_secret(&path).unwrap_err();
            assert!(matches!(error, SecretError::Length { bytes, .. } if bytes == wrong));
        }
    }

    #[test]
    fn what_can_not_be_read_is_refused_with_its_path() {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let message = token_secret(directory.path()).unwrap_err().to_string();
        assert!(
            message.contains(&directory.path().display().to_string()),
            "{message}"
        );
    }

    #[test]
    fn a_secret_is_not_printed() {
        let secret = Secret(b"correct horse battery staple, or so".to_vec());
        assert_eq!(format!("{secret:?}"), "Secret([redacted])");
    }
}

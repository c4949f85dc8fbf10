//! The keys that sign tokens: read from their file, or generated once.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    ops::Range,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use rookery_engine::config::{Key, Keys};

use super::private_file::{PrivateFile, PrivateFileError};
use crate::entropy;
use crate::secret_memory::{SecretMemory, SecretPart};

/// Bytes of a key: HMAC-SHA-256 wants one no shorter than its hash (RFC 7518 section 3.2).
const KEY_BYTES_MIN: usize = 32;
/// Bytes of a key: more would only be hashed down to fewer.
const KEY_BYTES_MAX: usize = 4096;
/// Keys of a file: a token that none of them signed is compared with each.
const KEYS_MAX: usize = 8;
/// Bytes of a file: all keys, and comments.
const FILE_BYTES_MAX: usize = 2 * KEYS_MAX * KEY_BYTES_MAX;
/// Random bytes of a generated key, before they are written as hex.
const RANDOM_BYTES: usize = 32;
/// Permissions of a generated file.
const MODE_OWNER: u32 = 0o600;

/// The token keys can't be had.
pub type SecretError = PrivateFileError<KeysFault>;

/// What is wrong with the keys in a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysFault {
    /// A key is too easily guessed, or no key at all.
    #[error("{bytes} bytes on line {line}; expected {KEY_BYTES_MIN} to {KEY_BYTES_MAX}")]
    Length {
        /// The key's line, counted from 1.
        line: usize,
        /// Its length without the line's end.
        bytes: usize,
    },

    /// There is no key.
    #[error(
        "no key; write one of {KEY_BYTES_MIN} to {KEY_BYTES_MAX} bytes, or start without the file, so that one is generated"
    )]
    Empty,

    /// There is more than a server takes.
    #[error(
        "more than {KEYS_MAX} keys, or {FILE_BYTES_MAX} bytes; remove keys whose logins have expired"
    )]
    TooMany,
}

/// The keys in a file, one a line: the first signs, and all verify. Empty lines, and those that begin with `#`, are none.
/// A file that is not text is one key.
///
/// # Errors
///
/// The file can't be read, others than its owner may use it, or a key is shorter than 32 bytes.
pub fn token_keys(path: &Path) -> Result<Keys, SecretError> {
    let private = secret(path);
    let (content, bytes) = SecretMemory::read(private.open()?, FILE_BYTES_MAX)
        .map_err(|source| private.unreadable(source))?;
    keys(content, bytes).map_err(|fault| private.refuse(fault))
}

const fn secret(path: &Path) -> PrivateFile<'_> {
    PrivateFile {
        what: "token secret",
        path,
        remedy: "name a file that this user can read, or whose directory it can write to, with --token-secret-file",
    }
}

/// The same; where there is no file, one with a random key is put there first, for its owner alone.
/// Several processes may start at once: all of them get the same one.
///
/// # Errors
///
/// As [`token_keys`], or the file can't be made.
pub fn token_keys_or_new(path: &Path) -> Result<Keys, SecretError> {
    match token_keys(path) {
        Err(error) if error.is_missing() => {
            generate(path).map_err(|source| secret(path).unreadable(source))?;
            token_keys(path)
        }
        found => found,
    }
}

/// The keys in the first so many bytes of what was read.
fn keys(content: SecretMemory, bytes: usize) -> Result<Keys, KeysFault> {
    let lines = lines(&content[..bytes]);
    if bytes == content.len() || lines.len() > KEYS_MAX {
        return Err(KeysFault::TooMany);
    }
    for (line, range) in &lines {
        let (line, bytes) = (*line, range.len());
        if !(KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&bytes) {
            return Err(KeysFault::Length { line, bytes });
        }
    }
    let file = Arc::new(content);
    let mut keys = lines.into_iter().map(|(_, range)| {
        let whole = Arc::clone(&file);
        Arc::new(SecretPart { whole, range }) as Key
    });
    let first = keys.next().ok_or(KeysFault::Empty)?;
    Ok(Keys::new(first, keys.collect()))
}

/// The keys, where they stand, and the numbers of their lines.
fn lines(content: &[u8]) -> Vec<(usize, Range<usize>)> {
    if std::str::from_utf8(content).is_err() {
        return vec![(1, 0..content.trim_ascii_end().len())];
    }
    let mut start = 0;
    let lines = content.split(|byte| *byte == b'\n').map(|line| {
        let range = start..start + line.trim_ascii_end().len();
        start += line.len() + 1;
        range
    });
    let is_key = |range: &Range<usize>| {
        let line = content[range.clone()].trim_ascii_start();
        !line.is_empty() && !line.starts_with(b"#")
    };
    (1..)
        .zip(lines)
        .filter(|(_, range)| is_key(range))
        .collect()
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

    let written = write_new(&aside, &random_key()?);
    let linked = written.and_then(|()| match fs::hard_link(&aside, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        result => result.map(|()| true),
    });
    fs::remove_file(&aside)?;
    if linked? {
        tracing::info!(file = %path.display(), "made a token secret");
    }
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

/// Random bytes as hex, and the end of the line.
fn random_key() -> io::Result<SecretMemory> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut random = SecretMemory::new(RANDOM_BYTES)?;
    entropy::fill(&mut random)?;
    let mut line = SecretMemory::new(2 * RANDOM_BYTES + 1)?;
    for (pair, byte) in line.chunks_exact_mut(2).zip(random.iter()) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    line[2 * RANDOM_BYTES] = b'\n';
    Ok(line)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::config::private_file::Fault;

    fn file_of(content: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (directory, path)
    }

    /// The keys in a file of this content, in their order.
    fn read_keys(content: &[u8]) -> Result<Vec<Vec<u8>>, SecretError> {
        let (_directory, path) = file_of(content, 0o600);
        let keys = token_keys(&path)?;
        Ok(keys.iter().map(<[u8]>::to_vec).collect())
    }

    #[test]
    fn a_missing_secret_is_generated_once_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data/token.secret");
        assert!(token_keys(&path).is_err());
        let made = |path: &Path| {
            token_keys_or_new(path)
                .unwrap()
                .iter()
                .next()
                .unwrap()
                .to_vec()
        };
        let secret = made(&path);
        assert_eq!(secret.len(), 2 * RANDOM_BYTES);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
            0o600
        );
        assert_eq!(made(&path), secret);
        assert_eq!(
            fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "nothing is left aside"
        );
        assert_ne!(made(&directory.path().join("other")), secret);
    }

    #[test]
    fn processes_that_start_together_agree() {
        let (_directory, path) = file_of(&[b'x'; 40], 0o600);
        generate(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), [b'x'; 40]);
    }

    #[test]
    fn a_secret_open_to_others_is_refused() {
        for mode in [0o660, 0o604, 0o620, 0o601] {
            let (_directory, path) = file_of(&[b'x'; 64], mode);
            let message = token_keys(&path).unwrap_err().to_string();
            assert!(message.contains(&format!("mode {mode:04o}")), "{message}");
            assert!(message.contains("chmod 600"), "{message}");
        }
        let (_directory, path) = file_of(&[b'x'; 64], 0o400);
        assert!(
            token_keys(&path).is_ok(),
            "read-only is stricter than needed"
        );
    }

    #[test]
    fn each_line_is_a_key_but_for_comments_and_empty_ones() {
        let (old, new) = ("o".repeat(KEY_BYTES_MIN), "n".repeat(64));
        for content in [
            format!("{new}\n{old}"),
            format!("# since 2026\n\n{new}\r\n  \n  # before\n{old}\n\n"),
        ] {
            let keys = read_keys(content.as_bytes()).unwrap();
            assert_eq!(keys, [new.as_bytes(), old.as_bytes()], "{content:?}");
        }
        for content in ["", "\n", "# none\n"] {
            let error = read_keys(content.as_bytes()).unwrap_err();
            assert!(
                matches!(error.fault, Fault::Content(KeysFault::Empty)),
                "{error}"
            );
        }
        for keys in [KEYS_MAX, KEYS_MAX + 1] {
            let found = read_keys(format!("{old}\n").repeat(keys).as_bytes());
            assert_eq!(found.is_ok(), keys == KEYS_MAX, "{keys}");
        }
        let long = format!("# {}\n{old}", "x".repeat(FILE_BYTES_MAX));
        let error = read_keys(long.as_bytes()).unwrap_err();
        assert!(
            matches!(error.fault, Fault::Content(KeysFault::TooMany)),
            "{error}"
        );
    }

    #[test]
    fn a_file_of_random_bytes_is_one_key() {
        let mut bytes = [0xff; 64];
        bytes[20] = b'\n';
        bytes[0] = b'#';
        assert_eq!(read_keys(&bytes).unwrap(), [bytes]);
    }

    #[test]
    fn a_key_has_bounds_that_leave_out_the_end_of_its_line() {
        for end in ["", "\n", "\r\n"] {
            for right in [KEY_BYTES_MIN, KEY_BYTES_MAX] {
                let key = "x".repeat(right);
                let keys = read_keys(format!("{key}{end}").as_bytes()).unwrap();
                assert_eq!(keys, [key.as_bytes()]);
            }
        }
        for wrong in [1, KEY_BYTES_MIN - 1, KEY_BYTES_MAX + 1] {
            let content = format!("{}\n{}\n", "x".repeat(KEY_BYTES_MIN), "x".repeat(wrong));
            let error = read_keys(content.as_bytes()).unwrap_err();
            assert!(
                matches!(error.fault, Fault::Content(KeysFault::Length { line: 2, bytes }) if bytes == wrong),
                "{error}"
            );
        }
    }

    #[test]
    fn what_can_not_be_read_is_refused_with_its_path() {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let message = token_keys(directory.path()).unwrap_err().to_string();
        assert!(
            message.contains(&directory.path().display().to_string()),
            "{message}"
        );
    }

    #[test]
    fn keys_are_not_printed() {
        let (_directory, path) = file_of(b"correct horse battery staple, or so", 0o600);
        assert_eq!(
            format!("{:?}", token_keys(&path).unwrap()),
            "Keys([redacted])"
        );
    }
}

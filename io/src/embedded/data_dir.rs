//! The data directory, which one process has at a time.

use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file whose lock stands for the whole directory. The kernel gives it up when the process ends,
/// however it ends.
const LOCK_FILE: &str = "LOCK";
/// Messages and password hashes are nobody else's business.
const DIRECTORY_MODE: u32 = 0o700;

/// A data directory that no other process uses while this, or a clone of it, exists.
#[derive(Clone, Debug)]
pub struct DataDir {
    path: Arc<Path>,
    _lock: Arc<File>,
}

/// The data directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    #[error(
        "the data directory {} is in use by another process: stop that one, or name another with \
         --data-dir",
        .0.display()
    )]
    InUse(PathBuf),
    #[error("the data directory {}: {source}; name another with --data-dir", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl DataDir {
    /// Makes the directory where it does not exist, and locks it.
    ///
    /// # Errors
    /// Where it can't be made or written, or another process has it.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let failed = |source| DataDirError::Io {
            path: path.to_owned(),
            source,
        };
        create_private_dir(path).map_err(failed)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK_FILE))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.into(),
                _lock: Arc::new(lock),
            }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes a directory, and those above it, that only this user can look into.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(path)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_second_user_of_the_directory_is_turned_away_until_the_first_is_gone() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/data");
        let first = DataDir::open(&path).unwrap();
        let kept_by_a_lane = first.clone();
        drop(first);
        let text = DataDir::open(&path).unwrap_err().to_string();
        assert!(text.contains("in use by another process"), "{text}");
        assert!(text.contains("a/data"), "{text}");
        drop(kept_by_a_lane);
        DataDir::open(&path).unwrap();
    }

    #[test]
    fn others_can_not_look_into_it() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("data");
        let _data_dir = DataDir::open(&path).unwrap();
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, DIRECTORY_MODE);
    }

    #[test]
    fn a_path_that_is_no_directory_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = DataDir::open(file.path()).unwrap_err().to_string();
        assert!(text.contains(&*file.path().to_string_lossy()), "{text}");
    }
}

//! The data directory, which one process has at a time.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use rustix::process::geteuid;

use super::disk::DiskWatch;
use crate::lane::{self, Lane};
use crate::vital::{Failure, Shutdown};

/// The file whose lock stands for the whole directory. The kernel gives it up when the process ends,
/// however it ends.
const LOCK_FILE: &str = "LOCK";
/// Messages and password hashes are nobody else's business.
const DIRECTORY_MODE: u32 = 0o700;
/// Permissions that would let others put files of theirs in the place of ours, such as a token secret.
const MODE_OTHERS_WRITE: u32 = 0o022;
const ROOT: u32 = 0;
/// How often the lock and the disk are looked at again. The log looks at its own file before it acknowledges
/// anything, so that a directory that is removed before the next look takes nothing with it that was acknowledged since. In
/// one that was renamed, what is acknowledged until then is found again.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A data directory that no other process uses while this, or a clone of it, exists.
#[derive(Clone, Debug)]
pub struct DataDir {
    path: Arc<Path>,
    /// It stays locked for as long as it is open.
    _lock: Arc<File>,
    /// Of the locked file.
    identity: Identity,
    /// What of it is to stay, once it has been opened.
    parts: Arc<OnceLock<Vec<Part>>>,
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
    #[error(
        "the data directory {}: mode {mode:04o} lets others change what is in it; run chmod go-w on it, or name a \
         directory below it with --data-dir, which is then made for this user alone",
        path.display()
    )]
    Writable { path: PathBuf, mode: u32 },
    #[error(
        "the data directory {}: user {owner} owns it, and may change what is in it; run chown {ours} on it, or name a \
         directory of this user's with --data-dir",
        path.display()
    )]
    Owner {
        path: PathBuf,
        owner: u32,
        ours: u32,
    },
    #[error(
        "the directory {} was removed, renamed or replaced while this process used it: what it writes would \
         be lost, and another process may start there; put the directory back, if it still exists, before the next start",
        .0.display()
    )]
    Gone(PathBuf),
}

impl Failure for DataDirError {}

impl DataDir {
    /// Makes the directory where it does not exist, and locks it.
    ///
    /// # Errors
    /// Where it can't be made or written, others may change what is in it, or another process has it.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let failed = |source| DataDirError::Io {
            path: path.to_owned(),
            source,
        };
        create_private_dir(path).map_err(failed)?;
        check_protected(path)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK_FILE))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {
                // The way there may lead through a directory that is removed later.
                let path = path.canonicalize().map_err(failed)?;
                let data_dir = Self {
                    path: path.into(),
                    identity: Identity::of(&lock.metadata().map_err(failed)?),
                    _lock: Arc::new(lock),
                    parts: Arc::default(),
                };
                // It may have been removed before it was locked.
                data_dir.check()?;
                Ok(data_dir)
            }
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ends the process once the directory, or a part of it that is kept, is no longer there: its open files would take
    /// what nobody finds again. Looks at its disk too, where somebody wants to know.
    ///
    /// # Errors
    /// Where no thread can be made.
    pub(crate) fn watch(
        &self,
        mut disk: Option<DiskWatch>,
        shutdown: &Shutdown,
    ) -> io::Result<Lane> {
        let (data_dir, until) = (self.clone(), shutdown.clone());
        lane::spawn("data-dir", None, shutdown, move || {
            while !until.has_begun() {
                thread::sleep(LOOK_EVERY);
                data_dir.check()?;
                let mut parts = data_dir.parts.get().into_iter().flatten();
                parts.try_for_each(Part::check)?;
                if let Some(disk) = &mut disk {
                    disk.look();
                }
            }
            Ok::<(), DataDirError>(())
        })
    }

    /// Whoever watches the directory ends the process from now on where one of these directories in it, if it is there,
    /// is removed or replaced. What opens them has done so.
    pub(crate) fn keep(&self, names: &[&str]) {
        let parts = names.iter().filter_map(|name| {
            let path = self.path.join(name);
            let identity = Identity::of(&fs::metadata(&path).ok()?);
            Some(Part { path, identity })
        });
        self.parts.get_or_init(|| parts.collect());
    }

    /// Fails where the locked file is no longer the one that the next process would find.
    fn check(&self) -> Result<(), DataDirError> {
        self.identity.check(&self.path.join(LOCK_FILE), &self.path)
    }
}

/// A directory in the data directory.
#[derive(Debug)]
struct Part {
    path: PathBuf,
    identity: Identity,
}

impl Part {
    /// Fails where it is no longer there.
    fn check(&self) -> Result<(), DataDirError> {
        self.identity.check(&self.path, &self.path)
    }
}

/// What tells a file, or a directory, from all others that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(file: &fs::Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
        }
    }

    /// Fails where something else is at a path, or nothing: then this directory is gone. Where the kernel does not tell,
    /// whoever reads or writes there meets the error.
    fn check(self, path: &Path, dir: &Path) -> Result<(), DataDirError> {
        let is_here = match fs::metadata(path) {
            Ok(found) => Self::of(&found) == self,
            Err(error) => !matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ),
        };
        match is_here {
            true => Ok(()),
            false => Err(DataDirError::Gone(dir.to_owned())),
        }
    }
}

/// Makes a directory, and those above it, that only this user can look into.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(path)
}

/// Whether nobody else but root may change what is in a directory.
///
/// # Errors
/// Where others may, or the kernel does not tell.
pub(crate) fn check_protected(path: &Path) -> Result<(), DataDirError> {
    let found = path.metadata().map_err(|source| DataDirError::Io {
        path: path.to_owned(),
        source,
    })?;
    judge(path, found.mode() & 0o7777, found.uid(), geteuid().as_raw())
}

fn judge(path: &Path, mode: u32, owner: u32, ours: u32) -> Result<(), DataDirError> {
    let path = path.to_owned();
    if owner != ours && owner != ROOT {
        return Err(DataDirError::Owner { path, owner, ours });
    }
    if mode & MODE_OTHERS_WRITE != 0 {
        return Err(DataDirError::Writable { path, mode });
    }
    Ok(())
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use std::fs::{self, Permissions};
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
    fn it_is_gone_once_another_process_could_lock_its_path() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("data");
        let data_dir = DataDir::open(&path).unwrap();
        data_dir.check().unwrap();
        let elsewhere = root.path().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        let text = data_dir.check().unwrap_err().to_string();
        assert!(text.contains("was removed"), "{text}");
        let _second = DataDir::open(&path).unwrap();
        data_dir.check().unwrap_err();
        fs::remove_dir_all(&path).unwrap();
        fs::rename(&elsewhere, &path).unwrap();
        data_dir.check().unwrap();
        fs::remove_dir_all(&path).unwrap();
        fs::write(&path, "no directory").unwrap();
        data_dir.check().unwrap_err();
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
    fn one_that_others_may_change_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("data");
        drop(DataDir::open(&path).unwrap());
        let set = |mode| fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        for mode in [0o720, 0o702, 0o775, 0o1777, 0o2770] {
            set(mode);
            let text = DataDir::open(&path).unwrap_err().to_string();
            assert!(text.contains(&format!("mode {mode:04o}")), "{text}");
            assert!(text.contains("chmod go-w"), "{text}");
        }
        for mode in [0o700, 0o750, 0o755] {
            set(mode);
            DataDir::open(&path).unwrap();
        }
    }

    #[test]
    fn it_is_this_users_or_roots() {
        let allowed = |owner, ours| judge(Path::new("d"), 0o755, owner, ours).is_ok();
        assert!(allowed(1000, 1000) && allowed(ROOT, 1000) && allowed(ROOT, ROOT));
        assert!(!allowed(1001, 1000) && !allowed(1000, ROOT));
    }

    #[test]
    fn a_path_that_is_no_directory_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = DataDir::open(file.path()).unwrap_err().to_string();
        assert!(text.contains(&*file.path().to_string_lossy()), "{text}");
    }
}

//! Files that hold keys or passwords: nobody else may read them, or put others in their place.

use std::{
    fmt::Display,
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, process::geteuid};

use crate::vital::{EXIT_FAILURE, EXIT_USAGE, Failure};

/// Permissions that would let others than the owner read or change the file.
const MODE_OTHERS: u32 = 0o077;
/// Permissions that are too many even for a file of root's, who may let a service's group read it: systemd's
/// `LoadCredential=` and Kubernetes' secrets do. PostgreSQL has the same rule for its keys.
const MODE_OTHERS_OF_ROOT: u32 = 0o037;
const ROOT: u32 = 0;

/// Why others than this user and root may use a file, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Exposure {
    /// It is another user's.
    #[error("user {owner} owns it; run chown {ours}, or chown 0, on it")]
    Owner {
        /// Whose it is.
        owner: u32,
        /// Who runs this process.
        ours: u32,
    },
    /// Its permissions let others use it.
    #[error("mode {mode:04o} lets others use it; run chmod 600, or 440 for one of root's, on it")]
    Mode {
        /// Its permission bits.
        mode: u32,
    },
}

/// A private file, and what errors say of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct PrivateFile<'a> {
    /// What it holds.
    pub(super) what: &'static str,
    pub(super) path: &'a Path,
    /// What to do where it can't be read.
    pub(super) remedy: &'static str,
}

/// A private file can't be used. It is terminal, and says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{what} {}: {fault}", path.display())]
pub struct PrivateFileError<F: Display> {
    what: &'static str,
    path: PathBuf,
    pub(super) fault: Fault<F>,
}

/// What is wrong with a private file; `F` is what may be wrong with what it holds.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault<F> {
    /// It can't be read, or made.
    #[error("{source}; {remedy}")]
    Io {
        source: io::Error,
        remedy: &'static str,
    },
    /// Others than its owner may use it.
    #[error("{0}")]
    Exposed(Exposure),
    /// It does not hold what it should.
    #[error("{0}")]
    Content(F),
}

impl PrivateFile<'_> {
    /// Opens it, where nobody else may use it. It never waits: who re-reads a file has a service to go on with.
    ///
    /// # Errors
    /// It can't be opened, is no regular file, or others may use it.
    pub(super) fn open<F: Display>(self) -> Result<File, PrivateFileError<F>> {
        let opened = OpenOptions::new()
            .read(true)
            // Else a pipe would be waited for until somebody writes to it.
            .custom_flags(OFlags::NONBLOCK.bits() as i32)
            .open(self.path);
        let file = opened.map_err(|source| self.unreadable(source))?;
        let metadata = file.metadata().map_err(|source| self.unreadable(source))?;
        if !metadata.is_file() {
            let kind = io::ErrorKind::InvalidInput;
            return Err(self.unreadable(io::Error::new(kind, "it is no regular file")));
        }
        let mode = metadata.mode() & 0o7777;
        match judge(mode, metadata.uid(), geteuid().as_raw()) {
            Some(exposure) => Err(self.error(Fault::Exposed(exposure))),
            None => Ok(file),
        }
    }

    /// It could not be read, or made.
    pub(super) fn unreadable<F: Display>(self, source: io::Error) -> PrivateFileError<F> {
        let remedy = self.remedy;
        self.error(Fault::Io { source, remedy })
    }

    /// It holds something else than it should.
    pub(super) fn refuse<F: Display>(self, content: F) -> PrivateFileError<F> {
        self.error(Fault::Content(content))
    }

    fn error<F: Display>(self, fault: Fault<F>) -> PrivateFileError<F> {
        PrivateFileError {
            what: self.what,
            path: self.path.to_owned(),
            fault,
        }
    }
}

impl<F: Display> PrivateFileError<F> {
    /// Whether there is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(&self.fault, Fault::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

impl<F: Display> Failure for PrivateFileError<F> {
    /// Which file is named, whose it is, and what it holds are settings. That a disk is full, say, is not.
    fn exit_code(&self) -> u8 {
        use io::ErrorKind::{InvalidInput, NotADirectory, NotFound, PermissionDenied};
        match &self.fault {
            Fault::Exposed(_) | Fault::Content(_) => EXIT_USAGE,
            Fault::Io { source, .. } => match source.kind() {
                NotFound | PermissionDenied | InvalidInput | NotADirectory => EXIT_USAGE,
                _ => EXIT_FAILURE,
            },
        }
    }
}

const fn judge(mode: u32, owner: u32, ours: u32) -> Option<Exposure> {
    if owner != ours && owner != ROOT {
        return Some(Exposure::Owner { owner, ours });
    }
    let too_many = if owner == ROOT {
        MODE_OTHERS_OF_ROOT
    } else {
        MODE_OTHERS
    };
    if mode & too_many != 0 {
        return Some(Exposure::Mode { mode });
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use rustix::fs::{CWD, Mode, mkfifoat};

    #[test]
    fn root_may_let_a_group_read_and_nobody_else_may() {
        let own = 1000;
        for (mode, of_root, of_ours) in [
            (0o400, false, false),
            (0o440, false, true),
            (0o640, false, true),
            (0o660, true, true),
            (0o444, true, true),
        ] {
            let exposed = |owner| judge(mode, owner, own) == Some(Exposure::Mode { mode });
            assert_eq!(exposed(ROOT), of_root, "{mode:o}");
            assert_eq!(exposed(own), of_ours, "{mode:o}");
        }
    }

    #[test]
    fn a_restart_changes_nothing_about_which_file_was_named() {
        let missing = Path::new("/nowhere/at/all");
        let private = PrivateFile {
            what: "token",
            path: missing,
            remedy: "name another",
        };
        let code = |error: PrivateFileError<&str>| error.exit_code();
        assert_eq!(private.open().map(|_| ()).map_err(code), Err(EXIT_USAGE));
        assert_eq!(code(private.refuse("too short")), EXIT_USAGE);
        let full = io::ErrorKind::StorageFull.into();
        assert_eq!(code(private.unreadable(full)), EXIT_FAILURE);
    }

    #[test]
    fn a_pipe_and_a_directory_are_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        for path in [&pipe, dir.path()] {
            let private = PrivateFile {
                what: "token",
                path,
                remedy: "name another",
            };
            let error: PrivateFileError<&str> = private.open().unwrap_err();
            assert_eq!(error.exit_code(), EXIT_USAGE);
            assert!(error.to_string().contains("no regular file"), "{error}");
        }
    }

    #[test]
    fn a_file_of_another_user_is_exposed_whatever_its_mode() {
        let (owner, ours) = (1001, 1000);
        for ours in [ours, ROOT] {
            let exposure = judge(0o600, owner, ours);
            assert_eq!(exposure, Some(Exposure::Owner { owner, ours }));
        }
    }
}

//! The file whose blocks a partition keeps for small changes: where no others are left, it becomes the newest segment.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::embedded::Directory;

const RESERVE_FILE: &str = "reserve";
/// In which a file's blocks are counted (`stat(2)`).
const BLOCK_BYTES: u64 = 512;

/// Which blocks an append may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blocks {
    /// As many as leave the reserve.
    KeepReserve,
    /// Also those of the reserve.
    UseReserve,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
    /// The file, as long as it is there with all of its blocks.
    file: Option<File>,
}

impl Reserve {
    /// The reserve of so many bytes in a partition's directory, if it is there.
    pub(super) fn find(dir: &Path, bytes: u64) -> Self {
        let path = dir.join(RESERVE_FILE);
        let file = File::options().read(true).write(true).open(&path);
        let is_whole = |file: &File| {
            let found = file.metadata();
            found.is_ok_and(|it| it.len() == bytes && it.blocks() * BLOCK_BYTES >= bytes)
        };
        let file = file.ok().filter(is_whole);
        Self { path, bytes, file }
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes it, where it is not there. Its zeros are written: what is allocated without that needs more room when it
    /// is written.
    ///
    /// # Errors
    /// Where there is no room for it. Nothing of it is left then.
    pub(super) fn make(&mut self, dir: &Directory) -> io::Result<()> {
        if self.file.is_some() {
            return Ok(());
        }
        let made = self.write().and_then(|file| {
            dir.sync()?;
            Ok(file)
        });
        match made {
            Ok(file) => self.file = Some(file),
            Err(error) => {
                // What is left would only take room, and the next try overwrites it.
                let _ = fs::remove_file(&self.path);
                return Err(error);
            }
        }
        Ok(())
    }

    fn write(&self) -> io::Result<File> {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(true);
        let file = options.open(&self.path)?;
        file.write_all_at(&vec![0; self.bytes as usize], 0)?;
        file.sync_all()?;
        Ok(file)
    }

    /// Gives it another name, and itself away; `None` where it is not there. It is durable once the directory is synced.
    pub(super) fn rename(&mut self, to: &Path) -> io::Result<Option<File>> {
        if self.file.is_some() {
            fs::rename(&self.path, to)?;
        }
        Ok(self.file.take())
    }
}
